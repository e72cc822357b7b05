"""Gates at the door that look at a day as a whole: its rows, its files, its times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import median
from typing import Any

from assets.gate_results import Verdict
from assets.ingestion.source_days import LandedFile, SourceDay, names_of
from assets.source_spec import DoorGatesSpec, SourceSpec, parse_duration
from assets.spec import closes_at

DAILY_FRESHNESS = timedelta(hours=24)
"""Of a daily source with a timestamp, unless the spec says otherwise."""


@dataclass(frozen=True)
class Evidence:
    """What a gate judges a source's day by. Everything in ``history`` is before ``today``."""

    source: SourceSpec
    day: date
    today: SourceDay
    history: Sequence[SourceDay] = ()
    """Earlier days that no gate of the source stopped, ascending."""

    earlier: Sequence[SourceDay] = ()
    """Earlier days, whatever the gates said."""

    files: Sequence[LandedFile] = ()
    earlier_files: Sequence[LandedFile] = ()

    @property
    def limits(self) -> DoorGatesSpec:
        return self.source.gates


@dataclass(frozen=True)
class Finding:
    """What a gate found: the verdict, why, and the figures against what was allowed."""

    verdict: Verdict
    message: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    threshold: Mapping[str, Any] = field(default_factory=dict)


def insufficient(message: str, **figures: Any) -> Finding:
    """Too little is known for a verdict."""
    return Finding("insufficient", message, figures)


def volume(evidence: Evidence) -> Finding:
    """Rows of the day over the median of the same weekday before (a snapshot: of all before)."""
    today, limits = evidence.today, evidence.limits
    low, high = limits.volume
    snapshot = evidence.source.arrival == "snapshot"
    alike = [
        d.landed for d in evidence.history if snapshot or d.day.weekday() == evidence.day.weekday()
    ]
    what = "earlier snapshots" if snapshot else f"{evidence.day:%A}s before"
    figures: dict[str, Any] = {"landed": today.landed, "days": len(alike)}
    threshold = {"ratio": [low, high]}
    if today.landed == 0 and evidence.source.arrival != "optional":
        return Finding(
            "fail",
            f"no rows in {names_of(evidence.files)}. Ask the source for the complete file, drop it "
            "and run the day again",
            figures,
            threshold,
        )
    if len(alike) < limits.min_history:
        return insufficient(
            f"{today.landed} rows, and only {len(alike)} {what} to compare them with "
            f"({limits.min_history} are needed)",
            **figures,
        )
    usual = median(alike)
    if max(today.landed, usual) < limits.min_rows:
        return insufficient(
            f"{today.landed} rows where {usual:g} are usual: too few to judge "
            f"({limits.min_rows} are needed)",
            **figures,
        )
    # Nothing was usual: any number is infinitely more.
    ratio = today.landed / usual if usual else None
    figures |= {"median": usual, "ratio": ratio}
    seen = f"{today.landed} rows, the median of {len(alike)} {what} is {usual:g}"
    if ratio is not None and low <= ratio <= high:
        return Finding("pass", seen, figures, threshold)
    times = "" if ratio is None else f" ({ratio:.2f} times as many)"
    return Finding(
        "fail",
        f"{seen}{times}; allowed are {low:g} to {high:g} times. See whether "
        f"{names_of(evidence.files)} is complete and was sent once, drop the right file and run "
        "the day again; if this is how it will be from now on, widen gates.volume",
        figures,
        threshold,
    )


def quarantined(evidence: Evidence) -> Finding:
    """Share of the landed rows that are in quarantine."""
    return _share(
        evidence,
        evidence.today.quarantined,
        evidence.limits.quarantined,
        "are in quarantine",
        "See which rules they broke with `nightshift quarantine list`, and ask the source for a "
        "corrected file, or change the contract in defs.yaml",
    )


def duplicate_keys(evidence: Evidence) -> Finding:
    """Share of the landed rows that repeat the key of another row."""
    return _share(
        evidence,
        evidence.today.duplicates,
        evidence.limits.duplicate_keys,
        f"repeat a key ({', '.join(evidence.source.key)})",
        "See whether the source sent rows twice, or the key in defs.yaml does not tell rows apart",
    )


def future_timestamps(evidence: Evidence) -> Finding:
    """Share of the landed rows dated after the day closed."""
    return _share(
        evidence,
        evidence.today.future,
        evidence.limits.future_timestamps,
        f"have a {evidence.source.timestamp} after the day closed",
        "See whether the clock or the time zone of the source is right (`timezone` in defs.yaml)",
    )


