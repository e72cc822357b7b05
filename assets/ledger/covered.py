"""What a checkpoint covers: which rows of which table, known by which columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from assets.errors import NightshiftError
from assets.tables import (
    CHALLENGER_SCORES,
    DECISIONS,
    DECISIONS_SCHEMA,
    GATE_RESULTS,
    GATE_RESULTS_SCHEMA,
    PREDICTIONS,
    RELEASE_EVENTS,
    RELEASE_EVENTS_SCHEMA,
    REVIEWS,
    REVIEWS_SCHEMA,
    SCORING_SET,
)
from assets.training.gate_names import PREFIX as TRAINING

if TYPE_CHECKING:
    import pyarrow as pa

    from assets.lake import Lake
    from assets.spec import UseCaseSpec


class Unreadable(NightshiftError):
    """Rows that cannot be read: files gone or damaged. Says which table, day and version."""


@dataclass(frozen=True)
class Covered:
    """Rows of one kind. ``append_only``: none may ever be changed or go."""

    kind: str
    table: str
    schema: "pa.Schema"
    keys: tuple[str, ...]
    daily: bool = True
    append_only: bool = False


DECIDED = Covered("decisions", DECISIONS, DECISIONS_SCHEMA, ("decision_id",))
REVIEWED = Covered("reviews", REVIEWS, REVIEWS_SCHEMA, ("review_id",), append_only=True)
RELEASED = Covered(
    "releases", RELEASE_EVENTS, RELEASE_EVENTS_SCHEMA, ("sequence",), daily=False, append_only=True
)
JUDGED = Covered("gates", GATE_RESULTS, GATE_RESULTS_SCHEMA, ("gate", "subject"))
"""Gates of a night. Those of a training, which are on record of the day before its as-of time and
may come long after the night, are not among them: the release events hold their verdicts."""

KINDS = {one.kind: one for one in (DECIDED, REVIEWED, RELEASED, JUDGED)}


def inputs_of(spec: "UseCaseSpec") -> dict[str, tuple[str, ...]]:
    """Tables a night's decisions were made from, with the columns that tell their rows apart."""
    return {
        SCORING_SET: (spec.population.key,),
        PREDICTIONS: ("case_key",),
        CHALLENGER_SCORES: ("case_key",),
    }


def covered_rows(
    lake: "Lake",
    use_case: str,
    covered: Covered,
    day: date | None,
    *,
    version: int | None = None,
    columns: Sequence[str] | None = None,
) -> "pa.Table":
    """The rows a checkpoint of ``day`` covers, as of a table version or as they are now.

    ``columns``: those it was made over; the platform's may have grown since. Without rows where
    there is no table. Raises Unreadable.
    """
    import pyarrow.compute as pc

    names = list(columns or covered.schema.names)
    if not lake.exists(use_case, covered.table):
        return covered.schema.empty_table().select([n for n in names if n in covered.schema.names])
    rows = read(lake, use_case, covered.table, day if covered.daily else None, version, names)
    if covered.kind == JUDGED.kind:
        rows = rows.filter(pc.invert(pc.starts_with(rows.column("gate"), TRAINING)))
    return rows


def read(
    lake: "Lake",
    use_case: str,
    table: str,
    day: date | None,
    version: int | None,
    columns: Sequence[str] | None = None,
) -> "pa.Table":
    """Rows of one day, or all, of a table as of a version or now. Raises Unreadable."""
    import pyarrow as pa
    from deltalake.exceptions import DeltaError

    where = f"{use_case}/{table}" + (f" of {day}" if day else "")
    at = f"version {version}" if version is not None else "its newest version"
    try:
        return lake.read(use_case, table, columns=columns, first=day, last=day, version=version)
    except (DeltaError, OSError, pa.ArrowException) as error:
        # The first line: what is below are places on the disk.
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Unreadable(
            f"{where} cannot be read in {at} ({type(error).__name__}: {told})"
        ) from error
