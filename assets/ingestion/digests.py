"""What a day of a source was made of, as one digest: equal digests, equal rows."""

import hashlib
import json
from collections.abc import Iterable, Mapping

from assets.source_spec import SourceSpec

DOOR = 1
"""Raised when the same bytes under the same contract may give other rows than before."""


def own_digest(source: SourceSpec, key: bytes, files: Iterable[str]) -> str:
    """SHA-256 of the contract, the pseudonyms' key and the SHA-256 of each of the day's files.

    The limits of the gates and what late rows trigger do not change a row, so they are left out.
    """
    contract = source.model_dump(mode="json", exclude={"gates": True, "late": {"then": True}})
    made_of = {
        "door": DOOR,
        "contract": contract,
        "key": hashlib.sha256(b"nightshift key check" + key).hexdigest(),
        "files": sorted(files),
    }
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


def input_digest(own: str, late_from: Mapping[str, str]) -> str:
    """SHA-256 of a day's own digest and those of the later files that brought rows for it."""
    made_of = json.dumps([own, dict(late_from)], sort_keys=True)
    return hashlib.sha256(made_of.encode()).hexdigest()
