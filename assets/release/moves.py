"""The ladder's step at the end of a night: what its checks ask for, what then goes on record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal

from assets.release.authority import read_authority
from assets.release.events import Event, append_events, read_events
from assets.release.first_day import newest_night
from assets.release.seal import sealed
from assets.training.manifest import installation_key

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

Verdict = Literal["hold", "promote", "roll_back"]


@dataclass(frozen=True)
class Move:
    """Hold the challenger where it is, let it go a step up, or take it off the ladder."""

    version: int  # of the challenger that was looked at
    stage: str  # shadow | canary: the one it was in that night
    verdict: Verdict
    reason: str  # one sentence for people: what was found, in figures
    evidence: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Plain JSON: checks with figures, sample sizes and intervals, as goes on record."""


def advance(
    lake: "Lake",
    home: "Home",
    spec: "UseCaseSpec",
    day: date,
    move: Move | None,
    *,
    run_id: str,
    trained: bool = False,
) -> list[Event]:
    """Put on record what follows from the night of ``day``, in one commit; its events.

    ``promote``: the version goes from the shadow to the canary and from there to champion (a stage
    the spec leaves out is skipped), if as many people as it needs approved it by then.
    ``roll_back``: it is off the ladder for good, with the days it decided listed. Where the
    challenger's place is free afterwards, or there was no challenger (None), the newest version
    that waits and is newer than the champion enters. Everything holds from the day after on, or
    after the newest night that was scored.

    Run again for the night it finds, and returns, what it wrote for it then; but what was
    ``trained`` as of the night's close may take the place which that step left free. Only the step
    of the newest night lets anyone up: an earlier one run again may still roll back. Nothing moves
    while the champion or the challenger on record are in doubt (see ``deciders_on``).
    """
    from assets.release.affected import affected_days
    from assets.release.steps import Night, step, steps_of
    from assets.release.waiting import kept_out

    authority, there = read_authority(lake, home), read_events(lake, spec.name)
    done = steps_of(spec, there, authority, day)
    if not there or (done and not trained):
        return done
    affected: list[date] = []
    if move is not None and move.verdict == "roll_back":
        affected = affected_days(lake, spec, move.version)
    newest = newest_night(lake, spec.name) or day
    night = Night(
        day=day,
        first=max(day, newest) + timedelta(days=1),
        newest=day >= newest,
        affected=tuple(affected),
        run_id=run_id,
    )

    def decide(events: list[Event]) -> list[Event]:
        if not trained and steps_of(spec, events, authority, day):
            return []
        rows = step(
            spec, events, authority, night, move, lambda entry: kept_out(lake, home, spec, entry)
        )
        return sealed(installation_key(home), spec.name, events, rows) if rows else []

    return append_events(lake, spec.name, decide)
