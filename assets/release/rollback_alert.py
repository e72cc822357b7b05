"""What people are told when a guardrail takes a challenger off the ladder."""

from typing import TYPE_CHECKING

from assets.alerts import Alert

if TYPE_CHECKING:
    from assets.release.evaluation import Evaluation
    from assets.spec import UseCaseSpec


def rollback_alert(spec: "UseCaseSpec", found: "Evaluation") -> Alert:
    """One alert for a night that ended with a roll back. Raises ValueError for any other."""
    move = found.move
    if move is None or move.verdict != "roll_back":
        raise ValueError("nothing was rolled back: nothing to alert anyone to")
    version = move.version
    if found.affected:
        days = ", ".join(day.isoformat() for day in found.affected)
        did = f"It decided a share of the cases of {days}; what was decided stands."
        command = redecide(spec, found)
        should = f"Look at those cases, and have them decided anew by the champion: {command}"
    else:
        did = "It had decided no case."
        should = "No case has to be decided anew"
    return Alert(
        use_case=spec.name,
        day=found.day,
        incident=f"rolled back: version {version} from the {move.stage}",
        happened=(
            f"Version {version} of {spec.name} was taken out of the {move.stage} on {found.day}: "
            f"{move.reason}"
        ),
        road_did=(
            "The champion decides every case from the next night on; the version does not come "
            f"back. {did}"
        ),
        person_should=(
            f"{should}. Find out what is wrong with the version before another is trained: "
            f"`nightshift release status {spec.name}`."
        ),
    )


def redecide(spec: "UseCaseSpec", found: "Evaluation") -> str:
    """The command that has the affected days decided anew; empty when there are none."""
    if not found.affected:
        return ""
    first, last = found.affected[0], found.affected[-1]
    return f"`nightshift redecide {spec.name} --from {first} --to {last} --reason TEXT`"
