"""A decision's whole record, by its id: what ``nightshift explain`` prints."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from assets.errors import NightshiftError
from assets.reviews.refusals import UnknownDecision
from orchestration.desk.endings import pages
from orchestration.desk.guard import OF_CASES, REVIEWER, Allowed, Visitor
from orchestration.desk.problems import Problem
from orchestration.desk.render import page
from orchestration.desk.service import Service, service

if TYPE_CHECKING:
    from assets.ledger.explain import Explanation

router = APIRouter()
Reader = Annotated[Visitor, Depends(Allowed(*OF_CASES))]


@router.get("/look-up", response_class=HTMLResponse, responses=pages(200))
def ask(request: Request, visitor: Reader) -> Response:
    """The form. It is posted: what people paste into such a field belongs into no address."""
    return page(request, "look_up.html", message="")


@router.post("/look-up", response_class=RedirectResponse, status_code=303, responses=pages(303))
def find(
    request: Request,
    visitor: Reader,
    decision_id: Annotated[str, Form(max_length=200)],
    token: Annotated[str, Form(max_length=100)],
) -> Response:
    """To the record of what was asked for."""
    try:
        wanted = UUID(decision_id.strip())
    except ValueError:
        message = "That is no decision id: it has 32 hexadecimal digits, in five groups."
        return page(request, "look_up.html", 422, message=message)
    return RedirectResponse(f"/records/{wanted}", 303)


@router.get("/records/{decision_id}", response_class=HTMLResponse, responses=pages(200, 404, 409))
def record(request: Request, decision_id: UUID, visitor: Reader) -> Response:
    """The record in plain language."""
    found = _explained(service(request), str(decision_id), visitor)
    return page(request, "record.html", decision_id=str(decision_id), text=found.as_text())


@router.get(
    "/records/{decision_id}/json", response_class=JSONResponse, responses=pages(401, 403, 404, 409)
)
def record_json(request: Request, decision_id: UUID, visitor: Reader) -> Response:
    """The record as JSON."""
    return JSONResponse(_explained(service(request), str(decision_id), visitor).as_json())


def _explained(desk: Service, decision_id: str, visitor: Visitor) -> "Explanation":
    """The record; not to a reviewer who is to decide the case without knowing it."""
    from assets.ledger.explain import explain
    from assets.ledger.found import NoSuchDecision

    if visitor.may(REVIEWER):
        for spec in desk.specs.values():  # a night since may have put it among the blind ones
            desk.queue.refresh(desk.lake, spec)
    queued = desk.queue.find(decision_id)
    if queued is not None and visitor.may(REVIEWER):
        _require_told(desk, queued[0], decision_id, visitor)
    names = [queued[0]] if queued else sorted(desk.specs)
    for name in names:
        try:
            return explain(desk.lake, desk.home, desk.spec(name), decision_id)
        except NoSuchDecision:
            continue
    raise Problem(
        404,
        "There is no such decision",
        f"None of {', '.join(sorted(desk.specs))} has a decision of this id.",
        "Check the id against the letter or the report it is from.",
    )


def _require_told(desk: Service, use_case: str, decision_id: str, visitor: Visitor) -> None:
    from assets.reviews.case_file import case_file

    try:
        case = case_file(
            desk.lake, desk.home, desk.spec(use_case), decision_id,
            reviewer=visitor.name, now=desk.clock(),
        )  # fmt: skip
    except UnknownDecision:
        return
    except NightshiftError as error:
        raise Problem(409, "The record cannot be shown now", str(error)) from error
    if case.blind and case.objection is None:
        raise Problem(
            409,
            "This case waits for a blind review",
            "You may be the one to review it, and the record says what the machine decided.",
            "Review the case first; then its record is shown.",
        )
