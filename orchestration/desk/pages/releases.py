"""The history of releases, and the way back."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from assets.desk.attempts import TooManyAttempts
from assets.desk.identity import IdentityRefused, identity_of
from assets.errors import NightshiftError
from orchestration.desk.endings import pages
from orchestration.desk.guard import AUDITOR, OWNER, Allowed, Visitor
from orchestration.desk.ladder_plot import ladder_plot
from orchestration.desk.release_record import decides_now, tone
from orchestration.desk.render import page
from orchestration.desk.service import Service, service

router = APIRouter()
Owner = Annotated[Visitor, Depends(Allowed(OWNER))]
Reader = Annotated[Visitor, Depends(Allowed(OWNER, AUDITOR))]


@router.get("/releases", response_class=HTMLResponse, responses=pages(200, 409))
def releases(request: Request, visitor: Reader) -> Response:
    """Every use case: who decides now, and who scores beside."""
    desk = service(request)
    listed = [_now(desk, name) for name in sorted(desk.specs)]
    return page(request, "releases.html", cases=listed)


@router.get("/releases/{use_case}", response_class=HTMLResponse, responses=pages(200, 404, 409))
def release(request: Request, use_case: str, visitor: Reader) -> Response:
    """The history of one use case's versions."""
    return _page(request, visitor, use_case)


@router.post(
    "/releases/{use_case}/rollback",
    response_class=RedirectResponse,
    status_code=303,
    responses=pages(303, 404, 409, 429),
)
def roll_back_version(
    request: Request,
    use_case: str,
    visitor: Owner,
    version: Annotated[int, Form(ge=1, le=1_000_000_000, description="The one that is meant.")],
    reason: Annotated[str, Form(max_length=20_000)],
    passphrase: Annotated[str, Form(max_length=1000)],
    token: Annotated[str, Form(max_length=100)],
) -> Response:
    """Take the version that decides off the ladder, in the owner's own name."""
    from orchestration.approving import roll_back
    from orchestration.desk.signing import signer_at_desk

    desk = service(request)
    desk.spec(use_case)
    said = reason.replace("\r\n", "\n")
    try:
        now = desk.clock()
        signer = signer_at_desk(desk.session, visitor.name, passphrase, now=now)
        roll_back(desk.session, use_case, signer, reason=said, now=now, version=version)
    except TooManyAttempts as error:
        return _page(request, visitor, use_case, 429, error, said)
    except IdentityRefused as error:
        return _page(request, visitor, use_case, 403, error, said)
    except NightshiftError as error:
        return _page(request, visitor, use_case, 409, error, said)
    return RedirectResponse(f"/releases/{use_case}", 303)


def _page(
    request: Request,
    visitor: Visitor,
    use_case: str,
    http_status: int = 200,
    error: NightshiftError | None = None,
    text: str = "",
) -> Response:
    from assets.release.standing import standings
    from assets.release.status import release_status

    desk = service(request)
    spec = desk.spec(use_case)
    status = release_status(desk.lake, desk.home, spec)
    versions, _ = standings(desk.lake, desk.home, spec)
    return page(
        request,
        "release.html",
        http_status,
        spec=spec,
        status=status,
        versions=versions,
        meant=decides_now(status),
        picture=ladder_plot(desk.lake, desk.home, spec),
        has_identity=identity_of(desk.home, visitor.name).exists(),
        tone=tone,
        title="Nothing was recorded" if error else "",
        message=str(error) if error else "",
        mood="bad" if error else "",
        text=text,
    )


def _now(desk: Service, name: str) -> dict[str, Any]:
    """A use case by its record; one that cannot be read does not hide the others."""
    from assets.release.status import release_status

    try:
        status = release_status(desk.lake, desk.home, desk.specs[name])
    except NightshiftError as error:
        return {"name": name, "status": None, "problem": str(error)}
    return {"name": name, "status": status, "problem": ""}
