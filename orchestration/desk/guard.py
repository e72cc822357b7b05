"""Who may do what: the one place that is asked by every page but sign-in, static and health."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse

from assets.errors import NightshiftError
from orchestration.desk import cookies
from orchestration.desk.own_form import SAFE, from_elsewhere, require_own_form
from orchestration.desk.problems import Problem
from orchestration.desk.render import VISITOR, page
from orchestration.desk.service import service
from orchestration.desk.visits import Visit, VisitOver, begin, form_token

REVIEWER, OWNER, AUDITOR, ANALYST = "reviewer", "owner", "auditor", "analyst"
ANYONE = (REVIEWER, OWNER, AUDITOR, ANALYST)
"""Whoever is signed in and has a role."""

OF_CASES = (REVIEWER, OWNER, AUDITOR)
"""Who may read the record of a single case."""

PLACES = (
    ("Start", "/", "home", ANYONE),
    ("Incidents", "/incidents", "incidents", ANYONE),
    ("Queues", "/queues", "queues", (REVIEWER,)),
    ("Approvals", "/approvals", "approvals", (OWNER,)),
    ("Releases", "/releases", "releases", (OWNER, AUDITOR)),
    ("Oversight", "/oversight", "oversight", (OWNER, AUDITOR)),
    ("Look-up", "/look-up", "look-up", OF_CASES),
)
"""Label, address, key and roles of what the navigation leads to."""

WRITTEN = ("rationale", "reason")
"""Fields whose text a person would miss."""


class NotSignedIn(NightshiftError):
    """Nobody is signed in, or not any more. The message says which; empty for the first."""


@dataclass(frozen=True)
class Visitor:
    """Who asks, by a visit that is still good, with the roles of now."""

    name: str
    roles: frozenset[str]
    token: str  # of their forms

    @property
    def places(self) -> list[tuple[str, str, str]]:
        return [(label, href, key) for label, href, key, roles in PLACES if self.may(*roles)]

    def may(self, *roles: str) -> bool:
        return not self.roles.isdisjoint(roles)


class Allowed:
    """Dependency of a route: lets through who has one of the roles, and takes only own forms."""

    def __init__(self, *roles: str) -> None:
        if not roles:
            raise ValueError("a route says who may use it")
        self.roles = roles

    async def __call__(self, request: Request) -> Visitor:
        """Raises NotSignedIn, and Problem (403) for a missing role or another site's form."""
        desk, now = service(request), service(request).clock()
        try:
            visit = cookies.given(request, cookies.SIGNED_IN, desk.key, now)
        except VisitOver as over:
            raise NotSignedIn(str(over)) from over
        if visit is None:
            raise NotSignedIn("")
        user = await run_in_threadpool(desk.users.session, visit.name, visit.epoch)
        if user is None:
            raise NotSignedIn(
                "Your session has ended: your password or your roles were changed, or your access "
                "was taken away."
            )
        visitor = Visitor(user.name, frozenset(user.roles), form_token(visit, desk.key))
        setattr(request.state, VISITOR, visitor)
        cookies.give(request, cookies.SIGNED_IN, visit, desk.key, now)
        if not visitor.may(*self.roles):
            raise Problem(
                403,
                "This is not yours to do",
                f"It takes the role {' or '.join(self.roles)}; you have "
                f"{', '.join(sorted(visitor.roles)) or 'none'}. Nothing was recorded.",
                "If you should have it, ask whoever runs this installation.",
            )
        if request.method not in SAFE:
            await require_own_form(request, visit, desk.key)
        return visitor


def sign_in_page(
    request: Request,
    status: int,
    *,
    message: str = "",
    calm: bool = False,
    back: str = "/",
    name: str = "",
    text: str = "",
    headers: dict[str, str] | None = None,
) -> HTMLResponse:
    """The form to sign in. ``back``: local path to go on to; ``text``: what would be lost."""
    desk, now = service(request), service(request).clock()
    visit: Visit | None = None
    try:
        visit = cookies.given(request, cookies.SIGNING_IN, desk.key, now)
    except VisitOver:
        visit = None
    visit = visit or begin("", "", now)
    cookies.give(request, cookies.SIGNING_IN, visit, desk.key, now)
    return page(
        request,
        "sign_in.html",
        status,
        headers,
        token=form_token(visit, desk.key),
        message=message,
        calm=calm,
        back=local(back),
        name=name,
        text=text,
    )


async def ask_to_sign_in(request: Request, error: NotSignedIn) -> HTMLResponse:
    """Answer to a request of nobody: 401 and the form, which leads back to where one was."""
    # Part of a page cannot show a form: let the browser load the whole one again.
    headers = {"hx-refresh": "true"} if request.headers.get("hx-request") else None
    text = "" if request.method in SAFE else await _written(request)
    return sign_in_page(
        request,
        401,
        message=str(error) or "Please sign in to see this page.",
        calm=True,
        back=_where(request),
        text=text,
        headers=headers,
    )


def local(path: str) -> str:
    """The path if it leads nowhere but to this desk, else the start."""
    parts = urlsplit(path) if path.isascii() and path.isprintable() else None
    outside = parts is None or parts.scheme or parts.netloc or not path.startswith("/")
    # Browsers read a backslash as a slash, and // as the beginning of another host.
    return "/" if outside or path.startswith("//") or "\\" in path else path


def _where(request: Request) -> str:
    """The page to return to: this one, or the one whose form was sent."""
    path = request.url.path
    if request.method not in SAFE:
        return path.rpartition("/")[0] or "/"
    query = request.url.query
    return f"{path}?{query}" if query else path


async def _written(request: Request) -> str:
    """What the person had written; nothing of a request from another site."""
    if from_elsewhere(request):
        return ""
    form = await request.form()
    found = [form.get(field) for field in WRITTEN]
    return next((text for text in found if isinstance(text, str)), "")
