"""The gates at the door: which a source has, what they say of a day, and who may pass.

Each looks at profiles, never at rows (but ``references``, which looks at keys). The history of a
gate is the days before that no gate of the source stopped: what was refused once must not become
the measure.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta

from assets.gate_results import GateRefusal, GateResult, record_many
from assets.ingestion import column_gates as by_column
from assets.ingestion import day_gates as by_day
from assets.ingestion.day_gates import Evidence, Finding, insufficient
from assets.ingestion.door_record import DoorRecord, digest_now, door_record, door_verdicts
from assets.ingestion.references import Known, known_entities, references
from assets.ingestion.source_days import SourceDay, files_on_record, source_days
from assets.ingestion.unit_gate import unit_error
from assets.lake import Lake
from assets.source_spec import SourceSpec
from assets.spec import UseCaseSpec
from assets.tables import validated

GATES: dict[str, str] = {
    "volume": "As many rows as on the same weekday before (a snapshot: as in those before).",
    "quarantined": "Not too many of the landed rows are in quarantine.",
    "repeated_day": "Neither a file nor the rows of the day are those of an earlier day.",
    "freshness": "The newest row (a snapshot: its file) is not too old when the day closes.",
    "duplicate_keys": "Not too many rows repeat a key.",
    "null_share": "No column has far more nulls than before.",
    "unit_error": "No number looks multiplied by a power of ten, none has lost its decimals.",
    "range_drift": "The values of each number lie about where they lay before.",
    "category_drift": "The categories of each column come about as often as before.",
    "future_timestamps": "Not too many rows are dated after the day closed.",
    "references": "Of enough of the population's entities the feature sources know something.",
}
"""Every gate there is at the door, with what it stands for."""

OF_A_DAY: dict[str, Callable[[Evidence], Finding]] = {
    "volume": by_day.volume,
    "quarantined": by_day.quarantined,
    "repeated_day": by_day.repeated_day,
    "freshness": by_day.freshness,
    "duplicate_keys": by_day.duplicate_keys,
    "future_timestamps": by_day.future_timestamps,
}
OF_COLUMNS: dict[str, Callable[[Evidence, Sequence[str]], Finding]] = {
    "null_share": by_column.null_share,
    "range_drift": by_column.range_drift,
    "category_drift": by_column.category_drift,
    "unit_error": unit_error,
}
WITHOUT_TODAY = ("freshness", "references")
"""Gates that have something to say of an optional source on a day without a file."""


def gate_name(source: str, gate: str) -> str:
    """The name under which a gate of a source is on record."""
    return f"{source}.{gate}"


def gates_of(spec: UseCaseSpec, source: str) -> list[str]:
    """Names of the gates that apply to a source, in the order of GATES."""
    declared = spec.sources[source]
    applies = {
        "repeated_day": declared.arrival != "snapshot",
        "freshness": by_day.freshness_limit(declared) is not None,
        "duplicate_keys": bool(declared.key),
        "future_timestamps": declared.timestamp is not None,
        "references": bool(_views(spec, source)),
        **{gate: bool(_columns(spec, source, gate)) for gate in OF_COLUMNS},
    }
    return [gate for gate in GATES if applies.get(gate, True)]


def judge(spec: UseCaseSpec, lake: Lake, day: date) -> list[GateResult]:
    """What every gate of every source says of one day, from what is on record of it now.

    Nothing is written. ``evidence_digest`` is the input digest of the day's profile, empty when
    the day has none: of a source that must come that is a failed ``volume``.
    """
    return judge_days(spec, lake, day, day)[day]


def judge_days(
    spec: UseCaseSpec, lake: Lake, first: date, last: date
) -> dict[date, list[GateResult]]:
    """:func:`judge` for the days first..last in order, each with the days before as its history."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    judged: dict[date, list[GateResult]] = {day: [] for day in days}
    since = [_since(spec, source, first) for source in spec.sources]
    earliest = None if None in since else min(day for day in since if day is not None)
    record = door_verdicts(lake, spec, earliest, last)
    for source in spec.sources:
        for day, results in _judge_source(spec, lake, source, days, record):
            judged[day] += results
    return judged


