"""Keyed pseudonyms: HMAC-SHA-256 tokens, stable for joins, useless without the key.

Another key gives other tokens, so a key is changed for a home as a whole: keep the old key as long
as anything made with it must be read, put the new one in its place, and build the history anew
from the landing files. ``docs/door.md`` has the steps.
"""

import hashlib
import hmac
import secrets
from pathlib import Path

import pyarrow as pa

from assets.durable import write_first
from assets.errors import NightshiftError

TOKEN_HEX = 32  # 128 bits: no collision to expect below 2**60 people
BLOCK = 64  # bytes of a SHA-256 block, as RFC 2104 pads the key to


class KeyRefused(NightshiftError):
    """The pseudonym key is not usable; says where it is looked for and why it was refused."""


def load_key(path: Path, from_environment: str | None = None) -> bytes:
    """The installation's key: the given text when set, else a 0600 file, made on first use.

    Raises KeyRefused for a key under 32 characters or a file others may read.
    """
    if from_environment is not None:
        if len(from_environment) < 32:
            raise KeyRefused("the pseudonym key from the environment is under 32 characters")
        return from_environment.encode()
    if not path.exists():
        # Of two first runs at once, one makes the key and the other reads it; a run that is killed
        # leaves none, or a whole one.
        write_first(path, secrets.token_hex(32), private=True)
    if path.stat().st_mode & 0o077:
        raise KeyRefused(f"{path} may be read by others: chmod 600 it, or replace the key")
    key = path.read_bytes().strip()
    if len(key) < 32:
        raise KeyRefused(f"{path} holds under 32 characters; restore the key from your backup")
    return key


def token(value: str, key: bytes) -> str:
    """The token of one value: the first 32 hex digits of HMAC-SHA-256 over its UTF-8 bytes."""
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()[:TOKEN_HEX]


def hmac_pads(key: bytes) -> dict[str, bytes]:
    """The two padded keys of RFC 2104, 64 bytes each: parameters of :func:`token_sql`.

    A key longer than a block is hashed first. With these one can make tokens: treat them like the
    key itself.
    """
    block = (hashlib.sha256(key).digest() if len(key) > BLOCK else key).ljust(BLOCK, b"\0")
    return {
        "hmac_inner": bytes(byte ^ 0x36 for byte in block),
        "hmac_outer": bytes(byte ^ 0x5C for byte in block),
    }


def token_sql(value: str) -> str:
    """DuckDB expression of the token of ``value``, a VARCHAR expression; NULL stays NULL.

    The same token as :func:`token`. The query takes the named parameters of :func:`hmac_pads`.
    """
    inner = f"sha256($hmac_inner || encode({value}))"
    return f"left(sha256($hmac_outer || unhex({inner})), {TOKEN_HEX})"


def pseudonymise(values: pa.ChunkedArray, key: bytes) -> pa.ChunkedArray:
    """Each text value as its token (hex text); null stays null. Distinct values are hashed once."""
    encoded = values.combine_chunks().dictionary_encode()
    tokens = [token(value, key) for value in encoded.dictionary.to_pylist()]
    tokenised = pa.DictionaryArray.from_arrays(encoded.indices, pa.array(tokens, pa.string()))
    return pa.chunked_array([tokenised.cast(pa.string())])
