"""Days that came to be other than what their marts were built from, and what that asks for.

A late row, or a corrected file, changes the input digest in the profile of the day it belongs to.
What the marts of a day were built from is on record in ``built_from``; where the two differ, the
day is stale.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import pyarrow as pa

from assets.ingestion.source_days import PENDING, input_digests
from assets.lake import PARTITION, Lake
from assets.spec import UseCaseSpec
from assets.tables import BUILT_FROM, BUILT_FROM_SCHEMA, DECISIONS, profile

Inputs = Mapping[str, Mapping[date, str]]
"""Per source the input digest of each day that has a profile; snapshot sources left out."""

Again = Literal["rebuild", "rerun"]


@dataclass(frozen=True)
class StaleDay:
    """A day whose marts were built from other input than its sources have now.

    ``sources``: those that differ, by name. ``digest``: SHA-256 over what they are now and which
    run built the day last, so that each time it becomes stale is told apart. ``pending``: its rows
    are being replaced right now.
    """

    day: date
    sources: tuple[str, ...]
    digest: str
    pending: bool


@dataclass(frozen=True)
class WantedRerun:
    """What a stale day asks for, by ``late.then`` of the sources that made it stale."""

    day: date
    then: Again
    digest: str


@dataclass(frozen=True)
class _Built:
    input_digest: str
    run_id: str


NOTHING = _Built("", "")
"""Of a source that was not declared yet when the day was built."""


def inputs_now(lake: Lake, spec: UseCaseSpec, first: date | None, last: date) -> Inputs:
    """What the days first..last (None: from the beginning) have on record at this moment.

    Taken before marts are built and handed to :func:`record_built` after: rows that come in
    between then leave the day stale, which it is.
    """
    return {source: input_digests(lake, spec.name, source, first, last) for source in _dated(spec)}


def record_built(
    lake: Lake,
    spec: UseCaseSpec,
    first: date,
    last: date,
    run_id: str,
    *,
    inputs: Inputs | None = None,
    without: Collection[date] = (),
) -> None:
    """Put on record what the marts of the days first..last were built from, in one commit.

    ``inputs``: what there was when their building began (default: what there is now). A source
    without a profile for a day is on record with an empty digest: built from nothing. ``without``:
    days that were left out of the build; whatever is on record of them goes.
    """
    inputs = inputs_now(lake, spec, first, last) if inputs is None else inputs
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    rows = [
        {
            "source": source,
            "input_digest": inputs.get(source, {}).get(day, ""),
            "run_id": run_id,
            PARTITION: day,
        }
        for day in days
        if day not in without
        for source in _dated(spec)
    ]
    schema = BUILT_FROM_SCHEMA.append(pa.field(PARTITION, pa.date32()))
    lake.ensure(spec.name, BUILT_FROM, BUILT_FROM_SCHEMA)
    table = pa.Table.from_pylist(rows, schema=schema)
    metadata = {"run_id": run_id, "spec_version": spec.version}
    lake.replace_days(spec.name, BUILT_FROM, first, last, table, metadata)


def stale_days(lake: Lake, spec: UseCaseSpec) -> list[StaleDay]:
    """Days whose marts were built from another input than their sources have now, ascending.

    A day that was never built is not stale, whatever came for it.
    """
    built = _built(lake, spec)
    if not built:
        return []
    inputs = inputs_now(lake, spec, min(built), max(built))
    found = []
    for day, from_what in sorted(built.items()):
        now = {source: digests.get(day, "") for source, digests in inputs.items()}
        other = tuple(n for n in now if now[n] != from_what.get(n, NOTHING).input_digest)
        if other:
            digest = _digest([(n, now[n], from_what.get(n, NOTHING).run_id) for n in other])
            found.append(StaleDay(day, other, digest, PENDING in now.values()))
    return found


def wanted_reruns(lake: Lake, spec: UseCaseSpec) -> list[WantedRerun]:
    """What stale days ask for, ascending; the strongest wish of a day's sources counts.

    Days whose sources say ``mark`` ask for nothing, and a day that is being ingested does not yet.
    A rerun decides cases again: a day that never decided any is rebuilt instead.
    """
    wishes: dict[date, tuple[Again, str]] = {}
    for stale in stale_days(lake, spec):
        thens = {spec.sources[source].late.then for source in stale.sources}
        if stale.pending or not thens & {"rebuild", "rerun"}:
            continue
        wishes[stale.day] = ("rerun" if "rerun" in thens else "rebuild", stale.digest)
    reruns = [day for day, (then, _) in wishes.items() if then == "rerun"]
    decided = _decided(lake, spec, reruns)
    return [
        WantedRerun(day, then if day in decided else "rebuild", digest)
        for day, (then, digest) in wishes.items()
    ]


def versions(lake: Lake, spec: UseCaseSpec) -> dict[str, int]:
    """Versions of the tables that say which days are stale: when none has moved, nothing has."""
    tables = [BUILT_FROM, *(profile(source) for source in _dated(spec))]
    return {
        table: lake.version(spec.name, table) for table in tables if lake.exists(spec.name, table)
    }


def _dated(spec: UseCaseSpec) -> list[str]:
    """Sources whose days stand for themselves; a snapshot stands for every day until the next."""
    return [name for name, source in spec.sources.items() if source.arrival != "snapshot"]


def _built(lake: Lake, spec: UseCaseSpec) -> dict[date, dict[str, _Built]]:
    """What every day that was built was built from, by source."""
    if not lake.exists(spec.name, BUILT_FROM):
        return {}
    wanted = [*BUILT_FROM_SCHEMA.names, PARTITION]
    found: dict[date, dict[str, _Built]] = {}
    for row in lake.read(spec.name, BUILT_FROM, columns=wanted).to_pylist():
        built = _Built(row["input_digest"], row["run_id"])
        found.setdefault(row[PARTITION], {})[row["source"]] = built
    return found


def _decided(lake: Lake, spec: UseCaseSpec, days: list[date]) -> set[date]:
    """Those of the days on which cases were decided."""
    if not days or not lake.exists(spec.name, DECISIONS):
        return set()
    import pyarrow.dataset as ds

    where = ds.field(PARTITION).isin(days)
    rows = lake.read(spec.name, DECISIONS, columns=[PARTITION], where=where)
    return set(rows.column(PARTITION).unique().to_pylist())


def _digest(parts: list[tuple[str, str, str]]) -> str:
    return hashlib.sha256(json.dumps(sorted(parts)).encode()).hexdigest()
