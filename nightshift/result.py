"""What a query found."""

from typing import TYPE_CHECKING

import pyarrow as pa

from nightshift.errors import ReadError

if TYPE_CHECKING:
    import pandas as pd
    from duckdb import DuckDBPyRelation


class Result:
    """What a query found. Computed when it is asked for, and anew each time."""

    def __init__(self, relation: "DuckDBPyRelation") -> None:
        self._relation = relation

    @property
    def columns(self) -> list[str]:
        """Names, in the order of the query."""
        return list(self._relation.columns)

    def to_arrow(self) -> pa.Table:
        """As an Arrow table; times are microseconds UTC. Raises ReadError where it cannot be had,
        like a number divided by text."""
        import duckdb

        try:
            # All of it: an unfinished result would block the connection.
            rows: pa.Table = self._relation.to_arrow_table()
        except duckdb.Error as error:
            raise ReadError(f"the query could not be answered: {error}") from error
        return rows

    def to_pandas(self) -> "pd.DataFrame":
        """As a pandas DataFrame; days are datetime64, times datetime64 in UTC."""
        return frame_of(self.to_arrow())


def frame_of(rows: pa.Table) -> "pd.DataFrame":
    """Arrow as pandas, days as datetime64: what pandas and matplotlib take for a day."""
    frame: pd.DataFrame = rows.to_pandas(date_as_object=False)
    return frame
