"""Checkpoints: what the ledger says of rows at a time, chained and signed.

A checkpoint's digest is the SHA-256 of canonical JSON (RFC 8259, keys sorted, no spaces, ASCII)
over all of its columns but the digest itself, the key and the signature, with the use case; it
holds the digest of the checkpoint before it, so none can be taken out, changed or moved without
all that follow being made anew, which takes the installation's key.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from assets.errors import NightshiftError
from assets.ledger.roots import Root
from assets.signing import is_signed, public_key, sign
from assets.tables import CHECKPOINTS, CHECKPOINTS_SCHEMA

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from assets.lake import Lake

KIND = "nightshift ledger 1"
"""Tells these signatures from any other made with the same key."""

UNSIGNED = ("digest", "public_key", "signature")
"""Columns that are made of the others."""


class LedgerError(NightshiftError):
    """The ledger cannot go on from what is on record. Says what is wrong and what to do."""


@dataclass(frozen=True)
class Checkpoint:
    """A row of CHECKPOINTS_SCHEMA. Times are UTC."""

    sequence: int
    kind: str
    day: date | None
    revision: int | None
    rows: int
    root: str
    table_version: int
    evidence: str
    previous: str
    digest: str
    at: datetime
    public_key: str
    signature: str
    run_id: str

    @property
    def said(self) -> Mapping[str, Any]:
        """The evidence; empty for what is no JSON object."""
        try:
            found = json.loads(self.evidence or "{}")
        except json.JSONDecodeError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def columns(self) -> Mapping[str, str]:
        """Column to the digest it had (see ``assets/ledger/roots.py``)."""
        found = self.said.get("columns")
        return found if isinstance(found, dict) else {}

    @property
    def place(self) -> tuple[str, date | None]:
        """What it is a checkpoint of."""
        return self.kind, self.day

    @property
    def named(self) -> str:
        """For people: ``checkpoint 12 (decisions of 2026-03-01)``."""
        of = f" of {self.day}" if self.day else ""
        return f"checkpoint {self.sequence} ({self.kind}{of})"

    def as_json(self) -> dict[str, Any]:
        """Plain values: days and times in ISO 8601."""
        plain = dict(vars(self))
        plain["day"] = self.day.isoformat() if self.day else None
        plain["at"] = self.at.astimezone(UTC).isoformat()
        return plain


def digest_of(use_case: str, checkpoint: Checkpoint) -> str:
    """The digest the checkpoint must have, by what it says."""
    said = {name: value for name, value in checkpoint.as_json().items() if name not in UNSIGNED}
    return hashlib.sha256(canonical({**said, "ledger": KIND, "use_case": use_case})).hexdigest()


def is_genuine(checkpoint: Checkpoint, installation: str) -> bool:
    """Did this installation's key sign the digest?"""
    return checkpoint.public_key == installation and is_signed(
        installation, _message(checkpoint.digest), checkpoint.signature or ""
    )


def signed(
    use_case: str,
    key: "Ed25519PrivateKey",
    after: Checkpoint | None,
    *,
    kind: str,
    day: date | None,
    revision: int | None,
    root: Root,
    table_version: int,
    evidence: Mapping[str, Any],
    at: datetime,
    run_id: str,
) -> Checkpoint:
    """The checkpoint that follows ``after`` (None: the first)."""
    columns: dict[str, Any] = {
        "sequence": after.sequence + 1 if after else 1,
        "kind": kind,
        "day": day,
        "revision": revision,
        "rows": root.rows,
        "root": root.root,
        "table_version": table_version,
        "evidence": canonical({**evidence, "columns": dict(root.columns)}).decode(),
        "previous": after.digest if after else "",
        "at": at,
        "run_id": run_id,
    }
    draft = Checkpoint(**columns, digest="", public_key="", signature="")
    digest = digest_of(use_case, draft)
    return Checkpoint(
        **columns,
        digest=digest,
        public_key=public_key(key),
        signature=sign(key, _message(digest)),
    )


def read_checkpoints(lake: "Lake", use_case: str) -> list[Checkpoint]:
    """All checkpoints by rising sequence, as they stand; empty where there is no table."""
    if not lake.exists(use_case, CHECKPOINTS):
        return []
    rows = lake.read(use_case, CHECKPOINTS).select(CHECKPOINTS_SCHEMA.names).to_pylist()
    return sorted((Checkpoint(**row) for row in rows), key=lambda one: one.sequence)


def newest(checkpoints: Sequence[Checkpoint]) -> dict[tuple[str, date | None], Checkpoint]:
    """The last checkpoint of everything that has one."""
    return {one.place: one for one in checkpoints}


def canonical(said: Mapping[str, Any]) -> bytes:
    """The one way of writing it that is hashed."""
    return json.dumps(said, sort_keys=True, separators=(",", ":")).encode("ascii")


def _message(digest: str) -> bytes:
    return f"{KIND} {digest}".encode()
