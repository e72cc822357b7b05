"""What the measures of a night say of each thing an incident could be about."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from assets.incidents.kinds import ALL, BUDGET, DRIFT, FAIRNESS, PERFORMANCE, QUEUE, RELEASE
from assets.model_spec import SMALLER_IS_BETTER
from assets.release.non_inferiority import compared_by
from assets.tables import DRIFT as DRIFT_TABLE
from assets.tables import ECONOMICS as ECONOMICS_TABLE
from assets.tables import FAIRNESS as FAIRNESS_TABLE
from assets.tables import PERFORMANCE as PERFORMANCE_TABLE

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec

Verdict = Literal["seen", "quiet", "unsure"]
"""Found that night; looked for and not found; not enough evidence for either."""

Row = Mapping[str, Any]
"""A row of MEASURES_SCHEMA, or of RELEASE_CHECKS_SCHEMA."""

CALIBRATION = "calibration_error"
MOVED, IMPACT = "input_moved", "impact"
RATIO, COST, OVERDUE = "approval_ratio", "night_cost", "queue_overdue"

NAMED = 5
"""Columns a sentence names; it counts the others."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at. ``happened``: plain words of what was seen, empty where it was not;
    ``evidence``: the measures that say so, plain values."""

    kind: str
    subject: str
    verdict: Verdict
    happened: str = ""
    model_version: int | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Signs:
    """All findings of a night, one per kind and subject.

    ``watched``: kind to the subjects that are looked at, all of them where the kind is not there.
    """

    day: date
    findings: tuple[Finding, ...] = ()
    watched: Mapping[str, frozenset[str]] = field(default_factory=dict, hash=False)

    def of(self, kind: str, subject: str) -> Finding:
        """What was found. Without a finding it is not known; of what is not looked at any more
        nothing can be found, so it is quiet."""
        for one in self.findings:
            if (one.kind, one.subject) == (kind, subject):
                return one
        looked_at = subject in self.watched.get(kind, (subject,))
        return Finding(kind, subject, "unsure" if looked_at else "quiet")


def wanted(spec: "UseCaseSpec") -> dict[str, list[str]]:
    """Table of MEASURES_SCHEMA to the measures in it that incidents are about."""
    return {
        DRIFT_TABLE: [MOVED, IMPACT],
        PERFORMANCE_TABLE: [compared_by(spec), CALIBRATION],
        FAIRNESS_TABLE: [RATIO],
        ECONOMICS_TABLE: [COST, OVERDUE],
    }


def signs_of(
    spec: "UseCaseSpec", day: date, measures: Mapping[str, Sequence[Row]], moves: Sequence[Row]
) -> Signs:
    """The findings of one night. ``measures``: table to its rows of the night, those
    :func:`wanted`; ``moves``: rows of release_checks of the night that say what followed."""
    performance = measures.get(PERFORMANCE_TABLE, ())
    economics = measures.get(ECONOMICS_TABLE, ())
    fairness = [row for row in measures.get(FAIRNESS_TABLE, ()) if row["measure"] == RATIO]
    of_champion = [
        row for row in performance if row["subject"] == ALL and row["arm"] in ("champion", "")
    ]
    found = [
        *_drift(spec, day, measures.get(DRIFT_TABLE, ())),
        *(
            one
            for measure in (compared_by(spec), CALIBRATION)
            for one in _judged(spec, PERFORMANCE, measure, _measure(of_champion, measure))
        ),
        *(
            one
            for column in sorted({str(row["subject"]) for row in fairness})
            for one in _judged(
                spec, FAIRNESS, column, [row for row in fairness if row["subject"] == column]
            )
        ),
        *_judged(spec, BUDGET, ALL, _measure(economics, COST)),
        *_judged(spec, QUEUE, ALL, _measure(economics, OVERDUE)),
        *(_rolled_back(row) for row in moves if row["verdict"] == "roll_back"),
    ]
    watched = {
        PERFORMANCE: frozenset({compared_by(spec), CALIBRATION}),
        FAIRNESS: frozenset(spec.sensitive),
        # The ladder takes its step every night: one that takes nobody off it is a quiet one.
        RELEASE: frozenset[str](),
    }
    return Signs(day, tuple(found), watched)


def _measure(rows: Iterable[Row], measure: str) -> list[Row]:
    return [row for row in rows if row["measure"] == measure and row["subject"] == ALL]


def _judged(spec: "UseCaseSpec", kind: str, subject: str, rows: Sequence[Row]) -> Iterable[Finding]:
    """One finding of a measure that is held against a limit; none where it was not measured.

    One that nothing judges (any more) breaks no limit.
    """
    if not rows:
        return
    by_verdict = {row["verdict"]: row for row in reversed(rows)}
    if "fail" in by_verdict:
        row = by_verdict["fail"]
        evidence = {"measures": [plain(row)]}
        words = WORDS[kind](spec, row)
        yield Finding(kind, subject, "seen", words, row["model_version"], evidence)
    elif "pass" in by_verdict or set(by_verdict) == {""}:
        yield Finding(kind, subject, "quiet")
    else:
        yield Finding(kind, subject, "unsure")


def _drift(spec: "UseCaseSpec", day: date, rows: Sequence[Row]) -> Iterable[Finding]:
    moved, impact = _measure(rows, MOVED), _measure(rows, IMPACT)
    if not moved or not impact:
        return
    verdicts = (moved[0]["verdict"], impact[0]["verdict"])
    if verdicts == ("moved", "matters"):
        yield Finding(
            DRIFT,
            ALL,
            "seen",
            _moved_words(spec, day, moved[0], impact[0]),
            moved[0]["model_version"] or impact[0]["model_version"],
            {"measures": [plain(moved[0]), plain(impact[0])]},
        )
    elif verdicts[0] == "stable" or verdicts in (("moved", "harmless"), ("moved", "none")):
        yield Finding(DRIFT, ALL, "quiet")
    else:
        yield Finding(DRIFT, ALL, "unsure")


def _rolled_back(move: Row) -> Finding:
    version, stage = int(move["version"]), str(move["stage"])
    return Finding(
        RELEASE,
        f"version {version}",
        "seen",
        f"Version {version} was taken out of the {stage}: {move['message']}",
        version,
        {"move": {name: move[name] for name in ("version", "stage", "verdict", "message")}},
    )


def plain(row: Row) -> dict[str, Any]:
    """A measure as plain values: floats of six significant digits, without what says nothing."""
    found: dict[str, Any] = {}
    for name in ("measure", "subject", "arm", "model_version", "n", "verdict"):
        if row[name] not in (None, ""):
            found[name] = row[name]
    for name in ("value", "low", "high", "limit"):
        if row[name] is not None:
            found[name] = float(f"{row[name]:.6g}")
    if detail := detail_of(row):
        found["detail"] = detail
    return found


def detail_of(row: Row) -> dict[str, Any]:
    """The detail of a measure; empty where there is none."""
    found = json.loads(row["detail"] or "{}")
    return found if isinstance(found, dict) else {}


def _moved_words(spec: "UseCaseSpec", day: date, moved: Row, impact: Row) -> str:
    detail = detail_of(moved)
    columns = [str(name) for name in detail.get("drifted", [])]
    others = len(columns) - NAMED
    named = ", ".join(columns[:NAMED]) + (f" and {others} more" if others > 0 else "")
    window = detail.get("reference_window")
    known = f" of {' to '.join(map(str, window))}" if isinstance(window, list) and window else ""
    against = f", against {detail['reference_rows']}{known}" if "reference_rows" in detail else ""
    effect = (
        f"; the largest move is {moved['value']:.1f} times what quiet nights show"
        if moved["value"] is not None
        else ""
    )
    sentence = detail_of(impact).get("sentence", "")
    return (
        f"The input of {spec.name} moved on {day}, and it matters: {named or 'its columns'} "
        f"({moved['n']} cases{against}){effect}. {sentence}"
    ).rstrip()


def _performance_words(spec: "UseCaseSpec", row: Row) -> str:
    watch = spec.monitoring.performance
    of_version = f" of version {row['model_version']}" if row["model_version"] is not None else ""
    n = f"{row['n']} matured cases of the last {watch.window_days} nights"
    if row["measure"] == CALIBRATION:
        return (
            f"The scores{of_version} are off by {row['value']:.3f} on average"
            f"{_interval(row, watch.confidence, n)}; at most {row['limit']:.3f} is allowed."
        )
    bound = "at most" if row["measure"] in SMALLER_IS_BETTER else "at least"
    return (
        f"{row['measure']}{of_version} is {row['value']:.3f}{_interval(row, watch.confidence, n)}; "
        f"{bound} {row['limit']:.3f} is asked for."
    )


def _fairness_words(spec: "UseCaseSpec", row: Row) -> str:
    watch = spec.monitoring.fairness
    n = f"{row['n']} cases of the last {watch.window_days} nights"
    return (
        f"Of the groups of {row['subject']}, the one approved least often is approved "
        f"{row['value']:.2f} times as often as the one approved most often"
        f"{_interval(row, watch.confidence, n)}; at least {row['limit']:.2f} is asked for."
    )


def _budget_words(spec: "UseCaseSpec", row: Row) -> str:
    money = spec.economics.currency
    cases = f" for {row['n']} cases" if row["n"] is not None else ""
    return (
        f"The night cost {row['value']:.2f} {money}{cases}, compute and review "
        f"together; the budget is {row['limit']:.2f} {money}."
    )


def _queue_words(spec: "UseCaseSpec", row: Row) -> str:
    return (
        f"{row['value']:.0f} cases at the desk are overdue; {row['limit']:.0f} may be "
        "(monitoring.overdue_cases)."
    )


def _interval(row: Row, confidence: float, n: str) -> str:
    if row["low"] is None or row["high"] is None:
        return f" ({n})"
    return f" ({confidence:.0%} interval {row['low']:.3f} to {row['high']:.3f}, {n})"


WORDS = {
    PERFORMANCE: _performance_words,
    FAIRNESS: _fairness_words,
    BUDGET: _budget_words,
    QUEUE: _queue_words,
}
