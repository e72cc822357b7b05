"""Where the day files of a view are, and that they fit the spec: for whoever reads them."""

import glob
from collections.abc import Iterator
from contextlib import contextmanager

from assets.errors import NightshiftError
from assets.features.columns import stored_schema
from assets.features.publish import EMPTY
from assets.home import Home
from assets.spec import UseCaseSpec


class ViewNotPublishedError(NightshiftError):
    """A view without day files, with damaged ones or those of another spec. Says what to run."""


def day_files(spec: UseCaseSpec, home: Home, view: str) -> str:
    """Where DuckDB finds a view's day files: their folder, absolute.

    As a pattern only where DuckDB would take part of the folder's name for one.
    """
    folder = str(home.feature_view(spec.name, view).resolve())
    escaped = glob.escape(folder)
    return folder if escaped == folder else f"{escaped}/*.parquet"


def require_published(spec: UseCaseSpec, home: Home) -> None:
    """Return only if every view has files that carry the columns the spec speaks of.

    Raises ViewNotPublishedError.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    for view in spec.features.views:
        path = home.feature_view(spec.name, view) / EMPTY
        if not path.exists():
            raise ViewNotPublishedError(
                f"{spec.name}: feature view '{view}' was never published ({path} is missing); "
                "run the features stage first"
            )
        try:
            current = pq.read_schema(path).equals(stored_schema(spec, view))
        except (OSError, pa.ArrowException):  # damaged: the next publication writes it anew
            current = False
        if not current:
            raise ViewNotPublishedError(
                f"{spec.name}: feature view '{view}' was published with other columns than the "
                f"spec has now, or {path.name} is damaged; publish it again"
            )


@contextmanager
def reading(spec: UseCaseSpec, home: Home) -> Iterator[None]:
    """Turn what DuckDB says of a damaged day file into what to do about it.

    Raises ViewNotPublishedError naming the files; any other error of DuckDB's goes on as it is.
    """
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        damaged = list(_damaged(spec, home))
        if not damaged:
            raise
        told = "; ".join(f"{spec.name}/{view}_view of {day}" for view, day in damaged)
        raise ViewNotPublishedError(
            f"{spec.name}: day files cannot be read, they are damaged. The lake has what they "
            f"held: materialise {told} again"
        ) from error


def _damaged(spec: UseCaseSpec, home: Home) -> Iterator[tuple[str, str]]:
    """View and day of every file that cannot be read to its end."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for view in spec.features.views:
        for path in sorted(home.feature_view(spec.name, view).glob("*.parquet")):
            try:
                pq.read_table(path)
            except (OSError, pa.ArrowException):
                yield view, path.stem
