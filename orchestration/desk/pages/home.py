"""The start page: how every use case stands tonight; and a use case's own page."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, Response

from assets.night_report.elsewhere import links
from assets.night_report.panels import business_panels, model_panels
from assets.night_report.reading import NIGHTS, newest_night
from assets.night_report.status_line import status
from assets.night_report.words import day as said_day
from assets.night_report.words import span
from orchestration.desk.calendar import calendar
from orchestration.desk.endings import pages
from orchestration.desk.guard import ANYONE, Allowed, Visitor
from orchestration.desk.records import record_of, said, unreadable
from orchestration.desk.render import page
from orchestration.desk.service import Service, service

router = APIRouter()
Anyone = Annotated[Visitor, Depends(Allowed(*ANYONE))]

ORDER = ("broken", "act", "look", "well", "none")
"""Tones, what a person has to do something about first."""

STALE_DAYS = 2
"""Days since the newest night closed after which a page says that there should be another."""


@router.get("/", response_class=HTMLResponse, responses=pages(200))
def home(request: Request, visitor: Anyone) -> Response:
    """Every use case: tonight in one line, the last nights in small pictures, where to read on."""
    desk = service(request)
    listed = [_shown(desk, name) for name in sorted(desk.specs)]
    listed.sort(key=lambda one: ORDER.index(one["tone"]))
    return page(request, "home.html", cases=listed)


@router.get("/use-cases/{use_case}", response_class=HTMLResponse, responses=pages(200, 404, 409))
def use_case(request: Request, use_case: str, visitor: Anyone) -> Response:
    """One use case: its nights, business figures beside those of the model, incidents, versions."""
    from assets.release.standing import standings

    desk = service(request)
    spec = desk.spec(use_case)
    shown = _tonight(desk, use_case)
    versions, problems = standings(desk.lake, desk.home, spec)
    if shown["record"] is not None:
        shown["weeks"] = calendar(shown["record"])
    return page(
        request, "use_case.html", one=shown, spec=spec, nights=NIGHTS, versions=versions,
        problems=problems,
    )  # fmt: skip


def _shown(desk: Service, name: str) -> dict[str, Any]:
    """A use case; one that cannot be read does not hide the others."""
    try:
        return _tonight(desk, name)
    except unreadable() as error:
        return _empty(desk, name) | {"problem": said(error), "tone": "broken"}


def _tonight(desk: Service, name: str) -> dict[str, Any]:
    spec, shown = desk.specs[name], _empty(desk, name)
    night = newest_night(desk.lake, name)
    if night is None:
        return shown
    record = record_of(desk, spec, night)
    since, now = (desk.clock().date() - night).days - 1, status(record)
    return shown | {
        "record": record,
        "night": night,
        "night_said": said_day(night),
        "span": span(record.days[0], night),
        "status": now,
        "tone": now.tone,
        "stale": since if since >= STALE_DAYS else 0,
        "incidents": record.incidents,
        "groups": [business_panels(record), model_panels(record)],
        "links": links(desk.home, record, desk.addresses),
    }


def _empty(desk: Service, name: str) -> dict[str, Any]:
    description = desk.specs[name].description
    return {"name": name, "description": description, "record": None, "problem": "", "tone": "none"}
