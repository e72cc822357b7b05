"""One clear page for everything that can go wrong: what, why, what to do, with the right status."""

import logging
import traceback
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from assets.errors import NightshiftError
from orchestration.desk.render import page

log = logging.getLogger("nightshift.desk")

KNOWN: dict[int, tuple[str, str, str]] = {
    400: (
        "That could not be read",
        "What your browser sent is no form of this desk. Nothing was recorded.",
        "Go back, reload the page and try again.",
    ),
    404: (
        "There is no such page",
        "Nothing is at this address.",
        "Look the decision up by its id, or start from the queue.",
    ),
    405: ("Not this way", "This address takes no such request. Nothing was recorded.", ""),
    413: (
        "That is too much text",
        "What you sent is larger than the desk takes. It was not read and nothing was recorded.",
        "Go back and shorten it: a rationale is some sentences, not a file.",
    ),
    421: (
        "Not the desk's address",
        "The desk is not known by the name your browser used for it.",
        "Use the address that was printed when it started.",
    ),
    422: (
        "Something is missing in the form",
        "The form was not complete, or a field holds what cannot be. Nothing was recorded.",
        "Go back, reload the page and try again.",
    ),
    500: (
        "The desk made a mistake",
        "This is no fault of yours. Whether it was recorded, the page of the case says.",
        "Reload the page; if it goes on, tell whoever runs this installation when it happened.",
    ),
}


class Problem(NightshiftError):
    """Ends a request with a page. ``status`` and the words are what the person gets."""

    def __init__(
        self, status: int, title: str, what: str, todo: str = "", *, text: str = ""
    ) -> None:
        super().__init__(what)
        self.status, self.title, self.what, self.todo, self.text = status, title, what, todo, text


def problem_page(
    request: Request,
    status: int,
    title: str = "",
    what: str = "",
    todo: str = "",
    *,
    text: str = "",
    headers: dict[str, str] | None = None,
) -> HTMLResponse:
    """The page of a status, with the words for it unless others are given. ``text``: what the
    person wrote and would lose."""
    known = KNOWN.get(status, (HTTPStatus(status).phrase, "Nothing was recorded.", ""))
    return page(
        request,
        "problem.html",
        status,
        headers,
        number=status,
        title=title or known[0],
        what=what or known[1],
        todo=todo or ("" if what else known[2]),
        text=text,
        back="/",
        back_label="To the start",
    )


async def refuse(scope: Scope, receive: Receive, send: Send, status: int) -> None:
    """Answer with the page of a status before the application sees the request."""
    # Part of the body may still be on its way; whoever sends it must not wait for us to take it.
    close = {"connection": "close"} if status == 413 else None
    await problem_page(Request(scope), status, headers=close)(scope, receive, send)


def handle_problems(app: FastAPI) -> None:
    """Have every error of the application end in its page."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, error: Problem) -> Response:
        return problem_page(
            request, error.status, error.title, error.what, error.todo, text=error.text
        )

    @app.exception_handler(NightshiftError)
    async def _refused(request: Request, error: NightshiftError) -> Response:
        return problem_page(request, 409, "That cannot be done now", str(error))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        headers: dict[str, Any] = dict(error.headers or {})
        return problem_page(request, error.status_code, headers=headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        # The names of the fields, not what was in them.
        fields = sorted({str(one["loc"][-1]) for one in error.errors()})
        what = f"Missing, or not as it must be: {', '.join(fields)}. Nothing was recorded."
        return problem_page(request, 422, "", what, KNOWN[422][2])


class Mistakes:
    """The last net: an error nobody foresaw becomes a page, and in the log where it arose."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def watched(message: Any) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:
            if scope["type"] != "http" or begun:
                raise
            # What an error says may hold a value of a case: only its kind and place are logged.
            frames = traceback.extract_tb(error.__traceback__)
            places = " < ".join(f"{f.name}:{f.lineno}" for f in reversed(frames[-6:]))
            log.error("%s in %s", type(error).__name__, places)
            await refuse(scope, receive, send, 500)
