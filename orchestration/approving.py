"""Decisions of people on model versions: the record, the aliases that follow it, the card."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from assets.errors import NightshiftError
from assets.release.aliases import project_aliases
from assets.release.approval import Signer, approve, reject
from assets.release.events import REFUSED, entry_of, evidence_of, read_events
from assets.release.people import enrol, read_people
from assets.release.standing import decisions, standings
from assets.release.statement import APPROVE
from assets.signing import create_private_key, public_key
from assets.spec import closes_at
from assets.training.registered import RegisteredVersion
from orchestration.command import tell
from orchestration.identity import open_identity, system_user

if TYPE_CHECKING:
    from assets.release.events import Event
    from orchestration.session import Session


class NoSuchVersion(NightshiftError):
    """No version on the release record fits what was asked for."""


def approve_as(
    session: "Session",
    use_case: str,
    version: int,
    identity_file: Path,
    reason: str,
    effective_from: date | None = None,
    *,
    now: datetime | None = None,
    expect: str | None = None,
) -> "list[Event]":
    """Approve a version as the person whose private key is in the file; the events written.

    ``now``: UTC; the wall clock when left out. Raises ApprovalRefused and SigningKeyError.
    """
    return _decide(
        approve, session, use_case, version, identity_file, reason, effective_from, now, expect
    )


def reject_as(
    session: "Session",
    use_case: str,
    version: int,
    identity_file: Path,
    reason: str,
    effective_from: date | None = None,
    *,
    now: datetime | None = None,
    expect: str | None = None,
) -> "list[Event]":
    """Reject a version, as :func:`approve_as` approves one."""
    return _decide(
        reject, session, use_case, version, identity_file, reason, effective_from, now, expect
    )


def _decide(
    decision: "Callable[..., list[Event]]",
    session: "Session",
    use_case: str,
    version: int,
    identity_file: Path,
    reason: str,
    effective_from: date | None,
    now: datetime | None,
    expect: str | None,
) -> "list[Event]":
    spec = session.spec(use_case)
    events = decision(
        session.home,
        session.lake,
        spec,
        version,
        Signer(open_identity(identity_file), system_user()),
        reason=reason,
        now=now or datetime.now(UTC),
        effective_from=effective_from,
        expect=expect,
    )
    _follow(session, use_case, version)
    return events


def _follow(session: "Session", use_case: str, version: int) -> None:
    """Bring the aliases and the card up to the record; also when nothing was written just now, for
    the process before may have been ended between the two."""
    lake, home, spec = session.lake, session.home, session.spec(use_case)
    project_aliases(lake, home, spec)
    entry = entry_of(read_events(lake, use_case), version)
    if entry is None:
        return
    from assets.training.card.write import renew_card

    registered = RegisteredVersion(**evidence_of(entry)["record"])
    try:
        renew_card(home, registered, decisions(lake, home, spec, version))
    except NightshiftError as error:
        # The decision stands in the record; a page about it that cannot be made does not undo it.
        tell(f"the decision is on record, but the card is as it was: {error}")


def approve_once(
    session: "Session",
    use_case: str,
    version: int,
    identity_file: Path,
    reason: str,
    effective_from: date | None = None,
    *,
    now: datetime | None = None,
) -> bool:
    """As :func:`approve_as`, but False where this person approved the version before, whatever
    has become of it since."""
    at = now or datetime.now(UTC)
    spec, key = session.spec(use_case), public_key(open_identity(identity_file))
    name = read_people(session.lake, session.home).holder(key, at)
    given = decisions(session.lake, session.home, spec, version)
    if any(one["name"] == name and one["decision"] == APPROVE for one in given):
        _follow(session, use_case, version)
        return False
    approve_as(session, use_case, version, identity_file, reason, effective_from, now=at)
    return True


def enrol_once(
    session: "Session", name: str, identity_file: Path, *, now: datetime | None = None
) -> bool:
    """Enrol a person with the key in the file, made when it is not there; False if they are."""
    if identity_file.exists():
        key = public_key(open_identity(identity_file))
    else:
        key = create_private_key(identity_file)
    by = f"user:{system_user()}"
    return enrol(session.lake, session.home, name, key, at=now or datetime.now(UTC), by=by)


def version_of_partition(session: "Session", use_case: str, day: date) -> int:
    """The newest version that was trained as of the close of ``day`` and passed its gates.

    Raises NoSuchVersion when there is none.
    """
    found, _ = standings(session.lake, session.home, session.spec(use_case))
    as_of = closes_at(day).date()
    for one in found:
        if one.as_of == as_of and one.stage != REFUSED:
            return one.version
    raise NoSuchVersion(
        f"{use_case}: no version trained as of {as_of} passed its gates: "
        f"`nightshift models {use_case}` shows those there are"
    )
