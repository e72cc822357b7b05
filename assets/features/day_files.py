"""Where the day files of a view are, and that they fit the spec: for whoever reads them."""

import glob

from assets.errors import NightshiftError
from assets.features.columns import stored_schema
from assets.features.publish import EMPTY
from assets.home import Home
from assets.spec import UseCaseSpec


class ViewNotPublishedError(NightshiftError):
    """A view without day files, or with those of another spec. Says what to run."""


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
    import pyarrow.parquet as pq

    for view in spec.features.views:
        path = home.feature_view(spec.name, view) / EMPTY
        if not path.exists():
            raise ViewNotPublishedError(
                f"{spec.name}: feature view '{view}' was never published ({path} is missing); "
                "run the features stage first"
            )
        if not pq.read_schema(path).equals(stored_schema(spec, view)):
            raise ViewNotPublishedError(
                f"{spec.name}: feature view '{view}' was published with other columns than the "
                "spec has now; publish it again"
            )
