"""``nightshift audit verify``, ``nightshift explain`` and ``nightshift replay``: the ledger."""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from assets.errors import NightshiftError
from orchestration.command import (
    HOME,
    HomeOption,
    JsonOption,
    UseCasesOption,
    opened,
    shown,
)

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec
    from orchestration.session import Session

audit_app = typer.Typer(help="Whether what is on record is what was sealed.", no_args_is_help=True)

UseCaseOption = Annotated[
    str | None, typer.Option("--use-case", help="Where the decision is. Default: looked for.")
]
DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
Told = TypeVar("Told")


@audit_app.command()
def verify(
    use_case: Annotated[str | None, typer.Argument(help="Only this one.")] = None,
    home: HomeOption = HOME,
    use_cases: UseCasesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check signatures, chain, second copy, rows, versions, models. Exit code 1 on any finding."""
    from assets.ledger.verify import verify as verified

    with opened(home, use_cases) as session:
        specs = [session.spec(use_case)] if use_case else list(session.specs.values())
        now = datetime.now(UTC)
        found = [verified(session.lake, session.home, spec, now=now) for spec in specs]
    if as_json:
        typer.echo(json.dumps([one.as_json() for one in found], indent=2))
    else:
        for one in found:
            typer.echo(_lines(one.as_text()))
    if not all(one.sound for one in found):
        raise typer.Exit(1)


def explain(
    decision_id: Annotated[str, typer.Argument(help="Of the decision.")],
    use_case: UseCaseOption = None,
    home: HomeOption = HOME,
    use_cases: UseCasesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell why a case was decided as it was, from what is on record."""
    from assets.ledger.explain import explain as explained

    with opened(home, use_cases) as session:
        told = _first(
            session,
            use_case,
            decision_id,
            lambda spec: explained(session.lake, session.home, spec, decision_id),
        )
    typer.echo(json.dumps(told.as_json(), indent=2) if as_json else _lines(told.as_text()))


def replay(
    what: Annotated[str, typer.Argument(help="A decision's id, or a night (YYYY-MM-DD).")],
    use_case: UseCaseOption = None,
    home: HomeOption = HOME,
    use_cases: UseCasesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide again from the recorded values, spec and model, and compare byte for byte.

    Exit code 1 when something came out otherwise, or cannot be replayed.
    """
    from assets.ledger.replay import replay as replayed

    with opened(home, use_cases) as session:
        day = _day(what)
        if day is not None:
            specs = _specs(session, use_case)
            if len(specs) > 1:
                raise NightshiftError(
                    f"which use case's night of {day}? --use-case {' | '.join(session.specs)}"
                )
            done = replayed(session.lake, session.home, specs[0], day=day)
        else:
            done = _first(
                session,
                use_case,
                what,
                lambda spec: replayed(session.lake, session.home, spec, decision_id=what),
            )
    typer.echo(json.dumps(done.as_json(), indent=2) if as_json else _lines(done.as_text()))
    if done.verdict != "same":
        raise typer.Exit(1)


def _specs(session: "Session", use_case: str | None) -> "list[UseCaseSpec]":
    return [session.spec(use_case)] if use_case else list(session.specs.values())


def _first(
    session: "Session",
    use_case: str | None,
    decision_id: str,
    ask: "Callable[[UseCaseSpec], Told]",
) -> Told:
    """The answer of the first use case that knows the decision."""
    from assets.ledger.found import NoSuchDecision

    asked = _specs(session, use_case)
    for spec in asked:
        try:
            return ask(spec)
        except NoSuchDecision:
            continue
    names = ", ".join(spec.name for spec in asked)
    raise NightshiftError(
        f"no decision {shown(decision_id)[:80]} is on record of {names}. An id stands in the table "
        "decisions and in the review desk"
    )


def _day(text: str) -> date | None:
    if not DAY.match(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise NightshiftError(f"{text} is no day") from None


def _lines(text: str) -> str:
    """The text without anything a terminal would obey, but with its lines."""
    return "\n".join(shown(line) for line in text.split("\n"))
