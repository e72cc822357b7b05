"""What has to happen next on the ladder, in sentences with the command where a person is asked."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from assets.release.events import APPROVED, CANARY, REGISTERED, SHADOW, read_events, sound_entry
from assets.release.waiting import kept_out

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.release.standing import Standing
    from assets.release.status import ReleaseStatus
    from assets.spec import UseCaseSpec


WAITING = (REGISTERED, APPROVED, SHADOW, CANARY)
"""Stages in which a version may be approved where there is no champion."""


def awaited(
    lake: "Lake",
    home: "Home",
    spec: "UseCaseSpec",
    status: "ReleaseStatus",
    versions: "Sequence[Standing]",
    left: Mapping[int, Sequence[date]],
) -> list[str]:
    """``versions``: all there are, the newest first; ``left``: version that is out to days that
    still stand as it decided them."""
    found: list[str] = []
    above = status.champion.version if status.champion else 0
    waiting = [v for v in versions if v.stage in (REGISTERED, APPROVED) and v.version > above]
    if status.champion is None:
        found.append(_no_champion(spec, [v for v in versions if v.stage in WAITING]))
    elif status.challenger is not None:
        found += _climbing(spec, status)
    elif waiting:
        found.append(_entering(lake, home, spec, waiting[0]))
    else:
        found.append(f"a new version: `nightshift train {spec.name}`")
    for version, days in left.items():
        count = "1 day" if len(days) == 1 else f"{len(days)} days"
        found.append(
            f"{count} from {days[0]} to {days[-1]} stand as version {version} decided them, which "
            f"is out: `nightshift redecide {spec.name} --from {days[0]} --to {days[-1]} --reason "
            "TEXT` decides them anew"
        )
    return found


def _no_champion(spec: "UseCaseSpec", waiting: "Sequence[Standing]") -> str:
    if not waiting:
        return f"a first version, for no version decides: `nightshift train {spec.name}`"
    more = max(1, waiting[0].approvals_needed - len(waiting[0].approved_by))
    return (
        f"{_people(more)} to approve a version, for none decides: read the card of version "
        f"{waiting[0].version}, then `nightshift approve {spec.name} {waiting[0].version} "
        "--reason TEXT`"
    )


def _climbing(spec: "UseCaseSpec", status: "ReleaseStatus") -> list[str]:
    version = status.challenger.version if status.challenger else 0
    if status.checked_on is None:
        return [f"the first night of version {version} in the {status.stage}"]
    found = [
        f"{one.check.replace('_', ' ')}: {one.message}"
        for one in status.checks
        if one.verdict in ("insufficient", "fail")
    ]
    if not found:
        found.append(f"the next night: version {version} met all of its checks")
    return found


def _entering(lake: "Lake", home: "Home", spec: "UseCaseSpec", first: "Standing") -> str:
    version, more = first.version, first.approvals_needed - len(first.approved_by)
    entry = sound_entry(read_events(lake, spec.name), version)
    out = kept_out(lake, home, spec, entry) if entry is not None else "its record is not sound"
    if out:
        return f"nothing of version {version}, which waits: {out}"
    approve = f"`nightshift approve {spec.name} {version} --reason TEXT`"
    if spec.release.shadow is not None:
        return f"the next night, at whose end version {version} enters the shadow"
    if more > 0:
        return f"{_people(more)} to approve version {version}: {approve}"
    if spec.release.canary is not None:
        return f"the next night, at whose end version {version} enters the canary"
    return f"somebody to make version {version} champion: {approve}"


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"
