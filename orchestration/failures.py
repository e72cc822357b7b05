"""Errors a person can put right, shown as such: the message in the UI, not a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from assets.errors import NightshiftError

SAME_STORE = dg.RetryPolicy(
    max_retries=6, delay=1.5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
"""For steps that commit to the lake: of two writers of a partition one is refused, and retries."""


@contextmanager
def explained() -> Iterator[None]:
    """Turn a NightshiftError into a step failure without retry: trying again mends nothing."""
    try:
        yield
    except NightshiftError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None
