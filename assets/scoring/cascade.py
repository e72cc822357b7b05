"""The cascade at night: the cheap model decides the clear cases, the winner all others.

Every night the winner also scores a sample of the clear cases. Where on more of them than
``model.cascade.max_disagreement`` the policy would decide otherwise by its score, it scores every
case of the night. That is the only way in which other cases have a say in the score of one: but
for it, the same case gets the same score in any batch and order.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assets.scoring.golden_check import TOLERANCE, GoldenDiffers
from assets.training.distil import advised, clear_cases
from assets.training.frame import feature_frame
from assets.training.gates.shares import Share
from assets.training.predict import predict

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from assets.model_spec import CascadeSpec
    from assets.scoring.loader import VerifiedModel
    from assets.spec import UseCaseSpec

CONFIDENCE = 0.95

FEWEST = 50
"""Clear cases without which nothing is said of a night. The winner has scored them all by then."""


@dataclass(frozen=True)
class Cascaded:
    """Scores of a night's cases, in the order of the frame."""

    scores: "np.ndarray"  # float64, probability of label 1, shape (n,): the one that stands
    cheap: "np.ndarray"  # bool, shape (n,): whose score is the cheap model's
    figures: dict[str, Any]
    """Plain JSON: ``cases``, ``cheap`` (scored by the cheap model, as it stands), ``cheap_share``,
    ``by_winner`` (cases the winner scored, the sample among them) and ``whole``, why the winner
    scored every case, or null. With a cheap model further ``band``, ``clear`` (outside it),
    ``sampled``, ``disagreed``, ``disagreement`` (null, or ``value``, ``low``, ``high`` and
    ``confidence``), ``limit`` and ``above_limit``."""


def cascaded(spec: "UseCaseSpec", model: "VerifiedModel", frame: "pd.DataFrame") -> Cascaded:
    """Score the rows of ``frame`` (of :func:`assets.training.frame.feature_frame`).

    The cheap model scores all; the winner scores those inside the band (its ends included, and what
    is no number) and ``model.cascade.sample`` of the others, drawn by ``model.seed`` from the cases
    in an order of their own, so that the order of rows has no say. Outside the band the cheap score
    stands, inside the winner's. A sample above the limit leaves every case to the winner; one of
    fewer than ``FEWEST`` cases says nothing.

    Without ``model.cascade``, of a version without a cheap model, and of one whose gate judged a
    wider band than the spec has now, the winner scores all. Raises GoldenDiffers when the cheap
    model does not give the golden rows their scores, and what a model raises that fails on rows.
    """
    import numpy as np

    cascade = spec.model.cascade
    whole = _whole(cascade, model)
    if cascade is None or model.cheap is None or whole:
        scores = predict(spec, model.pipeline, frame)
        none = np.zeros(len(scores), dtype=bool)
        return Cascaded(scores, none, _figures(none, len(scores), whole))
    require_cheap_golden(spec, model)
    cheap = predict(spec, model.cheap, frame)
    clear = clear_cases(cascade, cheap)
    drawn = drawn_cases(cascade, spec.model.seed, frame, cheap, clear)
    asked = ~clear
    asked[drawn] = True
    winner = np.full(len(cheap), np.nan)
    winner[asked] = predict(spec, model.pipeline, frame.iloc[np.flatnonzero(asked)])
    hits = int((advised(spec, winner[drawn]) != advised(spec, cheap[drawn])).sum())
    above = len(drawn) >= FEWEST and hits / len(drawn) > cascade.max_disagreement
    if above:
        rest = np.flatnonzero(~asked)
        winner[rest] = predict(spec, model.pipeline, frame.iloc[rest])
        whole = (
            f"on {hits} of {len(drawn)} sampled clear cases the policy would decide otherwise by "
            f"the winner's score, allowed are {cascade.max_disagreement:.3g} of them"
        )
    stands = np.zeros(len(cheap), dtype=bool) if above else clear
    figures = {
        **_figures(stands, len(cheap) if above else int(asked.sum()), whole),
        "band": list(cascade.band),
        "clear": int(clear.sum()),
        "sampled": len(drawn),
        "disagreed": hits,
        "disagreement": _interval(hits, len(drawn)),
        "limit": cascade.max_disagreement,
        "above_limit": above,
    }
    return Cascaded(np.where(stands, cheap, winner), stands, figures)


