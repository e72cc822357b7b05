"""``nightshift approve`` and ``nightshift reject``: a person's word on a model version."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

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
    """Approve a model version as yourself: it may decide, and the release ladder does the rest.

    Where no version decides yet, the last approval needed makes it champion; so it does where the
    use case has neither shadow nor canary.

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
    from assets.release.approval import reject as rejection
    from orchestration.approving import decide, signer_at_terminal

    with opened(home, use_cases) as session:
        events = decide(
            rejection,
            session,
            use_case,
            version,
            signer_at_terminal(identity_file(identity)),
            reason=reason,
            now=datetime.now(UTC),
            effective_from=effective_from.date() if effective_from else None,
            expect=expect,
        )
        _tell(session, use_case, version, events, as_json)


def _tell(
    session: "Session", use_case: str, version: int, events: "list[Event]", as_json: bool
) -> None:
    """What was written, where the version stands now, and what is still needed."""
    from assets.release.backing import requirement
    from assets.release.events import APPROVED, CANARY, REJECTED, SHADOW
    from assets.release.standing import standings

    spec = session.spec(use_case)
    found, _ = standings(session.lake, session.home, spec)
    (now,) = [one for one in found if one.version == version]
    if as_json:
        said = {
            "written": [plain(event) for event in events],
            "requirement": requirement(spec),
            **now.as_json(),
        }
        typer.echo(json.dumps(said, indent=2))
        return
    if not events:
        typer.echo(f"{use_case} version {version} is {now.described} already: nothing was changed")
        return
    for event in events:
        typer.echo(told(use_case, event))
    if now.stage == REJECTED:
        return
    unsure = [gate for gate, verdict in now.gates.items() if verdict == "insufficient"]
    if unsure:
        typer.echo(f"approved knowing that evidence was not enough for: {', '.join(unsure)}")
    typer.echo(requirement(spec))
    missing = now.approvals_needed - len(now.approved_by)
    if missing > 0:
        typer.echo(f"{missing} more to go: it decides nothing until then")
    elif now.stage in (APPROVED, SHADOW, CANARY):
        typer.echo(
            "it decides nothing yet: shadow and canary come first, night by night. See "
            f"`nightshift release status {use_case}`"
        )


def plain(event: "Event") -> dict[str, Any]:
    """A written event for ``--json``."""
    return {
        "sequence": event["sequence"],
        "version": event["model_version"],
        "stage": event["stage"],
        "effective_from": event["effective_from"].isoformat(),
        "actor": event["actor"],
        "reason": event["reason"],
    }


def told(use_case: str, event: "Event") -> str:
    """A written event in one line."""
    stage = str(event["stage"]).replace("_", " ")
    return (
        f"{use_case} version {event['model_version']} {stage} by {event['actor']} from "
        f"{event['effective_from']} on: {shown(event['reason'])}"
    )
