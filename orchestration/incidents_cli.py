"""``nightshift incidents``: what is wrong, since when, and what to do."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.command import HOME, HomeOption, JsonOption, UseCasesOption, opened, shown, tell

if TYPE_CHECKING:
    from assets.incidents.state import Incident


def incidents(
    use_case: Annotated[str | None, typer.Argument(help="Only this one.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Those that are closed as well.")] = False,
    home: HomeOption = HOME,
    use_cases: UseCasesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open incidents in plain words: what happened, what the road did, what a person should do.

    As of the newest night. Incidents open and close by themselves; nobody has to tick them off.
    """
    from assets.alert_channels import waiting
    from assets.incidents.newest import every_incident, newest_state
    from assets.incidents.state import OPEN

    with opened(home, use_cases) as session:
        names = [session.spec(use_case).name] if use_case else sorted(session.specs)
        found = {
            name: every_incident(session.lake, name)
            if every
            else [one for one in newest_state(session.lake, name) if one.state == OPEN]
            for name in names
        }
        unsent = waiting(session.home)
    if as_json:
        rows = [
            {"use_case": name, "incidents": [plain(one) for one in found[name]]} for name in names
        ]
        typer.echo(json.dumps(rows, indent=2))
    else:
        typer.echo("\n\n".join(_told(name, found[name], every) for name in names))
    for channel, count in unsent.items():
        alerts = "1 alert waits" if count == 1 else f"{count} alerts wait"
        tell(f"{alerts} to be taken by {channel}: is it set up, and does it answer?")


def plain(one: "Incident") -> dict[str, object]:
    """Plain values for ``--json``; the evidence as an object."""
    from dataclasses import asdict
    from datetime import date

    told = {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in asdict(one).items()
    }
    return {**told, "evidence": json.loads(one.evidence)}


def _told(name: str, found: "Sequence[Incident]", every: bool) -> str:
    from assets.incidents.state import OPEN

    still = sum(one.state == OPEN for one in found)
    count = {0: "no incident is open", 1: "1 incident is open"}.get(
        still, f"{still} incidents are open"
    )
    closed = f", {len(found) - still} closed" if every else ""
    return "\n\n".join([f"{name}: {count}{closed}", *(_lines(one) for one in found)])


def _lines(one: "Incident") -> str:
    from assets.incidents.story import title

    nights = "1 night" if one.nights == 1 else f"{one.nights} nights"
    until = f"closed on {one.closed_on}" if one.closed_on else f"last found on {one.last_seen_on}"
    return shown_lines(
        f"{title(one)} [{one.short_id}]",
        f"since {one.opened_on}, found by {nights}, {until}",
        f"happened: {one.happened}",
        f"the road did: {one.road_did}",
        f"a person should: {one.person_should}",
    )


def shown_lines(first: str, *others: str) -> str:
    """Lines under a title, wrapped for a terminal, without anything it would obey."""
    import textwrap

    told = [shown(first)]
    for line in others:
        told += textwrap.wrap(shown(line), 100, initial_indent="  ", subsequent_indent="    ")
    return "\n".join(told)
