"""The people who may approve: enrolled by name with a public key, each row signed.

A row counts only if the installation's key signed it, so nobody becomes a person by writing into
the table; whoever may read the installation's key may enrol. The number of a row is part of what is
signed: a copy of an old enrolment comes before the removal, wherever it is put.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from assets.errors import NightshiftError
from assets.release.one_writer import one_writer
from assets.signing import is_signed, load_private_key, public_key, sign
from assets.tables import INSTALLATION, PEOPLE, PEOPLE_SCHEMA
from assets.training.manifest import installation_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from assets.home import Home
    from assets.lake import Lake

ENROLLED, REMOVED = "enrolled", "removed"
NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


class PeopleError(NightshiftError):
    """Someone cannot be enrolled or removed. The message says why and what to do."""


@dataclass(frozen=True)
class Person:
    """One enrolment. Times are UTC."""

    name: str
    public_key: str  # Ed25519, base64
    enrolled_at: datetime
    enrolled_by: str
    removed_at: datetime | None = None
    removed_by: str | None = None  # and why

    def held(self, at: datetime) -> bool:
        """Was this key this person's at the time?"""
        return self.enrolled_at <= at and (self.removed_at is None or at < self.removed_at)


@dataclass(frozen=True)
class People:
    """Everyone ever enrolled, in that order, and what is wrong with rows that do not count."""

    enrolments: tuple[Person, ...]
    problems: tuple[str, ...]

    def holder(self, key: str, at: datetime) -> str | None:
        """Name of the person whose key this was at the time."""
        return next((p.name for p in self.enrolments if p.public_key == key and p.held(at)), None)

    def named(self, name: str) -> Person | None:
        """The person of this name who is enrolled and not removed."""
        return next((p for p in self.enrolments if p.name == name and p.removed_at is None), None)


def read_people(lake: "Lake", home: "Home") -> People:
    """Everyone on record whose rows the installation's key signed; the others are reported.

    Without rows no key is needed. Raises SigningKeyError when the key is there and cannot be read.
    """
    rows = _rows(lake)
    if not rows:
        return People((), ())
    if not home.signing_key.exists():
        return People(
            (),
            (
                f"none of {len(rows)} enrolments counts: {home.signing_key}, which signed them, is "
                "not there. Restore it from a backup, or enrol everyone again.",
            ),
        )
    return people_of(rows, public_key(load_private_key(home.signing_key)))


def people_of(rows: Iterable[dict[str, Any]], installation: str) -> People:
    """As :func:`read_people`, of rows (PEOPLE_SCHEMA) and the installation's public key."""
    enrolments: list[Person] = []
    problems: list[str] = []
    seen: set[str] = set()
    for row in sorted(rows, key=lambda row: int(row["sequence"])):
        what = f"row {row['sequence']} ({row['name']} {row['event']})"
        if not is_signed(installation, _statement(row), row["signature"] or ""):
            problems.append(f"{what} is not signed by this installation and does not count")
            continue
        if row["signature"] in seen:
            problems.append(f"{what} is there twice and counts once")
            continue
        seen.add(row["signature"])
        if row["event"] == ENROLLED:
            enrolments.append(Person(row["name"], row["public_key"], row["at"], row["by"]))
        else:
            enrolments = [_removed(person, row) for person in enrolments]
    return People(tuple(enrolments), tuple(problems))


def require_name(name: str) -> None:
    """Raises PeopleError for what cannot be a name."""
    if not NAME.fullmatch(name):
        raise PeopleError(
            f"'{name}' is no name: lower-case letters, digits and underscores, in parts joined by "
            "dots, like jo.smith"
        )


def require_free(people: People, name: str, key: str | None = None) -> None:
    """Raises PeopleError when the name or the key is somebody's already."""
    if people.named(name) is not None:
        raise PeopleError(
            f"{name} is enrolled already. If the key was lost, remove them first: "
            f"`nightshift people remove {name} --reason TEXT`"
        )
    # Of a removed person too: one key under two names would be two approvals by one person.
    other = next((p.name for p in people.enrolments if key and p.public_key == key), None)
    if other is not None and other != name:
        raise PeopleError(f"this key is {other}'s, and one key is one person: use another file")


def enrol(lake: "Lake", home: "Home", name: str, key: str, *, at: datetime, by: str) -> bool:
    """Put a person with their public key on record; False when exactly that is on record already.

    ``at``: now, UTC. ``by``: the system user who enrols. Makes the installation's key on first
    use. Raises PeopleError when the name is none, or the name or the key is somebody's already.
    """
    require_name(name)
    installation = installation_key(home)
    _ensure(lake)
    with one_writer(lake, INSTALLATION, PEOPLE):
        people = read_people(lake, home)
        there = people.named(name)
        if there is not None and there.public_key == key:
            return False
        require_free(people, name, key)
        _append(lake, installation, at=at, event=ENROLLED, name=name, key=key, by=by)
    return True


def remove(lake: "Lake", home: "Home", name: str, *, at: datetime, by: str, reason: str) -> None:
    """End a person's enrolment from ``at`` (now, UTC) on; what they approved before stays.

    Raises PeopleError when nobody of this name is enrolled, or without a reason.
    """
    if not reason.strip():
        raise PeopleError("a removal needs a reason")
    if read_people(lake, home).named(name) is None:
        raise PeopleError(f"nobody named {name} is enrolled: see `nightshift people list`")
    installation = installation_key(home)
    with one_writer(lake, INSTALLATION, PEOPLE):
        there = read_people(lake, home).named(name)
        if there is None:
            raise PeopleError(f"{name} has just been removed by somebody else")
        who = f"{by}: {reason.strip()}"
        _append(lake, installation, at=at, event=REMOVED, name=name, key=there.public_key, by=who)


def _removed(person: Person, row: dict[str, Any]) -> Person:
    if person.name != row["name"] or person.removed_at is not None:
        return person
    return Person(
        person.name,
        person.public_key,
        person.enrolled_at,
        person.enrolled_by,
        row["at"],
        row["by"],
    )


def _statement(row: dict[str, Any]) -> bytes:
    """What the installation signs of a row: all of it but the signature."""
    said = {name: row[name] for name in PEOPLE_SCHEMA.names if name not in ("at", "signature")}
    said |= {"at": row["at"].astimezone(UTC).isoformat(), "statement": "nightshift people 1"}
    return json.dumps(said, sort_keys=True).encode()


def _append(
    lake: "Lake",
    installation: "Ed25519PrivateKey",
    *,
    at: datetime,
    event: str,
    name: str,
    key: str,
    by: str,
) -> None:
    import pyarrow as pa

    row: dict[str, Any] = {
        "sequence": max((int(r["sequence"]) for r in _rows(lake)), default=0) + 1,
        "at": at,
        "event": event,
        "name": name,
        "public_key": key,
        "by": by,
    }
    row["signature"] = sign(installation, _statement(row))
    lake.append(INSTALLATION, PEOPLE, pa.Table.from_pylist([row], schema=PEOPLE_SCHEMA))


def _rows(lake: "Lake") -> Sequence[dict[str, Any]]:
    if not lake.exists(INSTALLATION, PEOPLE):
        return []
    rows: list[dict[str, Any]] = lake.read(INSTALLATION, PEOPLE).to_pylist()
    return rows


def _ensure(lake: "Lake") -> None:
    lake.ensure(INSTALLATION, PEOPLE, PEOPLE_SCHEMA, partitioned=False, append_only=True)
