"""How a page's request can end, as its OpenAPI entry says it."""

from typing import Any

PAGE: dict[str, Any] = {"content": {"text/html": {"schema": {"type": "string"}}}}

_WORDS = {
    200: "The page.",
    303: "Recorded or found: go on to the page it names.",
    400: "What was sent is no form.",
    401: "Nobody is signed in, or not any more: the form to sign in.",
    403: "The role is missing, or the request is from no form of this desk.",
    404: "There is no such case, version, use case or page.",
    409: "Somebody was quicker, or it is decided, or it may not be done now.",
    413: "The body is too large.",
    422: "A field is missing or holds what cannot be.",
    429: "Too many attempts: wait.",
}


def pages(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documented answers of a route: pages for these, and what every route may say."""
    return {
        status: {"description": _WORDS[status], **({} if status == 303 else PAGE)}
        for status in sorted({*statuses, 400, 401, 403, 413, 422})
    }
