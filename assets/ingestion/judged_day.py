"""One day of a source held to its contract: its files judged, their balance, what it looks like."""

import json
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from assets.ingestion.contract import JudgedFile, Judgement
from assets.ingestion.digests import own_digest
from assets.ingestion.file_form import FileForm, examine
from assets.ingestion.late import empty_profile, late_days, set_known_rows_aside
from assets.ingestion.profile import column_profiles, rows_hash
from assets.ingestion.quarantine import person_column, quarantined
from assets.ingestion.vault import Vault
from assets.lake import PARTITION, Lake
from assets.spec import UseCaseSpec
from assets.tables import LANDED_ON, QUARANTINE_SCHEMA, TIMESTAMP, validated

if TYPE_CHECKING:
    import duckdb


@dataclass
class JudgedDay:
    """What a day's files became.

    ``query`` gives the rows that passed, with their day, as long as the connection's table
    ``judged`` is this day's. ``files``: FILES_SCHEMA. ``quarantined``:
    QUARANTINE_SCHEMA with the day. ``profile``: PROFILE_SCHEMA. ``late``: rows by earlier day.
    """

    day: date
    query: str
    quarantined: pa.Table
    profile: dict[str, Any]
    files: list[dict[str, Any]] = field(default_factory=list)
    late: dict[date, int] = field(default_factory=dict)


def judge_day(
    spec: UseCaseSpec,
    source: str,
    day: date,
    paths: list[Path],
    connection: "duckdb.DuckDBPyConnection",
    scratch: Path,
    lake: Lake,
    key: bytes,
    vault: Vault,
    run_id: str,
    in_range: bool,
) -> JudgedDay:
    """Judge the files of one day. A file with the same bytes as one before it is counted once.

    ``in_range``: table ``passed`` of the connection holds the days before, of the same run.
    """
    declared = spec.sources[source]
    # A snapshot's rows are of any day: they say what is true now.
    expected = day if declared.timestamp and declared.arrival != "snapshot" else None
    judgement = Judgement(connection, declared, expected, key, person_column(spec, source))
    seen: dict[str, str] = {}
    taken: list[JudgedFile] = []
    repeats: list[tuple[FileForm, str]] = []
    for path in paths:
        form = examine(path, declared, scratch)
        if form.sha256 in seen:
            repeats.append((form, seen[form.sha256]))
            continue
        seen[form.sha256] = path.name
        taken.append(judgement.take(form))
    judgement.settle_keys()
    there = lake.exists(spec.name, validated(source))
    if declared.late.days and (there or in_range):
        known = lake.dataset(spec.name, validated(source)) if there else None
        set_known_rows_aside(connection, declared, day, known, in_range=in_range)
    passed = judgement.balance()
    refused = []
    for one in taken:
        rows = judgement.refused(one)
        refused.append(
            quarantined(
                rows,
                source=source,
                file=one.form.path.name,
                file_sha256=one.form.sha256,
                run_id=run_id,
                person_key=key,
                vault=vault,
            )
        )
    files = [
        _balance(one.form, one.landed, passed.get(one.number, 0), aside.num_rows, None, run_id)
        for one, aside in zip(taken, refused, strict=True)
    ]
    files += [_balance(form, 0, 0, 0, first, run_id) for form, first in repeats]
    aside = pa.concat_tables([QUARANTINE_SCHEMA.empty_table(), *refused])
    late = late_days(connection, day) if declared.late.days else {}
    profile = empty_profile() | {
        "landed": sum(file["landed"] for file in files),
        "validated": sum(file["validated"] for file in files),
        "quarantined": aside.num_rows,
        "late": sum(late.values()),
        "future": _count(aside, "future"),
        "duplicates": _count(aside, "duplicate") + _count(aside, "conflict"),
        "newest": _newest(connection, judgement),
        "rows_hash": rows_hash(connection, "judged", declared),
        "own_digest": own_digest(declared, key, seen),
        "columns": json.dumps(
            column_profiles(connection, "judged", declared), sort_keys=True, allow_nan=False
        ),
        "run_id": run_id,
    }
    return JudgedDay(
        day=day,
        query=judgement.passed_sql(*_day_columns(declared.late.days, day)),
        quarantined=aside.append_column(PARTITION, pa.array([day] * aside.num_rows, pa.date32())),
        profile=profile,
        files=files,
        late=late,
    )


def _day_columns(late: int, day: date) -> list[str]:
    """The day a row belongs to, and the day it came where that may be another."""
    if not late:
        return [f"DATE '{day}' AS {PARTITION}"]
    return [f"DATE '{day}' AS {LANDED_ON}", f"own_day AS {PARTITION}"]


def _balance(
    form: FileForm, landed: int, validated: int, quarantined: int, repeats: str | None, run_id: str
) -> dict[str, Any]:
    return {
        "file": form.path.name,
        "sha256": form.sha256,
        "bytes": form.size,
        "encoding": form.encoding,
        "forgiven": "; ".join(form.forgiven),
        "extra_columns": ", ".join(form.extra_columns),
        "repeats": repeats,
        "landed": landed,
        "validated": validated,
        "quarantined": quarantined,
        "run_id": run_id,
    }


def _count(quarantined_rows: pa.Table, rule: str) -> int:
    import pyarrow.compute as pc

    return int(pc.sum(pc.equal(quarantined_rows.column("rule"), rule)).as_py() or 0)


def _newest(connection: "duckdb.DuckDBPyConnection", judgement: Judgement) -> Any:
    if judgement.source.timestamp is None:
        return None
    number = list(judgement.source.columns).index(judgement.source.timestamp)
    newest = connection.sql(
        f"SELECT max(value_{number}) AS newest FROM judged WHERE broken = 0"
    ).to_arrow_table()
    return newest.column("newest").cast(TIMESTAMP)[0].as_py()
