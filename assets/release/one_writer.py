"""One writer of an append-only table at a time, on one machine.

Delta lets two appends at once both succeed, each numbered from what it read before. Who decides by
what is on record has to read it, decide and append while nobody else does.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assets.lake import Lake


@contextmanager
def one_writer(lake: "Lake", use_case: str, table: str) -> Iterator[None]:
    """Hold an existing table for this process until the block ends, or the process does.

    Waits for whoever holds it, for the length of one commit. What is decided by must be read
    within the block.
    """
    # The table's own folder is the lock: no file beside the data, and nothing left behind, for the
    # system lets go of it when the process ends, however it ends.
    descriptor = os.open(lake.path(use_case, table), os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
