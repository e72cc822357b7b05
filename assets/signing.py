"""Ed25519 signatures (RFC 8032) by way of ``cryptography``: keys as text, signatures as base64.

The installation signs what it registers, people sign what they approve. A private key is a PEM of
PKCS #8 (encrypted where a passphrase is given), a public key 32 bytes in base64.
"""

import base64
import binascii
import os
from pathlib import Path
from typing import TYPE_CHECKING

from assets.durable import make_folder
from assets.errors import NightshiftError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class SigningKeyError(NightshiftError):
    """A private key that is not there, cannot be read, or may be read by others."""


def create_private_key(path: Path, passphrase: str | None = None) -> str:
    """Make a key pair; write the private key to ``path`` (0600), return the public key.

    Raises SigningKeyError when there is a file already: a key is never overwritten.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        protection = serialization.BestAvailableEncryption(passphrase.encode())
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
    )
    make_folder(path.parent)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise SigningKeyError(f"{path} holds a key already; it is not overwritten") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    return _public(private)


def load_private_key(path: Path, passphrase: str | None = None) -> "Ed25519PrivateKey":
    """The private key in ``path``. Raises SigningKeyError, saying what to do."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if not path.is_file():
        raise SigningKeyError(f"there is no key at {path}")
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise SigningKeyError(f"{path} may be read by others (mode {mode:o}): chmod 600 it")
    try:
        private = load_pem_private_key(
            path.read_bytes(), passphrase.encode() if passphrase else None
        )
    except (TypeError, ValueError) as error:
        raise SigningKeyError(
            f"{path} cannot be opened: no Ed25519 key, or the passphrase is missing or wrong"
        ) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise SigningKeyError(f"{path} is no Ed25519 key")
    return private


def public_key(private: "Ed25519PrivateKey") -> str:
    """Base64 of the 32 bytes of the public key that belongs to ``private``."""
    return _public(private)


def sign(private: "Ed25519PrivateKey", message: bytes) -> str:
    """Signature of ``message`` in base64; the same every time."""
    return base64.b64encode(private.sign(message)).decode()


def is_signed(public: str, message: bytes, signature: str) -> bool:
    """Did the holder of ``public`` sign ``message``? False for anything malformed."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
        key.verify(base64.b64decode(signature, validate=True), message)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _public(private: "Ed25519PrivateKey") -> str:
    return base64.b64encode(private.public_key().public_bytes_raw()).decode()
