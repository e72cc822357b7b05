"""Rolling back by a person: who decides now decides no more, and the champion before is back."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from assets.errors import NightshiftError
from assets.release.affected import affected_days
from assets.release.approval import Signer, entry_for, need_reason, person_of, signed_event
from assets.release.authority import read_authority
from assets.release.backing import is_out
from assets.release.champion import NotApproved, newest_champion, previous_champion
from assets.release.deciders import deciders_of
from assets.release.events import (
    CHAMPION,
    ROLLED_BACK,
    Event,
    append_events,
    evidence_of,
    read_events,
)
from assets.release.first_day import newest_night
from assets.release.promotion import placed, superseded
from assets.release.seal import sealed
from assets.release.statement import ROLL_BACK, statement
from assets.training.manifest import installation_key

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.release.authority import Authority
    from assets.spec import UseCaseSpec


class RollbackRefused(NightshiftError):
    """There is nobody to roll back, or another than was meant. Nothing was written."""


def rollback(
    home: "Home",
    lake: "Lake",
    spec: "UseCaseSpec",
    signer: Signer,
    *,
    reason: str,
    now: datetime,
    version: int | None = None,
) -> list[Event]:
    """Roll back who decides now: the version in the canary if there is one, else the champion.

    In one commit: the signed ``rolled_back`` event with the days the version decided, effective
    from the day after the newest one with predictions, and where it was champion, the ``champion``
    event of the newest sound champion before it, which counts again from that day on; with nobody
    before it the place is empty and cases go to people. A champion approved for a later day is
    superseded too. A version that was rolled back never decides again: train anew.

    Anyone enrolled may. ``now``: the wall clock, UTC. ``version``: the one that is meant; with it
    nothing is written (and an empty list returned) when it was rolled back before. Neither MLflow
    nor a model file is needed. Raises ApprovalRefused when the key is no enrolled person's or
    there is no reason, RollbackRefused when nobody decides, or another version than is meant.
    """
    authority = read_authority(lake, home)
    name = person_of(authority.people, signer, now)
    need_reason(reason)
    newest = newest_night(lake, spec.name)
    first = newest + timedelta(days=1) if newest is not None else None
    # Before the lock: the days come from other tables, and a night may take long to write.
    there = read_events(lake, spec.name)
    decides = who_decides(spec, there, authority, first)
    affected = affected_days(lake, spec, int(decides["model_version"])) if decides else []

    def decide(events: list[Event]) -> list[Event]:
        event = who_decides(spec, events, authority, first)
        meant = event is not None and version in (None, int(event["model_version"]))
        if version is not None and not meant and _rolled_back(spec, events, authority, version):
            return []
        if event is None:
            raise RollbackRefused(
                f"{spec.name}: no version decides anything, so there is none to roll back. See "
                f"`nightshift release status {spec.name}`"
            )
        found = int(event["model_version"])
        if not meant or decides is None or event != decides:
            raise RollbackRefused(
                f"{spec.name}: version {found} ({event['stage']}) decides now, not version "
                f"{version if version is not None else 'the one of a moment ago'}. Look again: "
                f"`nightshift release status {spec.name}`"
            )
        effective = max(event["effective_from"], first or event["effective_from"])
        said = statement(
            spec.name,
            entry_for(spec, events, found, any_event=True),
            gates={},
            decision=ROLL_BACK,
            name=name,
            system_user=signer.system_user,
            reason=reason,
            at=now,
            effective_from=effective,
            spec_version=spec.version,
            more={
                "from_stage": event["stage"],
                "affected": [day.isoformat() for day in affected],
            },
        )
        done = signed_event(said, signer)
        if event["stage"] != CHAMPION:
            return [done]
        back = previous_champion(spec, events, authority, event)
        if back is None:
            return [done]
        rows = [done, *_reinstated([*events, done], back, done)]
        return sealed(installation_key(home), spec.name, events, rows)

    return append_events(lake, spec.name, decide)


def who_decides(
    spec: "UseCaseSpec", events: list[Event], authority: "Authority", day: date | None
) -> Event | None:
    """The canary or champion event of who would be rolled back on ``day`` (None: no night was
    scored yet, any day); a champion event that does not count among them, for it stands in the way
    of every other."""
    for asked in (day or date.max, date.max):
        try:
            now = deciders_of(spec, events, authority, asked)
        except NotApproved:
            return newest_champion(events, asked)
        held = now.challenger if now.stage == "canary" else now.champion
        if held is not None:
            stage = now.stage if now.stage == "canary" else CHAMPION
            own = [
                e
                for e in events
                if int(e["model_version"]) == held.version
                and e["stage"] == stage
                and e["effective_from"] == held.effective_from
            ]
            return own[-1]
    return None


def _rolled_back(
    spec: "UseCaseSpec", events: list[Event], authority: "Authority", version: int
) -> bool:
    own = [e for e in events if int(e["model_version"]) == version]
    return any(e["stage"] == ROLLED_BACK for e in own) and bool(
        is_out(spec, own, authority, version)
    )


def _reinstated(events: list[Event], back: Event, rollback: Event) -> list[Event]:
    """The champion event of a version that is back, and the end of others in its way."""
    champion = placed(
        back,
        CHAMPION,
        at=rollback["at"],
        effective_from=rollback["effective_from"],
        reason=f"back, because version {rollback['model_version']} was rolled back",
        evidence={
            "approvals": evidence_of(back)["approvals"],
            "reinstates": back["signature"],
            "rollback": rollback["signature"],
        },
        spec_version=rollback["spec_version"],
        run_id="",
    )
    return [champion, *superseded(events, champion)]
