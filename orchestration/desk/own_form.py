"""Whether a request that changes something came from a form of this desk (against CSRF).

Two things are asked, after the OWASP Cross-Site Request Forgery Prevention Cheat Sheet: where the
browser says the request comes from (Fetch Metadata, and Origin), and the token of the visit, which
another site can neither read nor guess.
"""

from urllib.parse import urlsplit

from fastapi import Request

from orchestration.desk.problems import Problem
from orchestration.desk.visits import Visit, is_token

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FIELD = "token"


def from_elsewhere(request: Request) -> str:
    """Why a request does not come from a page of this desk; empty if it does.

    With ``Referrer-Policy: no-referrer`` a form's own Origin is ``null``, so Sec-Fetch-Site has to
    say that it is the same; a browser without that header has to send the origin.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None and site != "same-origin":
        return f"your browser says it comes from another place ({_plain(site)})"
    if origin is not None and origin != "null" and not _same(origin, request):
        return "your browser says it comes from another site"
    if site is None and origin in (None, "null"):
        return "your browser does not say which page it comes from"
    return ""


async def require_own_form(request: Request, visit: Visit | None, key: bytes) -> None:
    """End a request with 403 unless it comes from a form of this visit."""
    wrong = from_elsewhere(request)
    if not wrong:
        form = await request.form()
        if visit is None or not is_token(form.get(FIELD), visit, key):
            wrong = "it does not carry the token of your session"
    if wrong:
        raise Problem(
            403,
            "Not from a form of this desk",
            f"The request was refused: {wrong}. Nothing was recorded.",
            "Open the page again and send its form.",
        )


def _same(origin: str, request: Request) -> bool:
    try:
        return urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()
    except ValueError:
        return False


def _plain(said: str) -> str:
    return said if said in ("cross-site", "same-site", "none") else "unknown"
