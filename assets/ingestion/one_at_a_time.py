"""One ingestion of a source at a time, on one machine.

The door publishes rows, quarantine, files and profile in a commit each. Each is whole, but the
commits of two runs could alternate, and leave the rows of one with the profile of the other.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from assets.durable import make_folder
from assets.errors import NightshiftError
from assets.home import Home
from assets.storage_errors import storing

PATIENCE = 1800.0
"""Seconds to wait for the other: longer than a source's whole history takes."""

PAUSE = 0.1


class Occupied(NightshiftError):
    """Another process was at work on the source all the time; names it. Nothing was done."""


@contextmanager
def one_at_a_time(
    home: Home,
    use_case: str,
    source: str,
    waiting: Callable[[str], None] = lambda _: None,
    patience: float = PATIENCE,
) -> Iterator[None]:
    """Hold a source for this process until the block ends, or the process does.

    ``waiting`` is told, once, whom is waited for. Raises Occupied after ``patience`` seconds and
    StorageError when the home cannot be written. The files to take in must be looked up within the
    block: what another run published meanwhile is then seen.
    """
    path = home.root / "locks" / use_case / f"{source}.lock"
    make_folder(path.parent)
    with storing(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # The system lets go of it when the process ends, however it ends. The file stays: who
        # deleted it would let a third one in beside the one that waits.
        until = time.monotonic() + patience
        told = False
        while not _taken(descriptor):
            holder = os.pread(descriptor, 20, 0).decode().strip() or "unknown"
            if time.monotonic() >= until:
                raise Occupied(
                    f"source '{source}' of {use_case}: process {holder} has been at work on it for "
                    f"{patience:.0f} seconds ({path}). Nothing was done here; wait for it or end "
                    "it, and run this again."
                )
            if not told:
                waiting(f"{source}: waiting for process {holder}, which is at work on it")
                told = True
            time.sleep(PAUSE)
        with storing(path):
            # Fixed width, in one write: a reader sees one number or the other.
            os.pwrite(descriptor, f"{os.getpid():<19}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
