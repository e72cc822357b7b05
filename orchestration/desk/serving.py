"""The desk of a home, served on loopback."""

import logging
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from assets.desk.users import Users
from assets.errors import NightshiftError
from assets.reviews.queue import Queue
from orchestration.desk.app import desk_app
from orchestration.desk.limits import LOOPBACK
from orchestration.desk.neighbours import addresses_from_environment
from orchestration.desk.service import Service
from orchestration.desk.visits import session_key

if TYPE_CHECKING:
    from fastapi import FastAPI

    from assets.home import Home
    from orchestration.session import Session

HOST = "127.0.0.1"


class DeskError(NightshiftError):
    """The desk cannot be served. The message says why and what to do."""


def cookie_key(home: "Home") -> Path:
    """File of the key that signs the desk's cookies."""
    return home.desk / "session.key"


def app_of(session: "Session", hosts: Sequence[str] = ()) -> "FastAPI":
    """The desk of an opened home, by the wall clock. ``hosts``: names a proxy serves it by."""
    return desk_app(
        Service(
            session=session,
            users=Users(session.home),
            queue=Queue(session.home),
            key=session_key(cookie_key(session.home)),
            clock=lambda: datetime.now(UTC),
            hosts=(*LOOPBACK, *(name.lower() for name in hosts)),
            addresses=addresses_from_environment(),
        )
    )


def serve(
    home_root: Path, use_case_folders: Sequence[Path], port: int, hosts: Sequence[str] = ()
) -> None:
    """Serve the desk of a home on 127.0.0.1 until it is stopped.

    ``hosts``: names a reverse proxy on this machine serves the desk by, with TLS; only then what
    the proxy says of the client and the scheme (X-Forwarded-*) is believed. Raises DeskError when
    the port is taken.
    """
    import uvicorn

    from orchestration.session import open_home

    with _listening(port) as listening:
        app = app_of(open_home(home_root, use_case_folders), hosts)
        logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
        logging.getLogger("nightshift.desk").setLevel(logging.INFO)
        config = uvicorn.Config(
            app,
            log_level="warning",
            # Uvicorn's own access log prints queries; ours does not.
            access_log=False,
            server_header=False,
            proxy_headers=bool(hosts),
            forwarded_allow_ips=HOST,
            # Slow senders and hung connections must not add up.
            timeout_keep_alive=15,
            limit_concurrency=200,
        )
        uvicorn.Server(config).run(sockets=[listening])


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise DeskError(
            f"port {port} of {HOST} cannot be used ({error.strerror}): stop what listens there, or "
            "choose another with --port"
        ) from error
