"""The desk as an application: its pages, and around them what every request goes through."""

from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from orchestration.desk.access_log import AccessLog
from orchestration.desk.guard import NotSignedIn, ask_to_sign_in
from orchestration.desk.headers import SafeHeaders
from orchestration.desk.limits import BodyLimit, KnownHosts
from orchestration.desk.pages import (
    approvals,
    cases,
    home,
    incidents,
    look_up,
    night,
    oversight,
    queues,
    releases,
    signing_in,
)
from orchestration.desk.problems import Mistakes, handle_problems, refuse
from orchestration.desk.service import Service

AREAS = (signing_in, home, night, incidents, queues, cases, approvals, releases, oversight, look_up)
STATIC = Path(__file__).parent / "static"


def desk_app(service: Service) -> FastAPI:
    """The application of one desk. Nothing is read or written before the first request."""
    app = FastAPI(
        title="Nightshift review desk",
        version="1",
        description="People decide what a machine should not decide alone.",
        # Our own route serves the description, to people who are signed in.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    for area in AREAS:
        app.include_router(area.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    handle_problems(app)
    app.add_exception_handler(NotSignedIn, ask_to_sign_in)  # type: ignore[arg-type]
    # The last one added is the first to see a request.
    app.add_middleware(BodyLimit, refusal=refuse)
    app.add_middleware(KnownHosts, hosts=service.hosts, refusal=refuse)
    app.add_middleware(Mistakes)
    app.add_middleware(SafeHeaders)
    app.add_middleware(AccessLog)
    return app
