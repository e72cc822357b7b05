"""What a reader is told when something cannot be read."""

from assets.errors import NightshiftError


class ReadError(NightshiftError):
    """Nothing to read there, or nothing that may be. The message says what there is instead."""
