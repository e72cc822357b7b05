"""The values a decision was made with, and from when each of them is."""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.errors import NightshiftError
from assets.features.asof import newest_known
from assets.features.columns import stored_name
from assets.features.day_files import reading, require_published
from assets.ledger.covered import read
from assets.tables import SCORING_SET

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.source_spec import ColumnSpec
    from assets.spec import UseCaseSpec


@dataclass(frozen=True)
class UsedValue:
    """A feature of the case as the model was shown it."""

    name: str
    value: float | str | None
    unit: str | None
    description: str
    source: str  # where it comes from, for people
    known_at: datetime | None  # time of the fact, UTC; None where there was none, or nobody can say
    note: str = ""  # why there is no time

    def as_json(self) -> dict[str, Any]:
        plain = asdict(self)
        plain["known_at"] = self.known_at.astimezone(UTC).isoformat() if self.known_at else None
        return plain


def values_used(
    lake: "Lake", home: "Home", spec: "UseCaseSpec", day: date, case_key: str, version: int | None
) -> tuple[list[UsedValue], str]:
    """Every feature of a case, in the order of the spec, from the scoring set as of ``version``.

    ``spec`` is the one decided by. A column of the population is from the time of the case; a fact
    of a view from the time the view's day files give it. Also what cannot be said, and why (empty:
    nothing). A case that is not there has no values.
    """
    key = spec.population.key
    try:
        rows = read(lake, spec.name, SCORING_SET, day, version)
    except NightshiftError as error:
        return [], f"the values cannot be shown: {error}"
    case = rows.filter(pc.equal(pc.cast(rows.column(key), pa.string()), case_key))
    if not case.num_rows:
        return [], f"the values cannot be shown: the case is not in {SCORING_SET} of {day}"
    row = case.slice(0, 1).to_pylist()[0]
    happened = row[spec.population.event_timestamp].astimezone(UTC)
    found: dict[str, UsedValue] = {}
    for name in spec.features.request:
        column = spec.sources[spec.population.source].columns[name]
        found[name] = _used(row, name, column, "the case itself", happened)
    for view in spec.features.views:
        found |= _of_view(home, spec, view, row, happened)
    for name, derived in spec.features.derived.items():
        times = [found[o].known_at for o in derived.operands if o in found]
        known = [time for time in times if time is not None]
        found[name] = UsedValue(
            name,
            row.get(name),
            None,
            derived.description,
            f"{derived.operation} of {' and '.join(derived.operands)}",
            max(known, default=None) if len(known) == len(times) else None,
        )
    return [found[name] for name in spec.feature_names], ""


def _of_view(
    home: "Home", spec: "UseCaseSpec", view: str, row: dict[str, Any], happened: datetime
) -> dict[str, UsedValue]:
    declared = spec.features.views[view]
    columns = spec.sources[spec.view_source(view)].columns
    fact, problem = _fact(home, spec, view, row.get(declared.entity), happened)
    time = fact[stored_name(declared.timestamp)] if fact else None
    found = {}
    for name in declared.columns:
        used, at, note = row.get(name), time, problem
        if fact is None:
            note = note or f"nothing was known of it within {declared.ttl}"
        elif not _same(fact[stored_name(name)], used):
            at, note = None, "the view's day files give another value now: they changed since"
        found[name] = _used(row, name, columns[name], f"view {view}", at, note)
    return found


def _fact(
    home: "Home", spec: "UseCaseSpec", view: str, entity: Any, happened: datetime
) -> tuple[dict[str, Any] | None, str]:
    """The fact of a view that a case of this time and entity is given, or why there is none."""
    if entity is None:
        return None, "the case has no entity to look up"
    try:
        require_published(spec, home)
        with reading(spec, home):
            known = newest_known(spec, home, view, happened)
    except NightshiftError as error:
        return None, str(error)
    name = stored_name(spec.features.views[view].entity)
    mine = known.filter(pc.equal(known.column(name), pa.scalar(entity, known.column(name).type)))
    rows = mine.to_pylist()
    return (rows[0], "") if rows else (None, "")


def _used(
    row: dict[str, Any],
    name: str,
    column: "ColumnSpec",
    source: str,
    known_at: datetime | None,
    note: str = "",
) -> UsedValue:
    at = known_at.astimezone(UTC) if known_at is not None else None
    return UsedValue(name, row.get(name), column.unit, column.description, source, at, note)


def _same(fact: Any, used: Any) -> bool:
    """A number is a double in front of a model, whatever it is in the fact."""
    if isinstance(fact, bool | int | float) and isinstance(used, float):
        return float(fact) == used or (fact != fact and used != used)
    return bool(fact == used)
