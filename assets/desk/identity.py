"""The Ed25519 identity of a user who approves versions: a key of their own, under a passphrase.

A password says who sits at the desk; an approval is signed. The key lies in the home, locked, so
that it can be used from the desk; the passphrase is asked for with each approval and kept nowhere.
"""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from assets.desk.attempts import TooManyAttempts, reserve, succeeded
from assets.desk.database import opened
from assets.desk.passwords import LONGEST, require_password
from assets.desk.users import Users
from assets.errors import NightshiftError
from assets.release.people import enrol, read_people, require_free, require_name
from assets.signing import SigningKeyError, create_private_key, load_private_key, public_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from assets.home import Home
    from assets.lake import Lake

__all__ = ["IdentityRefused", "TooManyAttempts", "identity_of", "make_identity", "open_identity"]


class IdentityRefused(NightshiftError):
    """The identity cannot be made or opened, or is another person's."""


def identity_of(home: "Home", name: str) -> Path:
    """File of a user's private key, there or not. Raises PeopleError for what is no name."""
    require_name(name)
    return home.desk / "keys" / f"{name}.key"


def make_identity(
    lake: "Lake", home: "Home", name: str, passphrase: str, *, now: datetime, by: str
) -> Path:
    """Make a user's key, locked with their passphrase, and enrol them with it; its file.

    A key that is there already is opened and enrolled: a process may have ended between the two,
    or the person comes back. ``now``: UTC; ``by``: the system user who enrols. Raises
    IdentityRefused unless there is such a user and they are an owner, BadPassword for a passphrase
    that will not do (the rules of passwords), SigningKeyError for one that does not open a key that
    is there, PeopleError when the name is enrolled with another key.
    """
    path = identity_of(home, name)
    _require_owner(home, name)
    require_password(name, passphrase, "passphrase")
    if path.exists():
        key = public_key(load_private_key(path, passphrase))
    else:
        require_free(read_people(lake, home), name)
        key = create_private_key(path, passphrase)
    enrol(lake, home, name, key, at=now, by=by)
    return path


def open_identity(
    lake: "Lake", home: "Home", name: str, passphrase: str, *, now: datetime
) -> "Ed25519PrivateKey":
    """The user's key, after making sure that it is enrolled under exactly this name.

    ``now``: UTC. Raises IdentityRefused when the user is no owner (any more), has no key, the
    passphrase is not its own, or the key is nobody's or another person's; TooManyAttempts.
    """
    path = identity_of(home, name)
    _require_owner(home, name)
    if not path.exists():
        raise IdentityRefused(
            f"{name} has no identity to sign with: `nightshift users identity {name}` makes one"
        )
    with opened(home.desk / "users.db") as connection:
        reserve(connection, now, passphrase=name)
    if not passphrase or len(passphrase) > LONGEST:
        raise IdentityRefused("this is not the passphrase of your identity")
    try:
        key = load_private_key(path, passphrase)
    except (SigningKeyError, UnicodeEncodeError) as error:
        if path.stat().st_mode & 0o077:
            raise IdentityRefused(str(error)) from error
        raise IdentityRefused("this is not the passphrase of your identity") from error
    with opened(home.desk / "users.db") as connection:
        succeeded(connection, passphrase=name)
    people = read_people(lake, home)
    if people.holder(public_key(key), now) != name:
        told = f" ({'; '.join(people.problems)})" if people.problems else ""
        raise IdentityRefused(
            f"this key is not enrolled as {name}'s{told}: `nightshift people list` shows who is"
        )
    return key


def _require_owner(home: "Home", name: str) -> None:
    user = Users(home).named(name)
    if user is None or "owner" not in user.roles:
        raise IdentityRefused(
            f"{name} is no owner, and owners approve: `nightshift users add {name} --role owner`"
        )
