"""What every version said of the cases of a window, as the nights recorded it."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.outcomes import WITHDRAWN
from assets.lake import PARTITION
from assets.performance.matured_cases import bounded, taken
from assets.tables import (
    CHALLENGER_SCORES,
    CHALLENGER_SCORES_SCHEMA,
    DECISIONS,
    DECISIONS_SCHEMA,
)

if TYPE_CHECKING:
    import pyarrow.dataset as ds

    from assets.lake import Lake
    from assets.spec import UseCaseSpec

DECIDED = (
    *("case_key", "entity_key", "score", "prediction", "decision", "advice", "arm"),
    *("model_version", "fallback", PARTITION),
)
"""Of DECISIONS_SCHEMA and the day."""

BESIDE = (
    *("case_key", "arm", "version", "score", "prediction"),
    *("champion_version", "champion_score", "champion_prediction", PARTITION),
)
"""Of CHALLENGER_SCORES_SCHEMA and the day."""


@dataclass(frozen=True)
class NightScores:
    """Live decisions (DECIDED) and what a challenger scored beside them (BESIDE) on some days, by
    day and key."""

    decisions: pa.Table
    beside: pa.Table

    def of_version(self, version: int) -> pa.Table:
        """``case_key``, ``score`` and ``prediction`` of every case the version scored, whichever
        part it had: it decided the case, or another did and it scored beside it. A case is there
        once for every part; equal code gives equal scores."""
        own = pc.equal(self.decisions.column("model_version"), version)
        parts = [(self.decisions.filter(own), "")]
        for prefix in ("", "champion_"):
            mine = pc.equal(self.beside.column(f"{prefix}version"), version)
            parts.append((self.beside.filter(mine), prefix))
        found = pa.concat_tables(
            [
                rows.select(["case_key", f"{prefix}score", f"{prefix}prediction"]).rename_columns(
                    ["case_key", "score", "prediction"]
                )
                for rows, prefix in parts
            ]
        )
        return found.filter(pc.is_valid(found.column("score")))

    def of_arm(self, arm: str) -> pa.Table:
        """Decisions of an arm: DECIDED."""
        return self.decisions.filter(pc.equal(self.decisions.column("arm"), arm))

    def versions(self, arm: str) -> list[int]:
        """Versions that decided cases in an arm, ascending."""
        return _versions(self.of_arm(arm).column("model_version"))

    @property
    def challengers(self) -> list[int]:
        """Versions that scored beside a champion, ascending."""
        return _versions(self.beside.column("version"))


def night_scores(
    spec: "UseCaseSpec",
    lake: "Lake",
    first: date,
    last: date,
    keys: pa.ChunkedArray | None = None,
) -> NightScores:
    """What the nights first..last recorded of the cases ``keys`` (without them, of all; of too
    many a sample); without rows where a table is not there.

    Decisions of cases that left the data are none of theirs any more, and a score beside a
    fallback is null.
    """
    import pyarrow.dataset as ds

    stays = ds.field("rule") != WITHDRAWN
    decisions = _read(spec, lake, DECISIONS, DECISIONS_SCHEMA, DECIDED, first, last, keys, stays)
    beside = _read(
        spec, lake, CHALLENGER_SCORES, CHALLENGER_SCORES_SCHEMA, BESIDE, first, last, keys
    )
    return NightScores(decisions, beside)


def with_scores(cases: pa.Table, scores: pa.Table) -> pa.Table:
    """``cases`` with the ``score`` and ``prediction`` of the same key; null where there is none."""
    for name in ("score", "prediction"):
        found = taken(scores.column(name), scores.column("case_key"), cases.column("case_key"))
        cases = cases.append_column(name, found)
    return cases


def _versions(column: pa.ChunkedArray) -> list[int]:
    return sorted(pc.unique(pc.drop_null(column)).to_pylist())


def _read(
    spec: "UseCaseSpec",
    lake: "Lake",
    table: str,
    schema: pa.Schema,
    columns: tuple[str, ...],
    first: date,
    last: date,
    keys: pa.ChunkedArray | None,
    where: "ds.Expression | None" = None,
) -> pa.Table:
    if not lake.exists(spec.name, table):
        return schema.append(pa.field(PARTITION, pa.date32())).empty_table().select(list(columns))
    rows = lake.read(spec.name, table, columns=columns, where=where, first=first, last=last)
    if keys is None:
        rows = bounded(rows)
    elif rows.num_rows > 2 * len(keys):
        rows = rows.filter(pc.is_in(rows.column("case_key"), keys.combine_chunks()))
    return rows.sort_by([(PARTITION, "ascending"), ("case_key", "ascending")])
