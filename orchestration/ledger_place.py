"""Where the second copy of the ledger is kept, when not in the home."""

import os
from pathlib import Path

COPY_VARIABLE = "NIGHTSHIFT_LEDGER_COPY"


def ledger_copy_from_environment() -> Path | None:
    """The folder that ``NIGHTSHIFT_LEDGER_COPY`` names; None: the home's own."""
    named = os.environ.get(COPY_VARIABLE)
    return Path(named).resolve() if named else None
