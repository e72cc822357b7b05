"""Incidents: what happened, what the road did, what a person should do, and what says so."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, Response

from assets.night_report.incident import Incident, newest
from assets.night_report.incident_page import incident_page
from assets.night_report.reading import NIGHTS, newest_night, read_incidents
from orchestration.desk.endings import pages
from orchestration.desk.guard import ANYONE, Allowed, Visitor
from orchestration.desk.problems import Problem
from orchestration.desk.records import said, unreadable
from orchestration.desk.render import page
from orchestration.desk.service import Service, service

router = APIRouter()
Anyone = Annotated[Visitor, Depends(Allowed(*ANYONE))]

LONGEST = timedelta(days=400)
"""How far back an incident's own page looks for its nights."""


@router.get("/incidents", response_class=HTMLResponse, responses=pages(200))
def incidents(request: Request, visitor: Anyone) -> Response:
    """Open incidents of every use case, then those closed within the last nights."""
    desk = service(request)
    found: list[Incident] = []
    problems = []
    for name in sorted(desk.specs):
        try:
            found += _recent(desk, name)
        except unreadable() as error:
            problems.append(f"{name}: {said(error)}")
    found.sort(key=lambda one: (not one.is_open, -one.last_seen_on.toordinal(), one.use_case))
    return page(request, "incidents.html", incidents=found, problems=problems, nights=NIGHTS)


@router.get("/incidents/{incident_id}", response_class=HTMLResponse, responses=pages(200, 404, 409))
def incident(request: Request, incident_id: UUID, visitor: Anyone) -> Response:
    """One incident, night by night."""
    desk, wanted = service(request), str(incident_id)
    for name in sorted(desk.specs):
        own = _own(desk, name, wanted)
        if own:
            spec = desk.specs[name]
            shown: dict[str, Any] = {"one": own[-1], "page": incident_page(spec, own)}
            return page(request, "incident.html", **shown)
    raise Problem(
        404,
        "There is no such incident",
        "No use case of this desk has an incident of this id.",
        "Those open, and those closed of late, are under “Incidents”.",
    )


def _recent(desk: Service, name: str) -> list[Incident]:
    night = newest_night(desk.lake, name)
    if night is None:
        return []
    first = night - timedelta(days=NIGHTS - 1)
    return newest(read_incidents(desk.lake, name, first, night), night)


def _own(desk: Service, name: str, incident_id: str) -> list[Incident]:
    """An incident's nights, ascending; none of another use case's."""
    night = newest_night(desk.lake, name)
    if night is None:
        return []
    found = read_incidents(desk.lake, name, night - LONGEST, night)
    return [one for one in found if one.incident_id == incident_id]
