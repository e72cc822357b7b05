"""Gates judged after their night: late rows and corrections make the road look at old days again.

Their results change then, lawfully, and without a checkpoint over them an audit would call it an
edit.
"""

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec


def put_judged_anew(
    lake: "Lake", home: "Home", spec: "UseCaseSpec", days: Iterable[date], run_id: str
) -> str:
    """Put the gates of these days on the ledger where their nights are; why it refused, or nothing.

    A refusal raises one alert and stops nothing here: it is about what was decided before, and the
    night's own step of the ledger ends in it too.
    """
    from assets.alerts import raise_alert
    from assets.ledger.alert import ledger_alert
    from assets.ledger.checkpoints import LedgerError
    from assets.ledger.record import checkpoint_gates

    wanted = sorted(set(days))
    if not wanted:
        return ""
    try:
        checkpoint_gates(lake, home, spec, wanted, run_id=run_id)
    except LedgerError as refusal:
        raise_alert(home, lake, ledger_alert(spec, wanted[0], refusal), run_id)
        return str(refusal)
    return ""
