"""Signing in and out, and a sign of life in between."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from assets.desk.users import SignInRefused, TooManyAttempts
from orchestration.desk import cookies
from orchestration.desk.endings import pages
from orchestration.desk.guard import ANYONE, Allowed, Visitor, local, sign_in_page
from orchestration.desk.own_form import require_own_form
from orchestration.desk.service import service
from orchestration.desk.visits import VisitOver, begin

router = APIRouter()


@router.get("/health")
def health() -> dict[str, str]:
    """Is the desk up? Says nothing else, to anybody."""
    return {"status": "ok"}


@router.get("/sign-in", response_class=HTMLResponse, responses=pages(200))
def ask(request: Request) -> Response:
    """The form to sign in."""
    return sign_in_page(request, 200)


async def _own_form(request: Request) -> None:
    desk = service(request)
    try:
        visit = cookies.given(request, cookies.SIGNING_IN, desk.key, desk.clock())
    except VisitOver:
        visit = None
    await require_own_form(request, visit, desk.key)


@router.post(
    "/sign-in",
    response_class=RedirectResponse,
    status_code=303,
    responses=pages(303, 429),
    dependencies=[Depends(_own_form)],
)
def sign_in(
    request: Request,
    name: Annotated[str, Form(max_length=100)],
    password: Annotated[str, Form(max_length=1000)],
    token: Annotated[str, Form(max_length=100)],
    back: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """Begin a visit. Wrong names and wrong passwords get the same answer."""
    desk, now = service(request), service(request).clock()
    address = request.client.host if request.client else ""
    try:
        user = desk.users.verify(name.strip(), password, now, address=address)
    except TooManyAttempts as error:
        wait = str(max(1, int((error.until - now).total_seconds())))
        headers = {"retry-after": wait}
        return sign_in_page(request, 429, message=str(error), back=back, name=name, headers=headers)
    except SignInRefused as error:
        return sign_in_page(request, 401, message=str(error), back=back, name=name)
    cookies.give(request, cookies.SIGNED_IN, begin(user.name, user.epoch, now), desk.key, now)
    cookies.take(request, cookies.SIGNING_IN)
    return RedirectResponse(local(back), 303)


@router.post("/sign-out", response_class=RedirectResponse, status_code=303, responses=pages(303))
def sign_out(
    request: Request,
    visitor: Annotated[Visitor, Depends(Allowed(*ANYONE))],
    token: Annotated[str, Form(max_length=100)],
) -> Response:
    """End every visit of this person: a cookie that somebody copied is of no use either."""
    service(request).users.end_sessions(visitor.name)
    cookies.take(request, cookies.SIGNED_IN)
    return RedirectResponse("/sign-in", 303)


@router.get("/session", status_code=204, responses=pages(401))
def still_here(visitor: Annotated[Visitor, Depends(Allowed(*ANYONE))]) -> Response:
    """A sign of life from somebody who writes: the visit goes on."""
    return Response(status_code=204)


@router.get("/openapi.json", response_class=JSONResponse, responses=pages(401, 403))
def openapi(request: Request, visitor: Annotated[Visitor, Depends(Allowed(*ANYONE))]) -> Response:
    """What the desk answers to, as OpenAPI 3.1."""
    return JSONResponse(request.app.openapi())
