"""How often the policy would decide otherwise on the challenger's score: what a shadow shows."""

from typing import TYPE_CHECKING

import pyarrow.compute as pc

from assets.release.checks import Check
from assets.release.compared import Compared, both_usable, entity_numbers
from assets.release.rates import percent, share_of

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec


def disagreement_check(spec: "UseCaseSpec", compared: Compared) -> Check:
    """Share of the shadow's cases with other advice, and for several classes another class.

    It fails when its interval (Wilson's, of so many independent cases as they are worth, at
    ``guardrails.confidence``) lies wholly above ``shadow.most_disagreement``, and passes when the
    share itself is within. In between too few cases have been seen: insufficient.
    """
    shadow = spec.release.shadow
    limit = shadow.most_disagreement if shadow is not None else 1.0
    guard = spec.release.guardrails
    rows = both_usable(compared.rows)
    threshold = {
        "most": limit,
        "confidence": guard.confidence,
        "min_cases": guard.min_cases,
    }
    figures: dict[str, object] = {"cases": rows.num_rows}
    if rows.num_rows < guard.min_cases:
        told = f"{rows.num_rows} cases scored by both, {guard.min_cases} are needed to compare"
        return Check("disagreement", "insufficient", told, figures, threshold)
    apart = pc.not_equal(rows.column("advice"), rows.column("champion_advice"))
    if spec.model.task == "multiclass":
        apart = pc.or_(
            apart, pc.not_equal(rows.column("prediction"), rows.column("champion_prediction"))
        )
    share = share_of(apart.to_numpy(zero_copy_only=False).astype(bool), entity_numbers(rows))
    found = share.interval(guard.confidence)
    figures |= {"share": found, "independent_cases": share.rows}
    told = f"other advice on {percent(found)} of {rows.num_rows} cases, at most {100 * limit:g} %"
    if found.low > limit:
        return Check("disagreement", "fail", told, figures, threshold)
    verdict = "pass" if found.value <= limit else "insufficient"
    return Check("disagreement", verdict, told, figures, threshold)  # type: ignore[arg-type]
