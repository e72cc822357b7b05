"""Keyed pseudonyms: HMAC-SHA-256 tokens, stable for joins, useless without the key."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

import pyarrow as pa

from assets.errors import NightshiftError

TOKEN_HEX = 32  # 128 bits: no collision to expect below 2**60 people


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
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # O_EXCL: of two first runs at once, one makes the key and the other reads it.
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return load_key(path)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
    if path.stat().st_mode & 0o077:
        raise KeyRefused(f"{path} may be read by others: chmod 600 it, or replace the key")
    key = path.read_bytes().strip()
    if len(key) < 32:
        raise KeyRefused(f"{path} holds under 32 characters; restore the key from your backup")
    return key


def pseudonymise(values: pa.ChunkedArray, key: bytes) -> pa.ChunkedArray:
    """Each text value as its token (hex text); null stays null. Distinct values are hashed once."""
    encoded = values.combine_chunks().dictionary_encode()
    tokens = [
        hmac.new(key, value.encode(), hashlib.sha256).hexdigest()[:TOKEN_HEX]
        for value in encoded.dictionary.to_pylist()
    ]
    tokenised = pa.DictionaryArray.from_arrays(encoded.indices, pa.array(tokens, pa.string()))
    return pa.chunked_array([tokenised.cast(pa.string())])