def repeated_day(evidence: Evidence) -> Finding:
    """Is a file, or are all rows but for their timestamp, those of an earlier day?"""
    today, limits = evidence.today, evidence.limits
    threshold = {"repeated files": 0, "repeated rows": False}
    remedy = (
        "Ask the source for the file of this day, drop it in its place and run the day again; a "
        "source that sends everything every time is declared with `arrival: snapshot`"
    )
    before = {each.sha256: each for each in evidence.earlier_files}
    same = [
        (each, before[each.sha256])
        for each in evidence.files
        # A file without rows says the same every day, and so may a file of a few rows without
        # times.
        if each.sha256 in before
        and each.landed >= (1 if evidence.source.timestamp else limits.min_rows)
    ]
    if same:
        now, then = same[0]
        return Finding(
            "fail",
            f"{now.file} has the same content as {then.file} of {then.day}. {remedy}",
            {"repeated files": len(same), "of": then.day.isoformat()},
            threshold,
        )
    if today.landed < limits.min_rows:
        return insufficient(
            f"{today.landed} rows are too few to say that they are not an earlier day's "
            f"({limits.min_rows} are needed)",
            landed=today.landed,
        )
    hashed = today.rows_hash and not today.rows_hash.endswith(":")
    alike = [d for d in evidence.earlier if hashed and d.rows_hash == today.rows_hash]
    if alike:
        return Finding(
            "fail",
            f"the {today.landed} rows of {names_of(evidence.files)} are those of {alike[-1].day}"
            + (f", but for {evidence.source.timestamp}" if evidence.source.timestamp else "")
            + f". {remedy}",
            {"repeated rows": True, "of": alike[-1].day.isoformat()},
            threshold,
        )
    figures = {"repeated files": 0, "repeated rows": False, "days": len(evidence.earlier)}
    return Finding(
        "pass",
        f"neither a file nor the rows are those of one of {len(evidence.earlier)} earlier days",
        figures,
        threshold,
    )


def freshness_limit(source: SourceSpec) -> timedelta | None:
    """How old the newest row may be when the day closes; None: the gate does not apply."""
    if source.gates.freshness is not None:
        applies = source.timestamp is not None or source.arrival == "snapshot"
        return parse_duration(source.gates.freshness) if applies else None
    return DAILY_FRESHNESS if source.arrival == "daily" and source.timestamp else None


def freshness(evidence: Evidence) -> Finding:
    """How old the newest row was (of a snapshot: its file) when the day closed.

    Rows of earlier days count: a source that may send nothing is as fresh as what it sent last.
    """
    limit = freshness_limit(evidence.source)
    assert limit is not None
    if evidence.source.arrival == "snapshot":
        old = closes_at(evidence.day) - closes_at(evidence.today.day)
        what = f"the snapshot {names_of(evidence.files)}"
    else:
        times = [d.newest for d in (*evidence.earlier, evidence.today) if d.newest is not None]
        if not times:
            return insufficient(f"no row has a usable {evidence.source.timestamp}")
        old = closes_at(evidence.day) - max(times)
        what = f"the newest {evidence.source.timestamp}"
    hours, allowed = old / timedelta(hours=1), limit / timedelta(hours=1)
    seen = f"{what} was {hours:.1f} h old when the day closed; allowed are {allowed:g} h"
    figures, threshold = {"hours old": round(hours, 3)}, {"hours old": allowed}
    if old <= limit:
        return Finding("pass", seen, figures, threshold)
    return Finding(
        "fail",
        f"{seen}. Ask the source why nothing newer came, drop the file and run the day again; if "
        "this is how often it comes, set gates.freshness",
        figures,
        threshold,
    )


def _share(evidence: Evidence, rows: int, limit: float, what: str, remedy: str) -> Finding:
    landed = evidence.today.landed
    if landed < evidence.limits.min_rows:
        return insufficient(
            f"{rows} of {landed} rows {what}: too few rows to judge "
            f"({evidence.limits.min_rows} are needed)",
            rows=rows,
            landed=landed,
        )
    figures = {"rows": rows, "landed": landed, "share": rows / landed}
    seen = f"{rows} of {landed} rows ({rows / landed:.1%}) {what}; allowed are {limit:.1%}"
    if rows / landed <= limit:
        return Finding("pass", seen, figures, {"share": limit})
    where = names_of(evidence.files)
    return Finding("fail", f"{seen}, in {where}. {remedy}", figures, {"share": limit})
