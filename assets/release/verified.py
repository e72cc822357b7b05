"""Signatures that were looked at before: the same record is read many times in a night."""

from functools import lru_cache

from assets.signing import is_signed


@lru_cache(maxsize=4096)
def is_signed_once(public: str, message: bytes, signature: str) -> bool:
    """As :func:`assets.signing.is_signed`, which is worked out once for the same three."""
    return is_signed(public, message, signature)
