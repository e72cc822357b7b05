"""A source's days through the door: files → validated rows and quarantine, published per day."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

import pyarrow as pa

from assets.home import Home
from assets.ingestion.contract import Passed, arrow_schema, pass_file
from assets.ingestion.landing import LandingError, digest_of, file_day, files_for, landed_files
from assets.lake import PARTITION, Lake
from assets.spec import UseCaseSpec
from assets.tables import QUARANTINE_SCHEMA, quarantine, validated


@dataclass
class Ingested:
    """Counts of what came through the door; ``landed == validated + quarantined`` must hold."""

    landed: int = 0
    validated: int = 0
    quarantined: int = 0
    files: list[str] = field(default_factory=list)
    days_without_file: list[date] = field(default_factory=list)
    extra_columns: list[str] = field(default_factory=list)
    broken_rules: dict[str, int] = field(default_factory=dict)
    version: int = 0
    changed: bool = False


def ingest(
    spec: UseCaseSpec,
    source: str,
    home: Home,
    lake: Lake,
    first: date,
    last: date,
    key: bytes,
    run_id: str,
    progress: Callable[[str], None] = lambda _: None,
) -> Ingested:
    """Bring the files of the days first..last of one source into the lake.

    One commit replaces the days, so a killed run leaves the old days or the new ones. A single
    day without its file is an error; in a range (history) the gap is reported and left empty,
    because a history with a hole is normal and a night without input is not.
    """
    declared = spec.sources[source]
    folder = home.landing_source(spec.name, source)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    result = Ingested()
    passed: list[tuple[date, Passed]] = []
    if declared.arrival == "snapshot":
        # The newest snapshot stands for the source; its rows live under the snapshot's own date.
        for path in files_for(folder, source, declared, last):
            dated = file_day(path) or last
            passed.append((dated, pass_file(path, declared, None, key, run_id)))
    else:
        by_day = landed_files(folder, declared)
        for number, day in enumerate(days, 1):
            if len(days) > 1 and day not in by_day:
                result.days_without_file.append(day)
                continue
            for path in files_for(folder, source, declared, day):
                expected = day if declared.timestamp else None
                passed.append((day, pass_file(path, declared, expected, key, run_id)))
            if len(days) > 1 and number % 30 == 0:
                progress(f"{source}: {number} of {len(days)} days")
        if len(days) > 1 and not passed and declared.arrival == "daily":
            raise LandingError(
                f"source '{source}': no file for any day of {first} to {last} in {folder}. "
                f"Expected {declared.format} files with their date in the name."
            )
    _publish(spec, source, lake, first, last, passed, run_id, result)
    return result


def _publish(
    spec: UseCaseSpec,
    source: str,
    lake: Lake,
    first: date,
    last: date,
    passed: list[tuple[date, Passed]],
    run_id: str,
    result: Ingested,
) -> None:
    rules: Counter[str] = Counter()
    good, bad = [], []
    extra: set[str] = set()
    for day, one in passed:
        good.append(_dated(one.validated, day))
        bad.append(_dated(one.quarantined, day))
        result.landed += one.landed
        result.files.append(one.file.name)
        extra.update(one.extra_columns)
        for column, rule in zip(
            one.quarantined.column("column").to_pylist(),
            one.quarantined.column("rule").to_pylist(),
            strict=True,
        ):
            rules[f"{column or '(row)'}: {rule}"] += 1
    schema = arrow_schema(spec.sources[source])
    metadata = {
        "run_id": run_id,
        "spec_version": spec.version,
        "landing_digest": digest_of(one.file for _, one in passed),
    }
    tables = (
        (quarantine(source), bad, QUARANTINE_SCHEMA),
        (validated(source), good, schema),
    )
    # Both before either is written: a changed spec is refused with nothing half done.
    for table, _, table_schema in tables:
        lake.ensure(spec.name, table, table_schema)
    for table, parts, table_schema in tables:
        empty = _dated(table_schema.empty_table(), first)
        rows = pa.concat_tables([empty, *parts])
        if spec.sources[source].arrival == "snapshot":
            commit = lake.replace_all(spec.name, table, rows, metadata)
        else:
            commit = lake.replace_days(spec.name, table, first, last, rows, metadata)
    result.validated = sum(part.num_rows for part in good)
    result.quarantined = sum(part.num_rows for part in bad)
    result.extra_columns = sorted(extra)
    result.broken_rules = dict(rules.most_common())
    result.version, result.changed = commit.version, commit.changed


def _dated(rows: pa.Table, day: date) -> pa.Table:
    return rows.append_column(PARTITION, pa.array([day] * rows.num_rows, pa.date32()))
