"""The checks of the ladder that are a matter of time: nights, cases, and people's approval."""

from typing import TYPE_CHECKING

from assets.release.checks import Check
from assets.release.compared import Compared, both_usable, of_arm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assets.spec import UseCaseSpec


def days_check(spec: "UseCaseSpec", compared: Compared) -> Check:
    """Nights of the stage against the least number of them."""
    there, needed = len(compared.days), _stage_spec(spec, compared)[0]
    return Check(
        "days",
        "pass" if there >= needed else "insufficient",
        f"{there} of {needed} nights in the {compared.stage}",
        {"days": there, "first": compared.first.isoformat()},
        {"days": needed},
    )


def cases_check(spec: "UseCaseSpec", compared: Compared) -> Check:
    """Cases both scored (shadow), or that the challenger decided (canary)."""
    needed = _stage_spec(spec, compared)[1]
    if compared.stage == "shadow":
        there, what = both_usable(compared.rows).num_rows, "scored by both"
    else:
        there, what = of_arm(compared.rows, "canary").num_rows, "decided by the challenger"
    return Check(
        "cases",
        "pass" if there >= needed else "insufficient",
        f"{there} of {needed} cases {what}",
        {"cases": there},
        {"cases": needed},
    )


def approval_check(spec: "UseCaseSpec", version: int, approved_by: "Sequence[str]") -> Check:
    """Whether as many people as it needs said that the version may decide."""
    needed, names = spec.approvals_needed, list(approved_by)
    figures = {"approved_by": names}
    if len(names) >= needed:
        return Check(
            "approval", "pass", f"approved by {', '.join(names)}", figures, {"people": needed}
        )
    so_far = f" (so far {', '.join(names)})" if names else ""
    return Check(
        "approval",
        "insufficient",
        f"{needed - len(names)} of {needed} approvals are awaited{so_far}: `nightshift approve "
        f"{spec.name} {version} --reason TEXT`",
        figures,
        {"people": needed},
    )


def _stage_spec(spec: "UseCaseSpec", compared: Compared) -> tuple[int, int]:
    """Least days and cases; a stage the spec no longer has asks for none."""
    stage = spec.release.shadow if compared.stage == "shadow" else spec.release.canary
    return (stage.days, stage.cases) if stage is not None else (0, 0)
