"""``nightshift approve`` and ``nightshift reject``: a person's word on a model version."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.command import (
    HOME,
    HomeOption,
    JsonOption,
    UseCaseArgument,
    UseCasesOption,
    opened,
    shown,
)
from orchestration.identity import IdentityOption, identity_file

if TYPE_CHECKING:
    from assets.release.events import Event
    from orchestration.session import Session

VersionArgument = Annotated[int, typer.Argument(help="Of the model: see `nightshift models`.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; signed, and stays on record.")]
EffectiveOption = Annotated[
    datetime | None,
    typer.Option(
        "--effective-from",
        formats=["%Y-%m-%d"],
        help="First night it holds for. Default: the one after the newest night scored.",
    ),
]
ExpectOption = Annotated[
    str | None,
    typer.Option("--expect", help="Model digest, or its beginning: refuse any other model."),
]


def approve(
    use_case: UseCaseArgument,
    version: VersionArgument,
    reason: ReasonOption,
    identity: IdentityOption = None,
    effective_from: EffectiveOption = None,
    expect: ExpectOption = None,
    home: HomeOption = HOME,
    use_cases: UseCasesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve a model version as yourself: the last approval needed makes it champion.

    Only versions whose training gates all passed can be approved. How many people must approve is
    `release.approvals` of the use case (one, if it says nothing), and who may is
    `release.approvers` (anyone enrolled). Its risk tier is the highest of impact, volume and
    visibility: at tier high whoever asked for the training cannot be among them, for nobody should
    be the only one to have looked. No setting of the environment replaces a person.
    """
    from orchestration.approving import approve_as

    with opened(home, use_cases) as session:
        events = approve_as(
            session,
            use_case,
            version,
            identity_file(identity),
            reason,
            effective_from.date() if effective_from else None,
            now=datetime.now(UTC),
            expect=expect,
        )
        _tell(session, use_case, version, events, as_json)


def reject(
    use_case: UseCaseArgument,
    version: VersionArgument,
    reason: ReasonOption,
    identity: IdentityOption = None,
    effective_from: EffectiveOption = None,
    expect: ExpectOption = None,
    home: HomeOption = HOME,
    use_cases: UseCasesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reject a model version as yourself: it decides nothing from then on.

    Any enrolled person may. The cases of a champion that is rejected go to people until another
    version is approved.
    """
    from orchestration.approving import reject_as

    with opened(home, use_cases) as session:
        events = reject_as(
            session,
            use_case,
            version,
            identity_file(identity),
            reason,
            effective_from.date() if effective_from else None,
            now=datetime.now(UTC),
            expect=expect,
        )
        _tell(session, use_case, version, events, as_json)


def _tell(
    session: "Session", use_case: str, version: int, events: "list[Event]", as_json: bool
) -> None:
    """What was written, where the version stands now, and what is still needed."""
    from assets.release.backing import requirement
    from assets.release.events import REJECTED
    from assets.release.standing import standings

    spec = session.spec(use_case)
    found, _ = standings(session.lake, session.home, spec)
    (now,) = [one for one in found if one.version == version]
    if as_json:
        written = [
            {
                "sequence": e["sequence"],
                "version": e["model_version"],
                "stage": e["stage"],
                "effective_from": e["effective_from"].isoformat(),
                "actor": e["actor"],
                "reason": e["reason"],
            }
            for e in events
        ]
        said = {"written": written, "requirement": requirement(spec), **now.as_json()}
        typer.echo(json.dumps(said, indent=2))
        return
    if not events:
        typer.echo(f"{use_case} version {version} is {now.described} already: nothing was changed")
        return
    for event in events:
        other = f"version {event['model_version']} {event['stage']}"
        typer.echo(
            f"{use_case} {other} by {event['actor']} from {event['effective_from']} on: "
            f"{shown(event['reason'])}"
        )
    if now.stage == REJECTED:
        return
    unsure = [gate for gate, verdict in now.gates.items() if verdict == "insufficient"]
    if unsure:
        typer.echo(f"approved knowing that evidence was not enough for: {', '.join(unsure)}")
    typer.echo(requirement(spec))
    missing = now.approvals_needed - len(now.approved_by)
    if now.stage == "approved":
        typer.echo(f"{missing} more to go: it decides nothing until then")