def record_door(
    lake: Lake, spec: UseCaseSpec, day: date, results: Sequence[GateResult], run_id: str
) -> None:
    """Put all results of a day on record in one commit."""
    record_doors(lake, spec, {day: results}, run_id)


def record_doors(
    lake: Lake, spec: UseCaseSpec, results: Mapping[date, Sequence[GateResult]], run_id: str
) -> None:
    """Put all results of several days on record in one commit."""
    record_many(lake, spec.name, results, spec_version=spec.version, run_id=run_id)


def require_door(spec: UseCaseSpec, lake: Lake, day: date) -> None:
    """Return only if the door stands open for ``day``.

    It does when every gate of every source is on record for the day, on the input the source has
    now, with the verdict ``pass``, or ``insufficient`` where the source says that this means
    proceed (no file of an optional source always does). Raises GateRefusal with what is missing.
    """
    record = door_record(lake, spec, day, day)
    problems = list(_problems(spec, record, day))
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise GateRefusal(f"the door of {spec.name} is shut for {day}: {problems[0]}{more}")


def open_days(spec: UseCaseSpec, lake: Lake, first: date, last: date) -> list[date]:
    """Days first..last for which the door stands open, by the rule of :func:`require_door`."""
    record = door_record(lake, spec, first, last)
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [day for day in days if next(_problems(spec, record, day), None) is None]


def stops(spec: UseCaseSpec, result: GateResult) -> bool:
    """Does this result keep the door shut? ``insufficient`` does where the source says stop, but
    not when an optional source sent nothing, which it may."""
    source = spec.sources[result.gate.split(".")[0]]
    return _stops(source, result.verdict, result.evidence_digest)


def stopped_days(spec: UseCaseSpec, judged: Mapping[date, Sequence[GateResult]]) -> list[date]:
    """Days that a result among these keeps the door shut for, ascending."""
    return sorted(day for day, found in judged.items() if any(stops(spec, one) for one in found))


def _stops(source: SourceSpec, verdict: str, digest: str) -> bool:
    if verdict == "insufficient":
        without_file = source.arrival == "optional" and digest == ""
        return source.gates.insufficient == "stop" and not without_file
    return verdict != "pass"


def _problems(spec: UseCaseSpec, record: DoorRecord, day: date) -> Iterator[str]:
    """What keeps the door shut, failures first told first."""
    waiting = []
    for source, declared in spec.sources.items():
        digest = digest_now(spec, record, source, day)
        for gate in gates_of(spec, source):
            name = gate_name(source, gate)
            found = record.results.get((day, name))
            if found is None:
                waiting.append(
                    f"gate '{name}' has no recorded result: run the checks of this partition first"
                )
            elif found.evidence_digest != digest:
                waiting.append(
                    f"gate '{name}' was judged on other files than are there now: run the checks "
                    "of this partition again"
                )
            elif _stops(declared, found.verdict, digest):
                yield f"gate '{name}' says {found.verdict}: {found.message}"
    yield from waiting


def _since(spec: UseCaseSpec, source: str, first: date) -> date | None:
    """The first day that says anything of ``first``; None: any may."""
    if spec.sources[source].arrival == "snapshot":
        return None
    return first - _looked_back(spec, source)


