"""``nightshift report``: a night as one HTML file that can be mailed."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assets.errors import NightshiftError
from orchestration.command import HOME, HomeOption, UseCasesOption, opened, tell

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec
    from orchestration.session import Session

STYLE = Path(__file__).parent / "desk" / "static" / "desk.css"


def report(
    night: Annotated[
        datetime, typer.Option("--night", formats=["%Y-%m-%d"], help="Night (UTC day).")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder the files are written into.")],
    use_case: Annotated[
        str | None, typer.Argument(help="Only this one; else all that have the night.")
    ] = None,
    home: HomeOption = HOME,
    use_cases: UseCasesOption = None,
) -> None:
    """Write a night as one HTML file per use case: no scripts, nothing fetched, good for mail.

    The file is named USE_CASE_YYYY-MM-DD.html and is there as a whole or not at all. The same
    tables give the same bytes.
    """
    day = night.date()
    with opened(home, use_cases) as session:
        specs = [session.spec(use_case)] if use_case else list(session.specs.values())
        written = [path for spec in specs if (path := write_report(session, spec, day, out))]
        if not written:
            raise NightshiftError(_none(session, specs, day))
        if len(written) < len(specs):
            tell(f"{len(specs) - len(written)} use cases have no night of {day} on record")
        for path in written:
            typer.echo(str(path))


def write_report(session: "Session", spec: "UseCaseSpec", day: date, out: Path) -> Path | None:
    """Write the report of a night into a folder; None when the night is not on record."""
    from assets.durable import write_whole
    from assets.night_report.document import document
    from assets.night_report.elsewhere import Addresses, links
    from assets.night_report.night import night_page
    from assets.night_report.reading import NEVER, read_record

    record = read_record(session.lake, spec, day)
    if record.state == NEVER:
        return None
    files = links(session.home, record, Addresses())
    style = STYLE.read_text(encoding="utf-8")
    path = out / f"{spec.name}_{day}.html"
    write_whole(path, document(night_page(record), style, files))
    return path


def _none(session: "Session", specs: "list[UseCaseSpec]", day: date) -> str:
    """That there is no such night, and which there are."""
    from assets.night_report.reading import newest_night

    newest = {spec.name: newest_night(session.lake, spec.name) for spec in specs}
    said = ", ".join(f"of {name} {night or 'none'}" for name, night in sorted(newest.items()))
    return f"no night of {day} is on record. The newest are: {said}"
