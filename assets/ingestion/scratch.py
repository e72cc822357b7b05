"""Room for the copies a run makes of odd files: private, gone with the run that made it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from assets.durable import alive
from assets.home import Home


@contextmanager
def scratch(home: Home) -> Iterator[Path]:
    """A folder only this user may read, deleted on leaving.

    A killed run cannot clean up, and what it left may hold personal values: the folders of
    processes that are no more are swept before a new one is made.
    """
    home.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in home.scratch.iterdir():
        owner = left.name.split("-")[0]
        if owner.isdigit() and int(owner) != os.getpid() and not alive(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(mkdtemp(prefix=f"{os.getpid()}-", dir=home.scratch))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
