"""One case: all that is known of it, and the decision of a person."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from assets.reviews.refusals import (
    BadRationale,
    NotAReviewer,
    ReviewRefused,
    SameReviewer,
    UnknownDecision,
)
from orchestration.desk.endings import pages
from orchestration.desk.guard import REVIEWER, Allowed, Visitor
from orchestration.desk.plots import usual, value_plot, weight_bar
from orchestration.desk.problems import Problem
from orchestration.desk.render import page
from orchestration.desk.service import Service, service

router = APIRouter()
Reviewer = Annotated[Visitor, Depends(Allowed(REVIEWER))]

REFUSED: tuple[tuple[type[ReviewRefused], int, str], ...] = (
    (BadRationale, 422, "Your rationale cannot be kept"),
    (NotAReviewer, 403, "You may not review"),
    (SameReviewer, 409, "It takes another pair of eyes"),
    (ReviewRefused, 409, "Your review was not recorded"),
)
"""Status and heading of each refusal, the first that fits."""


@router.get("/cases/{decision_id}", response_class=HTMLResponse, responses=pages(200, 404, 409))
def case(request: Request, decision_id: UUID, visitor: Reviewer) -> Response:
    """The case as its reviewer needs it: reasons first, then the score; a blind one without."""
    return _page(request, visitor, str(decision_id))


@router.post(
    "/cases/{decision_id}/reviews",
    response_class=RedirectResponse,
    status_code=303,
    responses=pages(303, 404, 409),
)
def decide(
    request: Request,
    decision_id: UUID,
    visitor: Reviewer,
    outcome: Annotated[Literal["approve", "decline"], Form()],
    rationale: Annotated[str, Form()],
    seen: Annotated[int, Form(ge=0, le=1_000_000)],
    revision: Annotated[int, Form(ge=0, le=1_000_000)],
    token: Annotated[str, Form(max_length=100)],
) -> Response:
    """Record a review of what was seen. Whoever comes second is told who was first, and what they
    wrote is kept on the page."""
    from assets.reviews.record import review

    desk, wanted = service(request), str(decision_id)
    use_case = _use_case(desk, wanted)
    # A form sends its lines ended by CR LF, whatever the keyboard made.
    said = rationale.replace("\r\n", "\n")
    try:
        review(
            desk.lake, desk.home, desk.spec(use_case), wanted, reviewer=visitor.name,
            outcome=outcome, rationale=said, seen=seen, revision=revision, now=desk.clock(),
        )  # fmt: skip
    except UnknownDecision as error:
        raise _unknown(str(error)) from error
    except ReviewRefused as error:
        status, title = next((s, t) for kind, s, t in REFUSED if isinstance(error, kind))
        refusal = {"title": title, "message": str(error), "tone": "bad", "text": said}
        return _page(request, visitor, wanted, status, **refusal)
    return RedirectResponse(f"/queues/{use_case}?done={wanted}", 303)


def _page(
    request: Request, visitor: Visitor, decision_id: str, status: int = 200, **said: Any
) -> Response:
    from assets.reviews.case_file import case_file

    desk = service(request)
    spec = desk.spec(_use_case(desk, decision_id))
    try:
        found = case_file(
            desk.lake, desk.home, spec, decision_id, reviewer=visitor.name, now=desk.clock()
        )
    except UnknownDecision as error:
        raise _unknown(str(error)) from error
    most = max((r.weight or 0.0 for r in found.reasons), default=0.0)
    shown: dict[str, Any] = {"title": "", "message": "", "tone": "", "text": ""}
    return page(
        request,
        "case.html",
        status,
        case=found,
        review=spec.review,
        reasons=[(r, weight_bar(r.weight, most, i)) for i, r in enumerate(found.reasons)],
        values=[(v, value_plot(v, i), usual(v)) for i, v in enumerate(found.values)],
        **(shown | said),
    )


def _use_case(desk: Service, decision_id: str) -> str:
    """Whose case it is. Ends the request with 404 for one that never was in a queue."""
    found = desk.queue.find(decision_id)
    if found is None:
        # It may be of a night since the index was last looked at.
        for name in sorted(desk.specs):
            desk.queue.refresh(desk.lake, desk.specs[name])
        found = desk.queue.find(decision_id)
    if found is None:
        raise _unknown("No case of this id waits for people, or ever did.")
    return found[0]


def _unknown(what: str) -> Problem:
    return Problem(
        404,
        "There is no such case",
        what,
        "A decision that a machine made alone is found under “Look-up”.",
    )
