"""The keys that seal personal values in quarantine, one per person; deleting one is forgetting.

The lake keeps every version of a table, so a value cannot be taken out of it. What can be taken
away is the key: each person's values are sealed under a key made of the installation's key and a
random salt that is kept here and nowhere else. Without the salt no copy of the sealed text, in
whatever version of a table, can be opened again. A backup of this file keeps what was in it.
"""

import json
import os
import secrets
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from assets.errors import NightshiftError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

SALT, KEY = 32, 64
PURPOSE = b"nightshift quarantine 1"
BUSY = 30.0
"""Seconds to wait for another process that is writing."""

TABLES = (
    "CREATE TABLE IF NOT EXISTS keys (person TEXT PRIMARY KEY, salt BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS forgotten (person TEXT PRIMARY KEY, at TEXT NOT NULL)",
)


class VaultError(NightshiftError):
    """The vault cannot be used, or does not fit what was sealed. Says which file and what to do."""


class Vault:
    """The vault in the SQLite file ``path``, made on first use, readable by its owner alone.

    ``key``: the installation's. Safe for several processes at once: every change is one
    transaction, and what :meth:`seal` returns can be opened even if the process ends right after.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._key = key

    def seal(self, rows: Sequence[tuple[str, str, str]]) -> list[str]:
        """Each ``(person, plaintext, context)`` as base64 text; '' for a person forgotten.

        The same row under the same keys gives the same text (AES-SIV, RFC 5297), so that a re-run
        changes nothing. ``context`` is bound in: the text opens with the same one only. Raises
        VaultError when the vault cannot be written; nothing is sealed then.
        """
        if not rows:
            return []
        salts = self._salts_for({person for person, _, _ in rows})
        ciphers = {person: self._cipher(salt) for person, salt in salts.items()}
        return [
            b64encode(ciphers[person].encrypt(text.encode(), [context.encode()])).decode()
            if person in ciphers
            else ""
            for person, text, context in rows
        ]

    def unseal(self, person: str, sealed: str, context: str) -> str | None:
        """The plaintext; None when the person is forgotten.

        Raises VaultError when the vault does not know the person, or was used with another key.
        """
        return self.unseal_all([(person, sealed, context)])[0]

    def unseal_all(self, rows: Sequence[tuple[str, str, str]]) -> list[str | None]:
        """:meth:`unseal` for many ``(person, sealed, context)``, the vault opened once."""
        opened: list[str | None] = []
        for one in self._open(rows):
            if isinstance(one, VaultError):
                raise one
            opened.append(one)
        return opened

    def readable(self, rows: Sequence[tuple[str, str, str]]) -> list[str | None]:
        """As :meth:`unseal_all`, but None for what does not open, whatever the reason."""
        return [None if isinstance(one, VaultError) else one for one in self._open(rows)]

    def _open(self, rows: Sequence[tuple[str, str, str]]) -> "Iterator[str | VaultError | None]":
        from cryptography.exceptions import InvalidTag

        salts, forgotten = self._known({person for person, _, _ in rows})
        ciphers = {person: self._cipher(salt) for person, salt in salts.items()}
        for person, sealed, context in rows:
            if not sealed or person in forgotten:
                yield None
            elif person not in ciphers:
                yield VaultError(
                    f"{self._path} has no key for what was sealed for '{person}': the vault is "
                    "not the one the row was sealed with. Restore it from your backup, or run the "
                    "partition again, which seals anew from the landing file."
                )
            else:
                try:
                    text = ciphers[person].decrypt(b64decode(sealed), [context.encode()])
                    yield text.decode()
                except (InvalidTag, ValueError):
                    yield VaultError(
                        f"what was sealed in row {context} does not open: the installation's key "
                        "is another one than then, or the text was changed. Give the key of that "
                        "time, or run the partition again, which seals anew from the landing file."
                    )

    def forget(self, person: str, at: datetime) -> bool:
        """Delete a person's key for good; whether there was one.

        What remains is that it happened and when (``at``): nothing is sealed for the person again,
        whichever old file is read once more.
        """
        with self._writing() as connection:
            deleted = connection.execute("DELETE FROM keys WHERE person = ?", [person]).rowcount
            connection.execute(
                "INSERT OR IGNORE INTO forgotten VALUES (?, ?)", [person, at.isoformat()]
            )
        with self._opened("rw") as connection:
            # Pages that once were split may hold a second copy of a row: all are written anew.
            connection.execute("VACUUM")
        return deleted > 0

    def forgotten(self, persons: Iterable[str]) -> set[str]:
        """Those of the persons who are forgotten."""
        return self._known(set(persons))[1]

    def _cipher(self, salt: bytes) -> "AESSIV":
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV
        from cryptography.hazmat.primitives.hashes import SHA512
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        derived = HKDF(algorithm=SHA512(), length=KEY, salt=salt, info=PURPOSE).derive(self._key)
        return AESSIV(derived)

    def _salts_for(self, persons: set[str]) -> dict[str, bytes]:
        """Salts of all but the forgotten, new ones made where there are none."""
        salts, forgotten = self._known(persons)
        if persons <= salts.keys() | forgotten:  # a re-run: it does not even need to write
            return salts
        with self._writing() as connection:
            salts, forgotten = _known(connection, persons)
            new = {
                person: secrets.token_bytes(SALT)
                for person in sorted(persons - salts.keys() - forgotten)
            }
            connection.executemany("INSERT INTO keys VALUES (?, ?)", new.items())
        return salts | new

    def _known(self, persons: set[str]) -> tuple[dict[str, bytes], set[str]]:
        """Salts by person, and the forgotten among them."""
        if not self._path.exists():
            return {}, set()
        with self._opened("rw") as connection:
            return _known(connection, persons)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is written and synced when the block ends, or nothing."""
        self._make()
        with self._opened("rw") as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                for table in TABLES:
                    connection.execute(table)
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _make(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(self._path, os.O_RDONLY | os.O_CREAT, 0o600))
        except OSError as error:
            raise VaultError(
                f"{self._path} cannot be made: {error.strerror}. Nothing was sealed; make the "
                "folder writable and run again."
            ) from error

    @contextmanager
    def _opened(self, mode: str) -> Iterator[sqlite3.Connection]:
        try:
            if self._path.stat().st_mode & 0o077:
                raise VaultError(f"{self._path} may be read by others: chmod 600 it.")
            address = f"file:{quote(str(self._path.absolute()))}?mode={mode}"
            with closing(
                sqlite3.connect(address, uri=True, timeout=BUSY, isolation_level=None)
            ) as connection:
                # No second file that outlives a change; what is deleted is overwritten; the end
                # of a change is on the disk before we say so, and no copy goes to a temp folder.
                connection.execute("PRAGMA journal_mode = DELETE")
                connection.execute("PRAGMA secure_delete = ON")
                connection.execute("PRAGMA synchronous = EXTRA")
                connection.execute("PRAGMA temp_store = MEMORY")
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise VaultError(
                f"{self._path} cannot be used: {error}. If another process is at work, wait "
                "for it; if the file is damaged or read-only, restore it from your backup or mend "
                "its permissions; then run again."
            ) from error


def _known(connection: sqlite3.Connection, persons: set[str]) -> tuple[dict[str, bytes], set[str]]:
    tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'keys'")
    if not tables.fetchone()[0]:  # a process was killed between making the file and its tables
        return {}, set()
    wanted = [json.dumps(sorted(persons))]
    among = "person IN (SELECT value FROM json_each(?))"
    salts = connection.execute(f"SELECT person, salt FROM keys WHERE {among}", wanted)
    found = dict(salts.fetchall())
    gone = connection.execute(f"SELECT person FROM forgotten WHERE {among}", wanted)
    return found, {person for (person,) in gone.fetchall()}