def require_cheap_golden(spec: "UseCaseSpec", model: "VerifiedModel") -> float:
    """Score the golden rows by the cheap model; the largest difference to its stored scores.

    Raises GoldenDiffers when a score differs by more than TOLERANCE, is missing, or cannot be
    computed. Tolerance and reasons are those of :mod:`assets.scoring.golden_check`.
    """
    import numpy as np

    stored, what_to_do = model.cheap_golden, "Train and approve a new version"
    if model.cheap is None or stored is None or not len(stored):
        raise GoldenDiffers(f"{spec.name}: the cheap model has no golden scores. {what_to_do}")
    try:
        scores = predict(spec, model.cheap, feature_frame(spec, model.golden))
    except Exception as error:
        # Whatever a broken model raises: the type alone, for the text may hold a value of a row.
        raise GoldenDiffers(
            f"{spec.name}: the cheap model cannot score its own golden rows "
            f"({type(error).__name__}). {what_to_do}"
        ) from error
    apart = np.abs(scores - stored)
    if not (apart <= TOLERANCE).all():  # of a NaN on either side: no
        raise GoldenDiffers(
            f"{spec.name}: {int((~(apart <= TOLERANCE)).sum())} of {len(scores)} golden rows score "
            "otherwise by the cheap model than when it was registered (allowed difference "
            f"{TOLERANCE:g}). Look at the versions of libraries. {what_to_do}"
        )
    return float(apart.max())


def drawn_cases(
    cascade: "CascadeSpec",
    seed: int,
    frame: "pd.DataFrame",
    cheap: "np.ndarray",
    clear: "np.ndarray",
) -> "np.ndarray":
    """Positions of the sampled clear cases, rising; all of them where there are no more.

    Drawn from the cases by rising cheap score, of equal ones by a hash of their features: the same
    cases in any order of rows (but for cases with all features equal, which score alike).
    """
    import numpy as np

    places = np.flatnonzero(clear)
    if len(places) <= cascade.sample:
        return places
    order = places[np.argsort(cheap[places], kind="stable")]
    drawn = np.random.default_rng(seed).choice(len(order), cascade.sample, replace=False)
    scores = cheap[order]
    tied = np.diff(scores, prepend=np.nan) == 0
    tied[:-1] |= tied[1:]
    torn = np.flatnonzero(tied & np.isin(scores, scores[drawn]))
    if len(torn):
        # Hashing every case would cost a good part of what the cascade saves.
        from pandas.util import hash_pandas_object

        hashes = hash_pandas_object(frame.iloc[order[torn]], index=False).to_numpy()
        order[torn] = order[torn][np.lexsort((hashes, scores[torn]))]
    found: np.ndarray = np.sort(order[drawn])
    return found


def _whole(cascade: "CascadeSpec | None", model: "VerifiedModel") -> str | None:
    """Why the cheap model decides nothing, whatever its scores."""
    if cascade is None:
        return "the spec asks for no cascade"
    if model.cheap is None:
        return "the version has no cheap model"
    if model.band is None or cascade.band[0] > model.band[0] or cascade.band[1] < model.band[1]:
        judged = f"{model.band[0]:g} to {model.band[1]:g}" if model.band else "none"
        return (
            f"the band {cascade.band[0]:g} to {cascade.band[1]:g} leaves more cases to the cheap "
            f"model than the one it was judged with ({judged}): train and approve a version"
        )
    return None


def _figures(stands: "np.ndarray", by_winner: int, whole: str | None) -> dict[str, Any]:
    cheap = int(stands.sum())
    return {
        "cases": len(stands),
        "cheap": cheap,
        "cheap_share": cheap / len(stands) if len(stands) else 0.0,
        "by_winner": by_winner,
        "whole": whole,
    }


def _interval(hits: int, rows: int) -> dict[str, float] | None:
    """Wilson's interval, see :mod:`assets.training.gates.shares`."""
    return dict(vars(Share(hits, rows).interval(CONFIDENCE))) if rows else None
