"""``nightshift forget``: a person's personal values in quarantine, unreadable for good."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from assets.errors import NightshiftError
from orchestration.command import (
    HOME,
    HomeOption,
    UseCaseArgument,
    UseCasesOption,
    key_of,
    opened,
    tell,
)


def forget(
    use_case: UseCaseArgument,
    entity: Annotated[
        str, typer.Argument(help="The value as the source writes it; - reads it from the input.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: HomeOption = HOME,
    use_cases: UseCasesOption = None,
) -> None:
    """Make a person's personal values in quarantine unreadable for good.

    Ids, hashes, tokens and the ledger stay. Landing files are not touched: those that still name
    the person are listed.
    """
    from assets.ingestion.pseudonym import token
    from assets.ingestion.quarantine import ROW
    from assets.ingestion.traces import naming_files, sealed_rows
    from assets.ingestion.vault import Vault

    if entity == "-":
        if not yes:
            raise NightshiftError("the value is read from the input, so give --yes as well.")
        entity = typer.get_text_stream("stdin").read().rstrip("\r\n")
    if not entity:
        raise NightshiftError("the value of the person to forget is empty.")
    with opened(home, use_cases) as session:
        spec = session.spec(use_case)
        key = key_of(session.home)
        person, vault = token(entity, key), Vault(session.home.vault, key)
        rows = {
            one.name: sealed_rows(session.lake, one, vault, person, entity)
            for one in session.specs.values()
        }
        own = sum(len(found.own) for found in rows.values())
        nobodys = {one for found in rows.values() for one in found.nobodys}
        others = sorted({one for found in rows.values() for one in found.others})
        elsewhere = [name for name, found in rows.items() if found.own and name != use_case]
        if not yes:
            also = f" (also of {', '.join(elsewhere)})" if elsewhere else ""
            typer.confirm(
                f"Personal values of {own + len(nobodys)} quarantined rows{also} can then never "
                "be read again. Forget?",
                abort=True,
            )
        at = datetime.now(UTC)
        for one in (person, *(ROW + one for one in sorted(nobodys))):
            vault.forget(one, at)
        tell(f"forgotten: {person}")
        tell(f"{own + len(nobodys)} quarantined rows can no longer be read, in no version")
        if others:
            tell(
                f"{len(others)} rows of other persons name this one too and stay readable: "
                f"{', '.join(others)}"
            )
        tell("ids, hashes, tokens and the ledger stay as they are")
        for name, source in spec.sources.items():
            naming, unreadable = naming_files(
                session.home.landing_source(spec.name, name), source, entity
            )
            for path in naming:
                tell(f"still named in a landing file, which is the source's to delete: {path}")
            for path in unreadable:
                tell(f"could not be looked into: {path}")
