"""Day files of a feature view: what Feast reads, published from the lake.

One immutable Parquet file per day of arrival. A file is written beside, fsynced and renamed, so a
reader sees the old day or the new one; a day whose content is there already is left untouched.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from assets.crash_points import reached
from assets.durable import make_folder, remove, whole
from assets.features.columns import check_joinable, stored_name, stored_schema, view_columns
from assets.home import Home
from assets.lake import PARTITION, Lake
from assets.spec import UseCaseSpec
from assets.tables import features

EMPTY = "schema.parquet"
"""No rows, only the typed columns: Feast fails on a view without any file."""


@dataclass(frozen=True)
class PublishedView:
    """What a publication did, over the days asked for."""

    rows: int = 0
    """Facts in the files of those days."""
    repeated: int = 0
    """Facts left out: the same entity and times had come before (the first arrival stands)."""
    unusable: int = 0
    """Facts left out: no entity or no timestamp, so they can never be joined."""
    written: list[date] = field(default_factory=list)
    """Days whose file was made or replaced, ascending."""
    removed: list[date] = field(default_factory=list)
    """Days whose file went, because the lake has no facts of them any more."""
    unchanged: int = 0
    """Days whose file had the same content already."""


def publish_days(
    lake: Lake,
    home: Home,
    spec: UseCaseSpec,
    view: str,
    first: date | None = None,
    last: date | None = None,
) -> PublishedView:
    """Publish the days ``first..last`` (inclusive, UTC; None: no bound) of a view.

    Two facts of one entity with the same timestamp (and the same created time) cannot both hold.
    Feast would pick either; here the first arrival stands, because a value that was used must not
    change afterwards. A correction comes with a later created time (or timestamp).

    When a day's file changes, the files of later days are brought in line with it. When the view's
    columns changed, every day is written anew. Raises FeatureSpecError for an unjoinable spec.
    """
    check_joinable(spec)
    folder = home.feature_view(spec.name, view)
    make_folder(folder)
    schema = stored_schema(spec, view)
    if not _holds(folder / EMPTY, schema.empty_table()):
        first = last = None
        _write(folder / EMPTY, schema.empty_table())
    facts, repeated, unusable = _facts(lake, spec, view, first, last)
    content = dict(_by_day(facts, schema))
    there = _days_there(folder)
    changed = [day for day, rows in content.items() if not _holds(_day_file(folder, day), rows)]
    removed = [
        day
        for day in there
        if day not in content and (first is None or day >= first) and (last is None or day <= last)
    ]
    later = PublishedView()
    if last is not None and (changed or removed) and any(day > last for day in there):
        later = publish_days(lake, home, spec, view, last + timedelta(days=1), max(there))
    reached("features.changing")
    # Youngest first: killed half-way, the next run still finds the oldest day to be changed, and
    # so looks at the later ones again.
    for day in sorted([*changed, *removed], reverse=True):
        if day in content:
            _write(_day_file(folder, day), content[day])
        else:
            remove(_day_file(folder, day))
    return PublishedView(
        rows=facts.num_rows,
        repeated=repeated,
        unusable=unusable,
        written=sorted([*changed, *later.written]),
        removed=sorted([*removed, *later.removed]),
        unchanged=len(content) - len(changed),
    )


def _facts(
    lake: Lake, spec: UseCaseSpec, view: str, first: date | None, last: date | None
) -> tuple[pa.Table, int, int]:
    """Facts of the days to publish in a canonical order, how many repeat, how many are unusable."""
    import duckdb
    import pyarrow.dataset as ds

    columns = view_columns(spec, view)
    types = [pa.field(c, f.type) for c, f in zip(columns, stored_schema(spec, view), strict=True)]
    schema = pa.schema([*types, pa.field(PARTITION, pa.date32())])
    if not lake.exists(spec.name, features(view)):
        return schema.empty_table(), 0, 0
    facts = spec.features.views[view]
    rows = lake.read(spec.name, features(view), columns=schema.names, first=first, last=last)
    rows = rows.cast(schema)
    earlier = schema.empty_table()
    oldest = pc.min(rows.column(facts.timestamp))
    if first is not None and oldest.is_valid:
        # Only a fact at least as young as the oldest of these days can be repeated by them.
        earlier = lake.read(
            spec.name,
            features(view),
            columns=schema.names,
            where=ds.field(facts.timestamp) >= oldest,
            last=first - timedelta(days=1),
        ).cast(schema)
    identity = ", ".join(_quoted(c) for c in (facts.entity, facts.timestamp, facts.created) if c)
    usable = f"{_quoted(facts.entity)} IS NOT NULL AND {_quoted(facts.timestamp)} IS NOT NULL"
    order = ", ".join([PARTITION, *(_quoted(c) for c in columns)])
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("facts", pa.concat_tables([rows, earlier]))
        kept = (
            connection.sql(
                f"SELECT * FROM facts WHERE {usable} QUALIFY row_number() OVER "
                f"(PARTITION BY {identity} ORDER BY {order}) = 1 ORDER BY {order}"
            )
            .to_arrow_table()
            .cast(schema)
        )
    if first is not None:
        kept = kept.filter(pc.greater_equal(kept.column(PARTITION), pa.scalar(first)))
    joinable = pc.and_(
        pc.is_valid(rows.column(facts.entity)), pc.is_valid(rows.column(facts.timestamp))
    )
    joinable_rows = int(pc.sum(joinable).as_py() or 0)
    return kept, joinable_rows - kept.num_rows, rows.num_rows - joinable_rows


def _by_day(facts: pa.Table, schema: pa.Schema) -> Iterator[tuple[date, pa.Table]]:
    """The rows of each day (they are sorted by day), under their stored names."""
    start = 0
    for entry in pc.value_counts(facts.column(PARTITION).combine_chunks()).to_pylist():
        rows = facts.slice(start, entry["counts"]).drop_columns([PARTITION])
        start += entry["counts"]
        stored = rows.rename_columns([stored_name(c) for c in rows.column_names])
        yield entry["values"], stored.cast(schema)


def _day_file(folder: Path, day: date) -> Path:
    return folder / f"{day.isoformat()}.parquet"


def _days_there(folder: Path) -> list[date]:
    return sorted(date.fromisoformat(p.stem) for p in folder.glob("*.parquet") if p.name != EMPTY)


def _holds(path: Path, rows: pa.Table) -> bool:
    import pyarrow.parquet as pq

    if not path.exists():
        return False
    try:
        with pq.ParquetFile(path) as file:
            there = file.read()
    except (OSError, pa.ArrowInvalid):  # damaged: what is there is no longer what was published
        return False
    return bool(there.schema.equals(rows.schema) and there.equals(rows))


def _write(path: Path, rows: pa.Table) -> None:
    import pyarrow.parquet as pq

    with whole(path) as file:
        pq.write_table(rows, file, coerce_timestamps="us", compression="zstd")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
