"""Who signs at the desk: the owner's key is opened for one signature.

The record is written by the same functions as from the command line (``orchestration/approving``);
only the key is another file, and the passphrase comes from a form instead of a terminal.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from assets.release.approval import Signer
from orchestration.identity import system_user

if TYPE_CHECKING:
    from orchestration.session import Session


def signer_at_desk(session: "Session", name: str, passphrase: str, *, now: datetime) -> Signer:
    """The user ``name``, by the passphrase of their key. Raises IdentityRefused and
    TooManyAttempts."""
    from assets.desk.identity import open_identity

    key = open_identity(session.lake, session.home, name, passphrase, now=now)
    return Signer(key, system_user())
