"""Decisions of people on model versions: the record, and what follows it: ledger, aliases, card."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from assets.errors import NightshiftError
from assets.release.aliases import project_aliases
from assets.release.approval import Signer, approve
from assets.release.events import REFUSED, entry_of, evidence_of, read_events
from assets.release.people import enrol, read_people
from assets.release.redecision import redecide
from assets.release.rollback import rollback
from assets.release.standing import decisions, standings
from assets.release.statement import APPROVE
from assets.signing import create_private_key, public_key
from assets.spec import closes_at
from assets.training.registered import RegisteredVersion
from orchestration.command import tell
from orchestration.identity import open_identity, system_user

if TYPE_CHECKING:
    from assets.release.events import Event
    from assets.release.redecision import Redecision
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
    return decide(
        approve,
        session,
        use_case,
        version,
        signer_at_terminal(identity_file),
        reason=reason,
        now=now or datetime.now(UTC),
        effective_from=effective_from,
        expect=expect,
    )


def signer_at_terminal(identity_file: Path) -> Signer:
    """Who signs with the key in the file. Raises SigningKeyError."""
    return Signer(open_identity(identity_file), system_user())


def decide(
    decision: "Callable[..., list[Event]]",
    session: "Session",
    use_case: str,
    version: int,
    signer: Signer,
    *,
    reason: str,
    now: datetime,
    effective_from: date | None = None,
    expect: str | None = None,
) -> "list[Event]":
    """Put ``approve`` or ``reject`` on record, wherever the person sits; what follows, follows.

    Raises ApprovalRefused, having written nothing.
    """
    events = decision(
        session.home,
        session.lake,
        session.spec(use_case),
        version,
        signer,
        reason=reason,
        now=now,
        effective_from=effective_from,
        expect=expect,
    )
    _follow(session, use_case, version)
    return events


def roll_back(
    session: "Session",
    use_case: str,
    signer: Signer,
    *,
    reason: str,
    now: datetime,
    version: int | None = None,
) -> "list[Event]":
    """Roll back who decides now, or ``version`` if it does; what follows, follows.

    The record alone decides: neither MLflow nor a model need be there. Raises ApprovalRefused and
    RollbackRefused, having written nothing.
    """
    spec = session.spec(use_case)
    events = rollback(
        session.home, session.lake, spec, signer, reason=reason, now=now, version=version
    )
    _on_ledger(session, use_case)
    _aliases(session, use_case)
    return events


def redecide_as(
    session: "Session",
    use_case: str,
    identity_file: Path,
    reason: str,
    *,
    first: date | None = None,
    last: date | None = None,
    version: int | None = None,
    now: datetime | None = None,
) -> "Redecision":
    """Put on record that days are decided anew, as the person whose private key is in the file.

    The nights are the caller's to run. Raises ApprovalRefused, RedecisionRefused, SigningKeyError.
    """
    done = redecide(
        session.home,
        session.lake,
        session.spec(use_case),
        signer_at_terminal(identity_file),
        reason=reason,
        now=now or datetime.now(UTC),
        first=first,
        last=last,
        version=version,
    )
    _on_ledger(session, use_case)
    return done


def _follow(session: "Session", use_case: str, version: int) -> None:
    """Bring ledger, aliases and card up to the record; also when nothing was written just now, for
    the process before may have been ended between the two.

    None of them decides anything: what cannot follow now is told, the record stands, and the next
    night brings it up.
    """
    lake, home, spec = session.lake, session.home, session.spec(use_case)
    _on_ledger(session, use_case)
    _aliases(session, use_case)
    entry = entry_of(read_events(lake, use_case), version)
    if entry is None:
        return
    from assets.training.card.write import renew_card

    registered = RegisteredVersion(**evidence_of(entry)["record"])
    try:
        renew_card(home, registered, decisions(lake, home, spec, version))
    except NightshiftError as error:
        tell(f"it is on record and holds, but the card is as it was: {error}")


def _aliases(session: "Session", use_case: str) -> None:
    try:
        project_aliases(session.lake, session.home, session.spec(use_case))
    except NightshiftError as error:
        tell(f"it is on record and holds, but MLflow's aliases are as they were: {error}")


def _on_ledger(session: "Session", use_case: str) -> None:
    """Put a checkpoint over the release record now: until the night, nothing else would tell that
    what a person just decided was taken out again."""
    from assets.ledger.record import checkpoint_releases

    try:
        checkpoint_releases(session.lake, session.home, session.spec(use_case))
    except NightshiftError as error:
        tell(f"it is on record and holds, but not on the ledger yet: {error}")


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
