"""The winner among candidates: the simplest one that is not clearly worse than the best."""

from typing import TYPE_CHECKING

from assets.model_spec import CANDIDATES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assets.spec import UseCaseSpec
    from assets.training.evidence import Candidate


def choose(spec: "UseCaseSpec", candidates: "Mapping[str, Candidate]") -> tuple[str, str]:
    """Name of the winner, and one sentence that says why.

    The one-standard-error rule (Breiman, Friedman, Olshen and Stone, Classification and Regression
    Trees, 1984, section 3.4.3): the simplest candidate, in the order of ``CANDIDATES``, whose
    figure of the spec's metric lies within one standard error of the best figure.
    """
    metric, sign = spec.model.metric_name, spec.model.sign
    order = [name for name in CANDIDATES[spec.model.task] if name in candidates]
    figure = {name: candidates[name].metrics[metric] for name in order}
    # max keeps the first of equals, so the simpler.
    best = max(order, key=lambda name: sign * figure[name])
    error = candidates[best].standard_error
    winner = next(n for n in order if sign * (figure[best] - figure[n]) <= error)
    others = ", ".join(f"{n} {figure[n]:.4f}" for n in order if n != winner)
    if len(order) == 1:
        return winner, f"{winner} is the only candidate; its {metric} is {figure[winner]:.4f}."
    if winner != best:
        return winner, (
            f"{winner} is the simplest candidate within one standard error of the best: its "
            f"{metric} is {figure[winner]:.4f}, the best is {best} with {figure[best]:.4f} "
            f"(standard error {error:.4f})."
        )
    return winner, (
        f"{winner} has the best {metric}, {figure[winner]:.4f} (standard error {error:.4f}; "
        f"others: {others}), and no simpler candidate comes within one standard error."
    )
