"""The desk's two cookies: the visit of who is signed in, and the one the sign-in form hangs on.

Two, for a link from another site arrives without the first (SameSite=Strict): the sign-in page it
then gets must not overwrite a visit that is still good.
"""

from datetime import datetime

from fastapi import Request

from orchestration.desk.headers import COOKIES
from orchestration.desk.limits import LOOPBACK, host_name
from orchestration.desk.visits import Visit, VisitOver, read, written

SIGNED_IN, SIGNING_IN = "nightshift_desk", "nightshift_desk_form"


def needs_tls(request: Request) -> bool:
    """Is this any other address than plain http on loopback, which nobody can listen to?"""
    return request.url.scheme != "http" or host_name(request.headers) not in LOOPBACK


def given(request: Request, kind: str, key: bytes, now: datetime) -> Visit | None:
    """The visit of the cookie a request brings; None without one. Raises VisitOver."""
    text = request.cookies.get(_name(request, kind))
    if not text:
        return None
    visit = read(text, key, now)
    if bool(visit.name) != (kind == SIGNED_IN):
        raise VisitOver("Your session cannot be read. Please sign in again.")
    return visit


def give(request: Request, kind: str, visit: Visit, key: bytes, now: datetime) -> None:
    """Have the answer set the cookie of a visit, seen ``now``."""
    _set(request, f"{_name(request, kind)}={written(visit, key, now)}{_rules(request)}")


def take(request: Request, kind: str) -> None:
    """Have the answer delete a cookie."""
    _set(request, f"{_name(request, kind)}=; Max-Age=0{_rules(request)}")


def _set(request: Request, header: str) -> None:
    name = header.partition("=")[0]
    waiting = getattr(request.state, COOKIES, [])
    others = [one for one in waiting if one.partition("=")[0] != name]
    setattr(request.state, COOKIES, [*others, header])


def _name(request: Request, kind: str) -> str:
    # RFC 6265bis: a browser takes a __Host- cookie only over TLS, from this very host.
    return f"__Host-{kind}" if needs_tls(request) else kind


def _rules(request: Request) -> str:
    secure = "; Secure" if needs_tls(request) else ""
    return f"; Path=/; HttpOnly; SameSite=Strict{secure}"
