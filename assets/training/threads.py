"""One thread where more would only wait for each other."""

from collections.abc import Iterator
from contextlib import contextmanager

SMALL = 100_000
"""Rows below which boosting on one thread is as quick as on two, and on a busy machine far quicker:
OpenMP's threads spin while they wait (measured on 20,000 rows, two busy cores: 12 to 27 CPU seconds
against 3 to 5). The figures are the same to the last bit either way."""


@contextmanager
def threads_for(rows: int) -> Iterator[None]:
    """Hold scikit-learn's OpenMP loops to one thread inside the block if ``rows`` are few.

    Linear algebra is held to one in any case. A product of a table and a few hundred coefficients
    waits for memory, not for a core, and a BLAS of several threads adds in another order on
    another number of cores: the last bits of a score would depend on the machine's size.
    """
    # The limits reach only libraries that are loaded, so load those with the loops first.
    import sklearn.ensemble  # noqa: F401
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    limits = {"blas": 1, "openmp": 1} if rows < SMALL else {"blas": 1}
    with threadpool_limits(limits=limits):
        yield
