"""Deciding days anew that a version decided before it was rolled back or rejected."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from assets.errors import NightshiftError
from assets.release.affected import affected_days
from assets.release.anew import days_anew
from assets.release.approval import Signer, entry_for, need_reason, person_of, signed_event
from assets.release.authority import read_authority
from assets.release.backing import backers, is_out
from assets.release.champion import previous_champion
from assets.release.events import CANARY, CHAMPION, Event, append_events, read_events
from assets.release.statement import REDECIDE, statement

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.release.authority import Authority
    from assets.spec import UseCaseSpec


class RedecisionRefused(NightshiftError):
    """There is no day to decide anew, or not these. Nothing was written."""


@dataclass(frozen=True)
class Redecision:
    """What was put on record, and the nights to run again: also those that were on record already
    and not run to the end."""

    events: list[Event]
    days: list[date]


def redecide(
    home: "Home",
    lake: "Lake",
    spec: "UseCaseSpec",
    signer: Signer,
    *,
    reason: str,
    now: datetime,
    first: date | None = None,
    last: date | None = None,
    version: int | None = None,
) -> Redecision:
    """Put on record that days of versions that are out are decided anew, signed by a person.

    Those days then have no challenger; where the version was champion, the newest sound champion
    before it decides, or people where there was none. What to run again is the caller's: the
    nightly job of each day, which makes a new revision of every decision that differs.

    ``first``, ``last``: only days from and to these; ``version``: only of this one; all that are
    affected when left out. Anyone enrolled may; ``now``: the wall clock, UTC.

    Raises ApprovalRefused when the key is no enrolled person's or there is no reason,
    RedecisionRefused when no day fits.
    """
    authority = read_authority(lake, home)
    name = person_of(authority.people, signer, now)
    need_reason(reason)
    there = read_events(lake, spec.name)
    every = outstanding(lake, spec, there, authority)
    wanted = {
        one: [d for d in days if (first or d) <= d <= (last or d)]
        for one, days in every.items()
        if version in (None, one)
    }
    wanted = {one: days for one, days in wanted.items() if days}
    if not wanted:
        raise RedecisionRefused(f"{spec.name}: {_none(spec, there, authority, every, version)}")

    def decide(events: list[Event]) -> list[Event]:
        on_record = days_anew(spec, events, authority)
        rows = []
        for one, days in sorted(wanted.items()):
            new = [day for day in days if day not in on_record.get(one, {})]
            if not new:
                continue
            said = statement(
                spec.name,
                entry_for(spec, events, one, any_event=True),
                gates={},
                decision=REDECIDE,
                name=name,
                system_user=signer.system_user,
                reason=reason,
                at=now,
                effective_from=new[0],
                spec_version=spec.version,
                more={
                    "days": [day.isoformat() for day in new],
                    "by": _instead(spec, events, authority, one),
                },
            )
            rows.append(signed_event(said, signer))
        return rows

    written = append_events(lake, spec.name, decide)
    return Redecision(written, sorted({day for days in wanted.values() for day in days}))


def outstanding(
    lake: "Lake", spec: "UseCaseSpec", events: list[Event], authority: "Authority"
) -> dict[int, list[date]]:
    """Versions that were rolled back or rejected, to the days that still are as decided by them."""
    versions = {int(e["model_version"]) for e in events if e["stage"] in (CANARY, CHAMPION)}
    out = [v for v in sorted(versions) if is_out(spec, events, authority, v)]
    found = {version: affected_days(lake, spec, version) for version in out}
    return {version: days for version, days in found.items() if days}


def _instead(spec: "UseCaseSpec", events: list[Event], authority: "Authority", version: int) -> str:
    """Signature of the champion event of whoever decides instead; empty where nobody does, or the
    version was never champion and whoever was decides."""
    for event in events:
        if event["stage"] != CHAMPION or int(event["model_version"]) != version:
            continue
        if backers(spec, events, authority, event)[1]:
            continue
        before = previous_champion(spec, events, authority, event)
        return str(before["signature"]) if before is not None else ""
    return ""


def _none(
    spec: "UseCaseSpec",
    events: list[Event],
    authority: "Authority",
    every: dict[int, list[date]],
    version: int | None,
) -> str:
    if version is not None and not is_out(spec, events, authority, version):
        return (
            f"version {version} was neither rolled back nor rejected, so what it decided stands: "
            f"`nightshift rollback {spec.name} --reason TEXT` first"
        )
    if not every:
        return "no day stands as a version decided it that was rolled back or rejected"
    there = "; ".join(
        f"version {one}: {days[0]} to {days[-1]} ({len(days)} days)" for one, days in every.items()
    )
    return f"none of these days is among those that can be decided anew ({there})"
