"""The cases a challenger scored beside the champion: what every check of the ladder looks at."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pyarrow.compute as pc

from assets.lake import PARTITION
from assets.tables import CHALLENGER_SCORES, CHALLENGER_SCORES_SCHEMA

if TYPE_CHECKING:
    import numpy as np

    from assets.lake import Lake
    from assets.release.events import Champion


@dataclass(frozen=True)
class Compared:
    """Cases of one version up to a night: CHALLENGER_SCORES_SCHEMA and the day, by day and key."""

    version: int
    stage: Literal["shadow", "canary"]  # that night
    day: date
    rows: pa.Table  # of the stage
    earlier: pa.Table  # of the stage before; of a canary the shadow

    @property
    def days(self) -> list[date]:
        """Nights of the stage, ascending."""
        return sorted(pc.unique(self.rows.column(PARTITION)).to_pylist())

    @property
    def first(self) -> date:
        """First night of the stage; this one where there was none."""
        return min(self.days, default=self.day)

    @property
    def tonight(self) -> pa.Table:
        """Rows of the night itself."""
        return self.rows.filter(pc.equal(self.rows.column(PARTITION), pa.scalar(self.day)))

    @property
    def both_stages(self) -> pa.Table:
        """Every case both may have scored since the version came."""
        return pa.concat_tables([self.earlier, self.rows])


def read_compared(
    lake: "Lake",
    use_case: str,
    challenger: "Champion",
    stage: Literal["shadow", "canary"],
    day: date,
) -> Compared:
    """What is on record of a challenger up to and including ``day``, later nights left out."""
    import pyarrow.dataset as ds

    schema = CHALLENGER_SCORES_SCHEMA.append(pa.field(PARTITION, pa.date32()))
    rows = schema.empty_table()
    if lake.exists(use_case, CHALLENGER_SCORES):
        own = (ds.field("version") == challenger.version) & (
            ds.field("digest") == challenger.digest
        )
        rows = lake.read(use_case, CHALLENGER_SCORES, where=own, last=day).select(schema.names)
        # The order files are read in is no input: a bootstrap draws rows by their places.
        rows = rows.sort_by([(PARTITION, "ascending"), ("case_key", "ascending")])
    own_stage = pc.equal(rows.column("stage"), stage)
    return Compared(
        challenger.version, stage, day, rows.filter(own_stage), rows.filter(pc.invert(own_stage))
    )


def both_usable(rows: pa.Table) -> pa.Table:
    """Rows with a usable score of either model."""
    return rows.filter(
        pc.and_(pc.is_valid(rows.column("score")), pc.is_valid(rows.column("champion_score")))
    )


def of_arm(rows: pa.Table, arm: str) -> pa.Table:
    """Rows that ``champion`` or ``canary`` decided."""
    return rows.filter(pc.equal(rows.column("arm"), arm))


def entity_numbers(rows: pa.Table) -> "np.ndarray":
    """The same whole number (from 0) for cases of one entity; a case of nobody has its own."""
    import numpy as np

    codes = rows.column("entity_key").combine_chunks().dictionary_encode().indices
    numbers: np.ndarray = pc.fill_null(codes, -1).to_numpy(zero_copy_only=False).astype("int64")
    nobody = numbers < 0
    numbers[nobody] = numbers.max(initial=-1) + 1 + np.arange(int(nobody.sum()))
    return numbers


def hits(rows: pa.Table, column: str, value: str) -> "np.ndarray":
    """Whether the column says ``value`` (bool, a null is no)."""
    equal = pc.fill_null(pc.equal(rows.column(column), value), False)
    found: np.ndarray = equal.to_numpy(zero_copy_only=False).astype(bool)
    return found
