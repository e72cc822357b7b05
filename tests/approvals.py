"""Approval as tests of the whole road need it: a made-up person signs for a trained version."""

from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestration.session import Session

APPROVER = "pat.approver"


def approved(session: "Session", use_case: str, trained: date, night: date) -> int:
    """Approve the version trained as of the close of ``trained``; it decides from ``night`` on."""
    from orchestration.approving import approve_once, enrol_once, version_of_partition

    # Beside the home, as a person's key is: no test may find it in the home.
    identity = session.home.root.parent / f"{APPROVER}.key"
    enrol_once(session, APPROVER, identity)
    version = version_of_partition(session, use_case, trained)
    approve_once(session, use_case, version, identity, "gates and card looked at", night)
    return version
