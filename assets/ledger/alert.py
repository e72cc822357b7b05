"""What people are told when the ledger will not put its seal on what it finds."""

import hashlib
from datetime import date
from typing import TYPE_CHECKING

from assets.alerts import Alert

if TYPE_CHECKING:
    from assets.ledger.checkpoints import LedgerError
    from assets.spec import UseCaseSpec


def ledger_alert(spec: "UseCaseSpec", day: date, refusal: "LedgerError") -> Alert:
    """One alert for a night or a training whose seal was refused, by what the refusal says."""
    reason = str(refusal)
    return Alert(
        use_case=spec.name,
        day=day,
        incident=f"ledger: [{hashlib.sha256(reason.encode()).hexdigest()[:12]}]",
        happened=f"Records of {spec.name} are not what the ledger says they were: {reason}",
        road_did=(
            f"Put no seal on them when the run of {day} came to the ledger. What was decided and "
            "recorded stands; what was sealed before is untouched."
        ),
        person_should=(
            f"Find out who wrote into the tables: `nightshift audit verify {spec.name}`. Restore "
            "them as they were, then run the day again."
        ),
    )
