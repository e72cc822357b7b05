"""What waits for people, per use case, a page at a time."""

from datetime import timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse, Response

from assets.errors import NightshiftError
from orchestration.desk.endings import pages
from orchestration.desk.guard import REVIEWER, Allowed, Visitor
from orchestration.desk.render import page
from orchestration.desk.service import Service, service

router = APIRouter()
Reviewer = Annotated[Visitor, Depends(Allowed(REVIEWER))]

SIZE = 50
"""Cases on a page: one more screenful is a click, and all of them are never sent."""

SOON = timedelta(days=1)
"""What is due within this is marked."""


@router.get("/queues", response_class=HTMLResponse, responses=pages(200))
def queues(request: Request, visitor: Reviewer) -> Response:
    """Every use case's queue, counted."""
    desk = service(request)
    listed = [_counted(desk, name) for name in sorted(desk.specs)]
    return page(request, "queues.html", queues=listed)


@router.get("/queues/{use_case}", response_class=HTMLResponse, responses=pages(200, 404, 409))
def queue(
    request: Request,
    use_case: str,
    visitor: Reviewer,
    state: Literal["open", "decided", "all"] = "open",
    order: Literal["risk", "due", "oldest"] = "risk",
    after: Annotated[UUID | None, Query(description="Last decision of the page before.")] = None,
    done: Annotated[UUID | None, Query(description="Decision that was just reviewed.")] = None,
) -> Response:
    """The cases of one queue. To htmx only the part that changes: the list, or its next rows."""
    desk = service(request)
    spec, now = desk.spec(use_case), desk.clock()
    desk.queue.refresh(desk.lake, spec)
    wanted = str(after) if after else None
    found = desk.queue.page(
        use_case, state=state, order=order, after=wanted, size=SIZE, reviewer=visitor.name
    )
    shown: dict[str, Any] = {
        "spec": spec,
        "page": found,
        "state": state,
        "order": order,
        "now": now,
        "soon": SOON,
    }
    if request.headers.get("hx-request"):
        return page(request, "_rows.html" if wanted else "_cases.html", **shown)
    shown["counts"] = desk.queue.counts(use_case, now)
    shown["done"] = _done(desk, use_case, str(done), visitor) if done else None
    return page(request, "queue.html", **shown)


def _counted(desk: Service, name: str) -> dict[str, Any]:
    """A use case with its counts; one that cannot be counted does not hide the others."""
    spec = desk.specs[name]
    said: dict[str, Any] = {"name": name, "description": spec.description, "problem": ""}
    try:
        desk.queue.refresh(desk.lake, spec)
        return said | {"counts": desk.queue.counts(name, desk.clock())}
    except NightshiftError as error:
        return said | {"problem": str(error), "counts": None}


def _done(desk: Service, use_case: str, decision_id: str, visitor: Visitor) -> Any:
    """What became of the case that was just reviewed, by the record; None for any other."""
    from assets.reviews.case_file import case_file

    if (desk.queue.find(decision_id) or ("",))[0] != use_case:
        return None
    case = case_file(
        desk.lake, desk.home, desk.spec(use_case), decision_id,
        reviewer=visitor.name, now=desk.clock(),
    )  # fmt: skip
    if case.standing.state == "second awaited":
        said = ("Recorded.", f"Case {case.case_key} now waits for another reviewer.")
    elif case.standing.by and visitor.name in case.standing.by:
        said = ("Recorded.", f"Case {case.case_key}: {case.standing.outcome}.")
    else:
        said = ("Recorded.", f"Case {case.case_key}.")
    return {"title": said[0], "text": said[1], "id": decision_id}
