"""What is refused before anything is read: other hosts' names, bodies too large."""

from collections.abc import Awaitable, Callable, Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 256 * 1024
"""Of a body: the longest rationale a spec may allow, 20,000 characters of 4 bytes, each byte
percent-encoded as three, and the form around it."""

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

Refusal = Callable[[Scope, Receive, Send, int], Awaitable[None]]
"""Answers a request with the page of a status."""


class _TooLarge(Exception):
    """More came than was announced, or allowed."""


class KnownHosts:
    """Lets through requests for these host names (any port), answers others with 421.

    A page of another site whose name was made to resolve to this machine (DNS rebinding) still
    sends its own name.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], refusal: Refusal) -> None:
        self.app, self.hosts, self.refusal = app, frozenset(hosts), refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and host_name(Headers(scope=scope)) not in self.hosts:
            await self.refusal(scope, receive, send, 421)
            return
        await self.app(scope, receive, send)


class BodyLimit:
    """Answers with 413 what announces or sends more than ``most`` bytes, without reading it all."""

    def __init__(self, app: ASGIApp, refusal: Refusal, most: int = MOST_BYTES) -> None:
        self.app, self.refusal, self.most = app, refusal, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        # isdecimal, not isdigit: int() takes no superscripts.
        if not announced.isdecimal() or int(announced[:20]) > self.most:
            await self.refusal(scope, receive, send, 413)
            return
        got, begun, over = 0, False, False

        async def counted() -> Message:
            nonlocal got, over
            message = await receive()
            got += len(message.get("body", b""))
            if got > self.most:
                over = True
                raise _TooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal begun
            # Whoever parses the body turns the exception into an answer of its own.
            if over:
                return
            begun = True
            await send(message)

        try:
            await self.app(scope, counted, watched)
        except _TooLarge:
            over = True
        if over and not begun:
            await self.refusal(scope, receive, send, 413)


def host_name(headers: Headers) -> str:
    """The name in the Host header, without its port, in lower case; empty when there is none."""
    given = headers.getlist("host")
    if len(given) != 1:
        return ""
    name, _, port = given[0].rpartition(":")
    return (name if name and port.isdecimal() else given[0]).lower()
