"""The signed manifest of a model folder: every file by its SHA-256, and nothing besides.

``MANIFEST.json`` is canonical JSON (RFC 8259, keys sorted, no spaces, ASCII), ``MANIFEST.sig`` the
installation's Ed25519 signature (RFC 8032) over its bytes, in base64. A folder is what its manifest
says or it is refused: one file more, one less, a link or one other bit is reason enough.
"""

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.durable import write_whole
from assets.errors import NightshiftError
from assets.signing import (
    SigningKeyError,
    create_private_key,
    is_signed,
    load_private_key,
    public_key,
    sign,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from assets.home import Home

MANIFEST, SIGNATURE = "MANIFEST.json", "MANIFEST.sig"

KIND = "nightshift model 1"
"""Tells these signatures from any other made with the same key."""

PICKLES = (".pkl", ".pickle", ".joblib", ".cloudpickle", ".dill")
PICKLE_OPCODE, PICKLE_PROTOCOLS = 0x80, range(2, 6)
"""How a pickle of protocol 2 to 5 begins (CPython, Lib/pickle.py, opcode PROTO)."""


class ManifestError(NightshiftError):
    """A model folder that is not what its manifest says. Names the file and what is wrong."""


@dataclass(frozen=True)
class Signed:
    """A manifest on the disk."""

    digest: str  # SHA-256 of its bytes, hex
    public_key: str  # that verifies it, base64
    signature: str  # base64


def installation_key(home: "Home") -> "Ed25519PrivateKey":
    """The key the installation signs with; made on first use."""
    if not home.signing_key.exists():
        try:
            create_private_key(home.signing_key)
        except SigningKeyError:
            # Another process made it in the meantime; if it was something else, loading says so.
            return load_private_key(home.signing_key)
    return load_private_key(home.signing_key)


def write_manifest(home: "Home", folder: Path, *, use_case: str, training_digest: str) -> Signed:
    """Sign what is in ``folder`` now. Raises ManifestError for a link or a pickle in it."""
    files = {}
    for name, path in sorted(_files(folder).items()):
        content = path.read_bytes()
        _refuse_pickle(name, content)
        files[name] = hashlib.sha256(content).hexdigest()
    said = {"manifest": KIND, "use_case": use_case, "training": training_digest, "files": files}
    text = json.dumps(said, sort_keys=True, separators=(",", ":")).encode("ascii")
    key = installation_key(home)
    signed = Signed(hashlib.sha256(text).hexdigest(), public_key(key), sign(key, text))
    write_whole(folder / MANIFEST, text)
    write_whole(folder / SIGNATURE, signed.signature)
    return signed


def read_verified(
    home: "Home", folder: Path, *, use_case: str, digest: str, keep: Collection[str]
) -> dict[str, bytes]:
    """Bytes of the files named in ``keep``, each read once, from a folder that is as signed.

    In this order: the manifest hashes to ``digest``, the installation signed it, it is for the use
    case, the folder holds exactly its files, none is a pickle, every one has its SHA-256. Raises
    ManifestError for the first of these that is not so.
    """
    found = _files(folder)
    for name in (MANIFEST, SIGNATURE):
        if name not in found:
            raise ManifestError(f"{name} is not there")
    text = found.pop(MANIFEST).read_bytes()
    there = hashlib.sha256(text).hexdigest()
    if there != digest:
        raise ManifestError(
            f"{MANIFEST} has SHA-256 {there[:12]}…, released was {digest[:12]}…: it was changed, "
            "or is another version's"
        )
    signature = found.pop(SIGNATURE).read_bytes().decode("ascii", errors="replace").strip()
    if not is_signed(_public(home), text, signature):
        raise ManifestError(f"{MANIFEST} is not signed by this installation's key")
    said = _said(text)
    if said.get("manifest") != KIND or said.get("use_case") != use_case:
        raise ManifestError(f"{MANIFEST} is signed, but for something else than this use case")
    return _verified(said["files"], found, keep)


def _verified(
    wanted: Mapping[str, str], found: Mapping[str, Path], keep: Collection[str]
) -> dict[str, bytes]:
    """Files as wanted, and no others; bytes of those to keep."""
    extra, missing = sorted(set(found) - set(wanted)), sorted(set(wanted) - set(found))
    if extra:
        raise ManifestError(f"{extra[0]} was added: the manifest knows no such file")
    if missing:
        raise ManifestError(f"{missing[0]} is not there, but in the manifest")
    lacking = sorted(set(keep) - set(wanted))
    if lacking:
        raise ManifestError(f"the manifest names no {lacking[0]}")
    kept = {}
    for name in sorted(wanted):
        content = found[name].read_bytes()
        there = hashlib.sha256(content).hexdigest()
        if there != wanted[name]:
            raise ManifestError(
                f"{name} has SHA-256 {there[:12]}…, signed was {wanted[name][:12]}…: it was "
                "changed after registration"
            )
        _refuse_pickle(name, content)
        if name in keep:
            kept[name] = content
    return kept


def _files(folder: Path) -> dict[str, Path]:
    """Every file under ``folder`` by its name with forward slashes; links and the like refused."""
    found: dict[str, Path] = {}
    if not folder.is_dir():
        raise ManifestError("the folder is not there")
    for root, folders, names in os.walk(folder):
        for name in sorted([*folders, *names]):
            path = Path(root, name)
            place = path.relative_to(folder).as_posix()
            if path.is_symlink():
                raise ManifestError(f"{place} is a link: a model folder holds files only")
            if path.is_file():
                found[place] = path
            elif not path.is_dir():
                raise ManifestError(f"{place} is no plain file")
    return found


def _refuse_pickle(name: str, content: bytes) -> None:
    """Whoever unpickles a file runs what is in it, so none may lie beside a model."""
    opened = len(content) > 1 and content[0] == PICKLE_OPCODE and content[1] in PICKLE_PROTOCOLS
    if name.lower().endswith(PICKLES) or opened:
        raise ManifestError(f"{name} is a pickle, which runs code when it is read")


def _public(home: "Home") -> str:
    try:
        return public_key(load_private_key(home.signing_key))
    except SigningKeyError as error:
        raise ManifestError(
            f"the installation's key cannot be used ({error}), so no signature can be verified"
        ) from error


def _said(text: bytes) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError as error:
        raise ManifestError(f"{MANIFEST} is signed, but no JSON") from error
    if not isinstance(said, dict) or not isinstance(said.get("files"), dict):
        raise ManifestError(f"{MANIFEST} is signed, but lists no files")
    return said
