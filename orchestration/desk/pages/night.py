"""One night of a use case: did the input move, does it matter, and all that lies behind it."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, Response

from assets.night_report.elsewhere import links
from assets.night_report.night import night_page
from assets.night_report.reading import newest_night
from assets.night_report.words import day as said_day
from assets.night_report.words import short_day
from orchestration.desk.endings import pages
from orchestration.desk.guard import ANYONE, Allowed, Visitor
from orchestration.desk.problems import Problem
from orchestration.desk.records import record_of
from orchestration.desk.render import page
from orchestration.desk.service import service

router = APIRouter()
Anyone = Annotated[Visitor, Depends(Allowed(*ANYONE))]


@router.get(
    "/use-cases/{use_case}/nights/{day}",
    response_class=HTMLResponse,
    responses=pages(200, 404, 409),
)
def night(request: Request, use_case: str, day: date, visitor: Anyone) -> Response:
    """The page of a night. One that never came between others has a page too, which says so."""
    desk = service(request)
    spec, newest = desk.spec(use_case), newest_night(desk.lake, use_case)
    if newest is None or day > newest:
        known = f"the newest is that of {said_day(newest)}" if newest else "there is none yet"
        raise _no_night(use_case, day, known)
    record = record_of(desk, spec, day)
    if not record.nights:
        raise _no_night(use_case, day, "it is before the first")
    shown = night_page(record)
    return page(
        request,
        "night.html",
        night=shown,
        before=(shown.before, short_day(shown.before)) if len(record.nights) > 1 else None,
        after=(shown.after, short_day(shown.after)) if day < newest else None,
        elsewhere=links(desk.home, record, desk.addresses),
        incident_links=True,
    )


def _no_night(use_case: str, day: date, why: str) -> Problem:
    return Problem(
        404,
        "There is no such night",
        f"{use_case} has no night of {day} on record: {why}.",
        "The nights on record are on the use case's page.",
    )
