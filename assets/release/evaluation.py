"""What a night shows of the challenger, and what follows: it holds, it climbs, or it is out.

Any check that fails takes it off the ladder the same night; when all are met it goes a step up;
else it stays where it is, and the record says what is missing. That too few outcomes have matured
holds it, unless ``release.non_inferiority.insufficient`` lets time alone promote.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns import LABEL
from assets.lake import PARTITION
from assets.quality.stopped import stopped_nights
from assets.release.checks import Check
from assets.release.compared import Compared, both_usable, of_arm, read_compared
from assets.release.disagreement import disagreement_check
from assets.release.group_rates import fairness_check, sensitive_values
from assets.release.guardrails import calibration_check, scores_check, shift_check
from assets.release.matured import matured
from assets.release.moves import Move, Verdict
from assets.release.non_inferiority import non_inferiority_check
from assets.release.progress import approval_check, cases_check, days_check
from assets.release.since_training import since_training

if TYPE_CHECKING:
    from datetime import date

    from assets.home import Home
    from assets.lake import Lake
    from assets.release.events import Champion
    from assets.spec import UseCaseSpec


TOLD = ("days", "cases", "disagreement", "approval_shift", "non_inferiority")
"""Checks whose findings are spelled out where all are met; the others are in the evidence."""


@dataclass(frozen=True)
class Evaluation:
    """The checks of a night in the order they are asked, and the move; neither without a
    challenger."""

    day: "date"
    checks: tuple[Check, ...] = ()
    move: Move | None = None
    problem: str = ""  # why the challenger on record does not count
    affected: tuple["date", ...] = ()  # nights on which the challenger decided cases, ascending


def evaluate(spec: "UseCaseSpec", lake: "Lake", home: "Home", day: "date") -> Evaluation:
    """Judge the challenger of ``day`` by what its nights left in the lake up to that day.

    Nothing later is looked at, so the same day gives the same answer whenever it is asked. Writes
    nothing. Raises NotApproved as ``champion_on`` does.
    """
    from assets.release.deciders import deciders_on

    deciders = deciders_on(lake, home, spec, day)
    challenger, stage = deciders.challenger, deciders.stage
    if challenger is None or stage is None:
        return Evaluation(day, problem=deciders.problem)
    compared = read_compared(lake, spec.name, challenger, stage, day)
    since = None
    if deciders.champion is not None:
        stopped = stopped_nights(spec, lake)
        since = since_training(
            spec, lake, home, day, deciders.champion, challenger, without=stopped
        )
    approvers = _approvers(spec, lake, home, challenger, stage, day)
    checks = asked(spec, lake, compared, approvers, since)
    decided = pc.unique(of_arm(compared.rows, "canary").column(PARTITION)).to_pylist()
    return Evaluation(
        day,
        tuple(checks),
        concluded(spec, challenger.version, stage, checks),
        deciders.problem,
        tuple(sorted(decided)),
    )


def asked(
    spec: "UseCaseSpec",
    lake: "Lake",
    compared: Compared,
    approved_by: Sequence[str],
    since: pa.Table | None = None,
) -> list[Check]:
    """The checks of the stage, of these cases, by outcomes (and groups) in the lake.

    ``since``: of :func:`assets.release.since_training.since_training`; without it the paired test
    and the calibration look at the cases of the stages alone.
    """
    if compared.stage == "shadow":
        own = _shadow(spec, compared)
    else:
        own = _canary(spec, lake, compared, since)
    no_worse = _no_worse(spec, lake, compared, since)
    return [*own, no_worse, approval_check(spec, compared.version, approved_by)]


def concluded(
    spec: "UseCaseSpec",
    version: int,
    stage: Literal["shadow", "canary"],
    checks: Sequence[Check],
) -> Move:
    """What follows from the checks of a night."""
    failed = [check for check in checks if check.verdict == "fail"]
    # A canary is how to learn more: too few outcomes keep nobody in the shadow.
    patient = stage == "shadow" or spec.release.non_inferiority.insufficient == "promote"
    waived = [check for check in checks if check.waits_for_labels and patient]
    missing = [c for c in checks if c.verdict == "insufficient" and c not in waived]
    verdict: Verdict
    if failed:
        verdict, reason = "roll_back", "; ".join(f"{c.name}: {c.message}" for c in failed)
    elif missing:
        verdict = "hold"
        reason = f"missing {'; '.join(f'{c.name}: {c.message}' for c in missing)}"
    else:
        verdict = "promote"
        told = [c.message for c in checks if c.name in TOLD and c not in waived]
        reason = f"all of {len(checks)} checks are met: {'; '.join(told)}"
        if waived and stage == "shadow":
            names = ", ".join(check.name for check in waived)
            reason += f"; too few outcomes have matured for {names}: the canary is to show it"
        elif waived:
            names = ", ".join(check.name for check in waived)
            reason += (
                f"; too few outcomes have matured for {names}: time alone promotes it "
                "(release.non_inferiority.insufficient: promote)"
            )
    evidence = {"checks": {check.name: check.as_json() for check in checks}}
    return Move(version, stage, verdict, reason, evidence)


def _approvers(
    spec: "UseCaseSpec",
    lake: "Lake",
    home: "Home",
    challenger: "Champion",
    stage: Literal["shadow", "canary"],
    day: "date",
) -> list[str]:
    """Who said that the challenger may decide from the next night on."""
    from datetime import timedelta

    from assets.release.authority import read_authority
    from assets.release.backing import approvals_waiting
    from assets.release.events import APPROVED, entry_of, read_events

    if stage == "canary":
        return list(challenger.approved_by)
    events = read_events(lake, spec.name)
    entry = entry_of(events, challenger.version)
    if entry is None:
        return []
    # What came of the night, or came later, has no say in it however late it is asked again: not an
    # approval for later nights, nor that the version has become champion by these since.
    following = day + timedelta(days=1)
    by_then = [
        e for e in events if e["effective_from"] <= (following if e["stage"] == APPROVED else day)
    ]
    return list(approvals_waiting(spec, by_then, read_authority(lake, home), entry))


def _shadow(spec: "UseCaseSpec", compared: Compared) -> list[Check]:
    return [
        days_check(spec, compared),
        cases_check(spec, compared),
        scores_check(spec, compared),
        disagreement_check(spec, compared),
    ]


def _canary(
    spec: "UseCaseSpec", lake: "Lake", compared: Compared, since: pa.Table | None
) -> list[Check]:
    checks = [
        days_check(spec, compared),
        cases_check(spec, compared),
        scores_check(spec, compared),
        shift_check(spec, compared, "refer"),
        shift_check(spec, compared, "approve"),
    ]
    # A regression approves nothing and has no probability; without a sensitive column there are no
    # groups: what cannot be asked is not among the checks.
    if spec.model.task != "regression":
        checks.append(_calibrated(spec, lake, compared, since))
        if spec.sensitive:
            values = sensitive_values(lake, spec, compared)
            checks.append(fairness_check(spec, compared, values))
    return checks


def _no_worse(
    spec: "UseCaseSpec", lake: "Lake", compared: Compared, since: pa.Table | None
) -> Check:
    if since is not None:
        return non_inferiority_check(spec, since, since.num_rows)
    scored = both_usable(compared.both_stages)
    return non_inferiority_check(spec, matured(spec, lake, compared.day, scored), scored.num_rows)


def _calibrated(
    spec: "UseCaseSpec", lake: "Lake", compared: Compared, since: pa.Table | None
) -> Check:
    own = of_arm(compared.rows, "canary")
    own = own.filter(pc.is_valid(own.column("score")))
    labelled = matured(spec, lake, compared.day, own) if since is None else since
    happened = labelled.column(LABEL)
    if spec.model.task == "multiclass":
        happened = pc.equal(labelled.column("prediction"), pc.cast(happened, pa.string()))
    return calibration_check(
        spec,
        labelled.column("score").to_numpy(),
        pc.cast(happened, pa.float64()).to_numpy(),
    )