def _judge_source(
    spec: UseCaseSpec, lake: Lake, source: str, days: Sequence[date], record: DoorRecord
) -> Iterator[tuple[date, list[GateResult]]]:
    declared = spec.sources[source]
    snapshot = declared.arrival == "snapshot"
    since = _since(spec, source, days[0])
    profiles = source_days(lake, spec.name, source, since, days[-1])
    files = files_on_record(lake, spec.name, source, since, days[-1])
    # A snapshot is judged again every day: what counts is what was found of it, not when.
    stopped: set[object] = set(
        record.failed_inputs(source) if snapshot else record.failed_days(source)
    )
    known = {
        view: known_entities(spec, lake, view, days[0], days[-1]) for view in _views(spec, source)
    }
    for day in days:
        earlier = [d for d in profiles if d.day < day]
        today = next((d for d in profiles if d.day == day), None)
        if snapshot and today is None and earlier:
            today = earlier.pop()
        window = date.min if snapshot else day - timedelta(days=declared.gates.history_days)
        evidence = Evidence(
            source=declared,
            day=day,
            today=today or _nothing(day),
            history=[
                d
                for d in earlier
                # A day that only late rows belong to has no file, and a profile of nothing.
                if d.landed
                and d.day >= window
                and (d.input_digest if snapshot else d.day) not in stopped
            ],
            earlier=earlier,
            files=[f for f in files if today is not None and f.day == today.day],
            earlier_files=[f for f in files if f.day < day],
        )
        of_day = {view: found[day] for view, found in known.items() if day in found}
        results = [
            _result(spec, source, gate, evidence, today, of_day) for gate in gates_of(spec, source)
        ]
        if today is not None:
            # What was on record of this day is what a run before this one said.
            mark = today.input_digest if snapshot else day
            stopped.discard(mark)
            if any(result.verdict == "fail" for result in results):
                stopped.add(mark)
        yield day, results


def _result(
    spec: UseCaseSpec,
    source: str,
    gate: str,
    evidence: Evidence,
    today: SourceDay | None,
    known: dict[str, Known],
) -> GateResult:
    finding = _finding(spec, source, gate, evidence, today, known)
    return GateResult(
        gate=gate_name(source, gate),
        subject=validated(source),
        verdict=finding.verdict,
        message=f"{source} {evidence.day}: {finding.message}",
        figures=finding.figures,
        threshold=finding.threshold,
        evidence_digest=today.input_digest if today is not None else "",
    )


def _finding(
    spec: UseCaseSpec,
    source: str,
    gate: str,
    evidence: Evidence,
    today: SourceDay | None,
    known: dict[str, Known],
) -> Finding:
    arrival = evidence.source.arrival
    without_file = today is None or (today.landed == 0 and not evidence.files)
    if without_file and not (arrival == "optional" and gate in WITHOUT_TODAY and evidence.earlier):
        if arrival == "optional":
            return insufficient("no file for this day, which an optional source may")
        if gate != "volume":
            return insufficient("nothing has come through the door for this day")
        what = "no snapshot dated on or before this day" if arrival == "snapshot" else "no file"
        return Finding(
            "fail",
            f"{what} has come through the door. Drop the file into landing and run the day again",
        )
    if gate == "references":
        return references(spec, source, evidence.day, known)
    if gate in OF_COLUMNS:
        return OF_COLUMNS[gate](evidence, _columns(spec, source, gate))
    return OF_A_DAY[gate](evidence)


def _views(spec: UseCaseSpec, source: str) -> list[str]:
    return [view for view in spec.features.views if spec.view_source(view) == source]


def _columns(spec: UseCaseSpec, source: str, gate: str) -> list[str]:
    """Columns a gate looks at. Keys and join keys have no distribution worth a gate."""
    declared = spec.sources[source]
    if gate == "null_share":
        return list(declared.file_columns)
    keys = {spec.population.key, spec.population.entity, *declared.key}
    keys.update(view.entity for view in spec.features.views.values())
    types = ("string", "bool") if gate == "category_drift" else ("int", "float")
    return [
        name
        for name, column in declared.file_columns.items()
        if column.type in types and column.pii is None and name not in keys
    ]


def _looked_back(spec: UseCaseSpec, source: str) -> timedelta:
    """As far back as any gate of the source looks."""
    declared = spec.sources[source]
    spans = [timedelta(days=declared.gates.history_days)]
    spans += [spec.features.views[view].time_to_live for view in _views(spec, source)]
    spans += [limit for limit in (by_day.freshness_limit(declared),) if limit is not None]
    return max(spans) + timedelta(days=1)


def _nothing(day: date) -> SourceDay:
    return SourceDay(day, 0, 0, 0, 0, 0, None, "", "", {})
