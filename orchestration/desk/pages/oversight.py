"""The desk measured: what waits, how long, and how often people decide otherwise."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, Response

from assets.errors import NightshiftError
from orchestration.desk.endings import pages
from orchestration.desk.guard import AUDITOR, OWNER, Allowed, Visitor
from orchestration.desk.render import page
from orchestration.desk.service import Service, service

router = APIRouter()
Reader = Annotated[Visitor, Depends(Allowed(OWNER, AUDITOR))]


@router.get("/oversight", response_class=HTMLResponse, responses=pages(200))
def oversight(request: Request, visitor: Reader) -> Response:
    """Backlog, ageing, overrides and agreement in the blind sample, per use case."""
    desk = service(request)
    measured = [_measured(desk, name) for name in sorted(desk.specs)]
    return page(request, "oversight.html", cases=measured)


def _measured(desk: Service, name: str) -> dict[str, Any]:
    """A use case's figures; one that cannot be measured does not hide the others."""
    from assets.reviews.overrides import overrides

    try:
        found = overrides(desk.lake, desk.home, desk.specs[name], now=desk.clock())
    except NightshiftError as error:
        return {"name": name, "found": None, "problem": str(error)}
    return {"name": name, "found": found, "problem": ""}
