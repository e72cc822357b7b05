"""A person's visit to the desk: what its signed cookie holds, and when it is over.

The cookie says who, since when and for which password (the epoch), and carries the seed of the
tokens in forms; nothing else. It is signed (HMAC-SHA-256 by way of itsdangerous), not encrypted.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer

from assets.durable import write_first
from assets.errors import NightshiftError

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=8)
"""OWASP Session Management Cheat Sheet, "Session Expiration": 15 to 30 minutes idle where the risk
is low, 4 to 8 hours in all for what office workers use for a full day."""

SKEW = timedelta(seconds=60)
"""How far the clock may go back between two answers before a visit counts as over."""

SALT = "nightshift desk visit 1"
KEY_HEX = 64


class SessionKeyError(NightshiftError):
    """The key that signs cookies cannot be used. The message says what to do."""


class VisitOver(NightshiftError):
    """A cookie that counts no more. The message says why, for the person who has it."""


@dataclass(frozen=True)
class Visit:
    """What a cookie says. Times are UTC, whole seconds; ``name`` is empty before sign-in."""

    name: str
    epoch: str  # of the user: another password or other roles end every visit from before
    issued: datetime
    seen: datetime
    seed: str  # of the tokens in this visit's forms


def session_key(path: Path) -> bytes:
    """The installation's key for cookies: 64 hex digits in a 0600 file, made on first use.

    Raises SessionKeyError for a file that others may read or that holds no key.
    """
    if not path.exists():
        write_first(path, secrets.token_hex(KEY_HEX // 2), private=True)
    if path.stat().st_mode & 0o077:
        raise SessionKeyError(f"{path} may be read by others: chmod 600 it, or delete it")
    key = path.read_bytes().strip()
    if len(key) < KEY_HEX:
        raise SessionKeyError(
            f"{path} holds no key: delete it, a new one is made (everyone signs in again)"
        )
    return key


def begin(name: str, epoch: str, now: datetime) -> Visit:
    """A new visit with a seed of its own, so that no token from before sign-in fits after it."""
    at = now.astimezone(UTC).replace(microsecond=0)
    return Visit(name, epoch, at, at, secrets.token_urlsafe(16))


def written(visit: Visit, key: bytes, now: datetime) -> str:
    """The cookie's text, last seen ``now`` (UTC)."""
    said = [visit.name, visit.epoch, int(visit.issued.timestamp()), visit.seed]
    text: str = _serializer(key, now).dumps(said)
    return text


def read(text: str, key: bytes, now: datetime) -> Visit:
    """The visit a cookie stands for, seen ``now`` (UTC).

    Raises VisitOver for a cookie not signed by ``key``, one idle for longer than IDLE or older than
    LONGEST, and one from later than the clock says.
    """
    try:
        said, seen = _serializer(key, now).loads(text, return_timestamp=True)
        name, epoch, issued_at, seed = said
        issued = datetime.fromtimestamp(int(issued_at), UTC)
    except (BadData, TypeError, ValueError, OverflowError, OSError) as error:
        raise VisitOver("Your session cannot be read. Please sign in again.") from error
    visit = Visit(str(name), str(epoch), issued, seen, str(seed))
    if max(visit.seen, visit.issued) > now + SKEW:
        raise VisitOver(
            "Your session is from later than this machine's clock says: the clock was set back. "
            "Please sign in again; if this goes on, have the clock looked at."
        )
    if now - visit.seen > IDLE:
        minutes = IDLE // timedelta(minutes=1)
        raise VisitOver(f"Your session ended after {minutes} minutes without a sign of you.")
    if now - visit.issued > LONGEST:
        hours = LONGEST // timedelta(hours=1)
        raise VisitOver(f"Your session ended {hours} hours after you signed in.")
    return replace(visit, seen=now)


def form_token(visit: Visit, key: bytes) -> str:
    """The token every form of this visit carries: HMAC-SHA-256 of its seed and name, hex."""
    said = f"form token|{visit.seed}|{visit.name}".encode()
    return hmac.new(key, said, hashlib.sha256).hexdigest()


def is_token(given: object, visit: Visit, key: bytes) -> bool:
    """Does a form's token belong to this visit? Compared in constant time."""
    wanted = form_token(visit, key).encode()
    return isinstance(given, str) and hmac.compare_digest(given.encode(), wanted)


class _Dated(TimestampSigner):
    """Signs with the time that is given, not with the wall clock's."""

    def __init__(self, *given: Any, now: int, **named: Any) -> None:
        super().__init__(*given, **named)
        self._now = now

    def get_timestamp(self) -> int:
        return self._now


def _serializer(key: bytes, now: datetime) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(
        key,
        salt=SALT,
        signer=_Dated,
        signer_kwargs={
            "now": int(now.timestamp()),
            "digest_method": hashlib.sha256,
            "key_derivation": "hmac",
        },
    )
