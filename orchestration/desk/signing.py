"""Decisions on versions signed at the desk: the owner's key is opened for one signature.

The record is written by the same functions as from the command line; only the key is another file,
and the passphrase comes from a form instead of a terminal.
"""

import logging
from datetime import datetime
from typing import TYPE_CHECKING

from assets.errors import NightshiftError
from assets.release.approval import Signer

if TYPE_CHECKING:
    from assets.release.events import Event
    from orchestration.session import Session

log = logging.getLogger("nightshift.desk")


def approve_at_desk(
    session: "Session",
    use_case: str,
    version: int,
    name: str,
    passphrase: str,
    *,
    reason: str,
    expect: str,
    now: datetime,
) -> "list[Event]":
    """Approve as the user ``name``. Raises IdentityRefused, TooManyAttempts, ApprovalRefused."""
    from assets.release.approval import approve

    signer = _signer(session, name, passphrase, now)
    spec = session.spec(use_case)
    events = approve(
        session.home, session.lake, spec, version, signer, reason=reason, now=now, expect=expect
    )
    _follow(session, use_case, version)
    return events


def reject_at_desk(
    session: "Session",
    use_case: str,
    version: int,
    name: str,
    passphrase: str,
    *,
    reason: str,
    expect: str,
    now: datetime,
) -> "list[Event]":
    """Reject as the user ``name``. Raises as :func:`approve_at_desk`."""
    from assets.release.approval import reject

    signer = _signer(session, name, passphrase, now)
    spec = session.spec(use_case)
    events = reject(
        session.home, session.lake, spec, version, signer, reason=reason, now=now, expect=expect
    )
    _follow(session, use_case, version)
    return events


def roll_back_at_desk(
    session: "Session",
    use_case: str,
    version: int,
    name: str,
    passphrase: str,
    *,
    reason: str,
    now: datetime,
) -> "list[Event]":
    """Roll back the version that decides, as the user ``name``; another one is not meant.

    Raises IdentityRefused, TooManyAttempts, ApprovalRefused, RollbackRefused.
    """
    from assets.release.rollback import rollback

    signer = _signer(session, name, passphrase, now)
    spec = session.spec(use_case)
    events = rollback(
        session.home, session.lake, spec, signer, reason=reason, now=now, version=version
    )
    _follow(session, use_case, version)
    return events


def _signer(session: "Session", name: str, passphrase: str, now: datetime) -> Signer:
    from assets.desk.identity import open_identity
    from orchestration.identity import system_user

    key = open_identity(session.lake, session.home, name, passphrase, now=now)
    return Signer(key, system_user())


def _follow(session: "Session", use_case: str, version: int) -> None:
    """Aliases and card follow the record; where they cannot now, they do later, and it stands."""
    from orchestration import approving

    try:
        approving._follow(session, use_case, version)
    except NightshiftError as error:
        log.warning("%s version %d: aliases or card wait: %s", use_case, version, error)
