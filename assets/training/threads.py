"""One thread where more would only wait for each other."""

from collections.abc import Iterator
from contextlib import contextmanager

SMALL = 100_000
"""Rows below which boosting on one thread is as quick as on two, and on a busy machine far quicker:
OpenMP's threads spin while they wait (measured on 20,000 rows, two busy cores: 12 to 27 CPU seconds
against 3 to 5). The figures are the same to the last bit either way."""


@contextmanager
def threads_for(rows: int) -> Iterator[None]:
    """Hold scikit-learn's OpenMP loops to one thread inside the block if ``rows`` are few."""
    # The limit reaches only libraries that are loaded, so load the one with the loops first.
    import sklearn.ensemble  # noqa: F401
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(limits=1 if rows < SMALL else None, user_api="openmp"):
        yield
