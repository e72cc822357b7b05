"""One line an answer: method, path without its query, status, time taken. Nobody's name."""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("nightshift.desk")


class AccessLog:
    """Logs each answer, and of an error its kind and where it came from, not what it says."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            taken = (time.perf_counter() - began) * 1000
            # A path may hold anything somebody typed, also a line of its own.
            path = scope["path"].encode("unicode_escape").decode()[:200]
            log.info("%s %s %d %.0f ms", scope["method"], path, status, taken)
