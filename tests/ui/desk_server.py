"""A desk that listens on loopback, and pages of it."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from playwright.sync_api import Browser, Page

from tests.ui.desk_client import signed_in
from tests.ui.desk_home import Desk

DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}


@contextmanager
def served(desk: Desk) -> Iterator[str]:
    """Address of the desk, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        config = uvicorn.Config(desk.app, log_level="error", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        until = time.monotonic() + 20
        while not server.started and time.monotonic() < until:
            time.sleep(0.02)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join()


def page_of(browser: Browser, desk: Desk, url: str, name: str = "", **context: Any) -> Page:
    """A page in a profile of its own, in which somebody is signed in already."""
    made = browser.new_context(**({"viewport": DESKTOP} | context))
    made.set_default_timeout(10_000)
    if name:
        client = signed_in(desk, name)
        for cookie, value in client.cookies.items():
            made.add_cookies([{"name": cookie, "value": value, "url": url, "sameSite": "Strict"}])
    return made.new_page()
