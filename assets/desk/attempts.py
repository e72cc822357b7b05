"""How often somebody may try: counted before the attempt, so that many at once are many.

What is counted is kept as a keyed hash, and only for the length of the window.
"""

import hashlib
import hmac
import sqlite3
from datetime import UTC, datetime, timedelta

from assets.desk.database import PEPPER, changing
from assets.errors import NightshiftError

WINDOW = timedelta(minutes=15)
MOST = {"name": 5, "passphrase": 5, "address": 20}
"""Failures in a window. OWASP's cheat sheet on authentication asks for such a limit and leaves the
figures to us. An address has more of them: several people may come from one."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TooManyAttempts(NightshiftError):
    """Nothing was tried: wait until ``until`` (UTC)."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


def reserve(connection: sqlite3.Connection, now: datetime, **who: str) -> None:
    """Count an attempt by each ``kind=who`` (kinds of ``MOST``; an empty one is nobody).

    Raises TooManyAttempts, having counted nothing, where a kind has used up its own.
    """
    at, window = _micros(now), _micros(EPOCH + WINDOW)
    given = {kind: _hidden(connection, kind, text) for kind, text in who.items() if text}
    with changing(connection):
        # A clock that was set back must neither forgive anything nor lock anyone out for longer.
        connection.execute("UPDATE attempts SET at = ? WHERE at > ?", [at, at])
        connection.execute("DELETE FROM attempts WHERE at <= ?", [at - window])
        until = max((_until(connection, *one) for one in given.items()), default=0)
        if not until:
            connection.executemany(
                "INSERT INTO attempts (kind, who, at) VALUES (?, ?, ?)",
                [(kind, hidden, at) for kind, hidden in given.items()],
            )
    # Not within: what was put right above would be undone.
    if until:
        then = EPOCH + timedelta(microseconds=until)
        raise TooManyAttempts(
            f"too many attempts: nothing was tried. Wait until {then:%H:%M:%S} UTC", then
        )


def _until(connection: sqlite3.Connection, kind: str, hidden: str) -> int:
    """When the oldest of as many as are allowed is forgotten; 0 while there are fewer."""
    times = connection.execute(
        "SELECT at FROM attempts WHERE kind = ? AND who = ? ORDER BY at DESC LIMIT ?",
        [kind, hidden, MOST[kind]],
    ).fetchall()
    return int(times[-1][0]) + _micros(EPOCH + WINDOW) if len(times) == MOST[kind] else 0


def succeeded(connection: sqlite3.Connection, **who: str) -> None:
    """Forget what was counted against a name or passphrase, and this one attempt of an address:
    its failures before stay, or whoever has an account could try others' for ever."""
    with changing(connection):
        for kind, text in who.items():
            hidden = _hidden(connection, kind, text)
            cleared = "kind = ?1 AND who = ?2"
            if kind == "address":
                cleared += " AND id = (SELECT max(id) FROM attempts WHERE kind = ?1 AND who = ?2)"
            connection.execute(f"DELETE FROM attempts WHERE {cleared}", [kind, hidden])


def _hidden(connection: sqlite3.Connection, kind: str, text: str) -> str:
    found = connection.execute("SELECT value FROM known WHERE name = ?", [PEPPER]).fetchone()
    said = f"{kind}|{text}".encode(errors="surrogatepass")
    return hmac.new(str(found[0]).encode(), said, hashlib.sha256).hexdigest()


def _micros(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)
