"""Templates to pages: everything escaped, an unknown name an error, figures and times as words."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING, Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from assets.night_report.document import templates

if TYPE_CHECKING:
    from starlette.requests import Request

VISITOR = "visitor"
"""Name under which a request's state holds who asks."""


def page(
    request: "Request",
    template: str,
    status: int = 200,
    headers: dict[str, str] | None = None,
    /,
    **context: Any,
) -> HTMLResponse:
    """A template (name under ``templates/``) as the answer to a request."""
    visitor = getattr(request.state, VISITOR, None)
    text = environment().get_template(template).render(visitor=visitor, **context)
    return HTMLResponse(text, status, headers)


@cache
def environment() -> Environment:
    """The templates and the words they have for figures and times."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader("orchestration.desk"), templates()]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["here"] = ""
    made.filters |= {"at": at, "day": day, "span": span, "figure": figure, "words": words}
    made.filters["rough"] = rough
    return made


def at(value: datetime | str) -> str:
    """``12 Mar 2026, 14:03 UTC``."""
    value = datetime.fromisoformat(value) if isinstance(value, str) else value
    value = value.astimezone(UTC)
    return f"{value.day} {value:%b %Y, %H:%M} UTC"


def day(value: date | None) -> str:
    """``12 Mar 2026``; a dash for none."""
    return f"{value.day} {value:%b %Y}" if value is not None else "\N{EN DASH}"


def span(value: timedelta) -> str:
    """A length of time in its largest sensible unit: ``3 days``, ``5 hours``, ``12 minutes``."""
    value = abs(value)
    for unit, length in (
        ("day", timedelta(days=1)),
        ("hour", timedelta(hours=1)),
        ("minute", timedelta(minutes=1)),
    ):
        count = value // length
        if count >= 2 or (count == 1 and unit != "minute" and value % length < length / 4):
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "a minute"


def figure(value: object) -> str:
    """A value as a person reads it: numbers with four digits that count, yes and no, a dash."""
    if value is None or value == "":
        return "\N{EN DASH}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return at(value)
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    if isinstance(value, float):
        return _number(value)
    return str(value)


def rough(value: float | None) -> str:
    """As :func:`figure`, with three digits that count: of what is no value of the case itself."""
    return figure(float(f"{value:.3g}")) if value is not None and isfinite(value) else figure(value)


def words(value: str) -> str:
    """An identifier as words: ``late_fee`` is ``late fee``."""
    return value.replace("_", " ")


def _number(value: float) -> str:
    if not isfinite(value):
        return "no number"
    if abs(value) >= 1000:
        return figure(round(value))
    if value == int(value):
        return str(int(value))
    return f"{value:.4g}" if abs(value) >= 0.0001 else f"{value:.1e}"
