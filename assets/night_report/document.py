"""The night as one file for mail: nothing is fetched, nothing runs, everything is escaped."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

if TYPE_CHECKING:
    from assets.night_report.elsewhere import Link
    from assets.night_report.night import NightPage


@cache
def templates() -> PackageLoader:
    """The templates of a night, for whoever shows it within pages of its own."""
    return PackageLoader("assets.night_report")


def document(night: "NightPage", style: str, files: "Sequence[Link]" = ()) -> str:
    """The page of a night as HTML that needs no other file.

    ``style``: the text of the style sheet that has the classes used here, the desk's. ``files``:
    reports in the home that say more. The same night, style and files give the same text.
    """
    environment = Environment(
        loader=templates(),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Our own text; as HTML it would end at the first "</style".
    safe = Markup(style.replace("</", r"<\/"))
    text = environment.get_template("night_document.html").render(
        night=night, style=safe, files=[one for one in files if one.path], incident_links=False
    )
    return text.strip() + "\n"
