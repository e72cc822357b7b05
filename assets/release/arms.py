"""Which entities a canary decides: a stable share of them, by a keyed hash.

The arm of an entity follows from HMAC-SHA-256 (RFC 2104) of use case, version and entity: the same
every night and in whatever order cases come, so nobody is decided by one model today and by another
tomorrow. The version is part of it, so that the next canary does not meet the same entities again.
Nobody without the installation's key can tell who is in it, or make a name that is.
"""

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from assets.home import Home
    from assets.spec import UseCaseSpec

PURPOSE = b"nightshift canary arm 1"
"""Context of the derived key (RFC 5869, section 3.2): it is no key of pseudonyms."""

KEY_BYTES = 32
HEX_DIGITS = 16
"""The first 8 bytes of the hash, in hex: a whole number below 2**64."""


def canary_arm(
    home: "Home",
    spec: "UseCaseSpec",
    version: int,
    entities: pa.ChunkedArray,
    *,
    key: bytes | None = None,
) -> pa.ChunkedArray:
    """Whether each entity (text) is in the canary of a version: booleans, false of a null.

    The share is ``spec.release.canary.share``; without a canary nobody is in it. A larger share
    keeps those who were in the smaller one. ``key``: the installation's pseudonym key; by default
    the file in the home, made on first use. Raises KeyRefused as ``load_key`` does.
    """
    from assets.ingestion.pseudonym import load_key

    canary = spec.release.canary
    if canary is None:
        return pa.chunked_array([pa.repeat(False, len(entities))])
    secret = arm_key(load_key(home.pseudonym_key) if key is None else key)
    return in_share(secret, f"{spec.name}|{version}", canary.share, entities)


def arm_key(installation: bytes) -> bytes:
    """The key of the arms, derived from the installation's (HKDF with SHA-256, RFC 5869)."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=PURPOSE).derive(installation)


def in_share(key: bytes, context: str, share: float, entities: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether HMAC-SHA-256 of ``context|entity``, its first 8 bytes as a number in [0, 1), is below
    ``share``, which is at most 1. Each distinct entity is hashed once; a null is in no arm."""
    if share >= 1:
        return pc.is_valid(entities)
    encoded = pc.cast(entities, pa.string()).combine_chunks().dictionary_encode()
    inside = pc.less(_hashes(key, context, encoded.dictionary), _bound(share))
    # Looked up by place; a null has none, and is in no arm.
    return pa.chunked_array([pc.fill_null(inside.take(encoded.indices), False)])


def _bound(share: float) -> str:
    """The first number that is out, in hex: of the same length, text compares as numbers do."""
    from math import ceil

    # A share times a power of two is exact, and n < x is n < ceil(x) of whole n.
    return format(ceil(share * 2**64), f"0{HEX_DIGITS}x")


def _hashes(key: bytes, context: str, entities: pa.Array) -> pa.Array:
    import duckdb

    from assets.ingestion.pseudonym import hmac_pads

    # The context has no bar but the one in it, so no two pairs of parts are the same text.
    inner = "sha256($hmac_inner || encode($context || '|' || entity))"
    with duckdb.connect() as connection:
        connection.register("entities", pa.table({"entity": entities}))
        found: pa.Table = connection.sql(
            f"SELECT left(sha256($hmac_outer || unhex({inner})), {HEX_DIGITS}) AS hash "
            "FROM entities",
            params={**hmac_pads(key), "context": context},
        ).to_arrow_table()
    return found.column("hash").combine_chunks()
