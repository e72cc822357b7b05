"""Versions that wait for their owners: the evidence, the card, both buttons."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, Path, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from assets.desk.attempts import TooManyAttempts
from assets.desk.identity import IdentityRefused
from assets.errors import NightshiftError
from orchestration.desk.endings import pages
from orchestration.desk.guard import AUDITOR, OWNER, Allowed, Visitor
from orchestration.desk.headers import CARD_POLICY
from orchestration.desk.problems import Problem
from orchestration.desk.release_record import (
    can_be_approved,
    gates_found,
    last_found,
    tone,
    verdicts,
)
from orchestration.desk.render import page
from orchestration.desk.service import Service, service

if TYPE_CHECKING:
    from assets.release.standing import Standing

router = APIRouter()
Owner = Annotated[Visitor, Depends(Allowed(OWNER))]
Reader = Annotated[Visitor, Depends(Allowed(OWNER, AUDITOR))]
Version = Annotated[int, Path(ge=1, le=1_000_000_000)]


@router.get("/approvals", response_class=HTMLResponse, responses=pages(200, 409))
def approvals(request: Request, visitor: Owner) -> Response:
    """Every version of every use case, those that wait first."""
    desk = service(request)
    listed = [_listed(desk, name) for name in sorted(desk.specs)]
    return page(
        request, "approvals.html", cases=listed, tone=tone, verdicts=verdicts, waits=can_be_approved
    )


@router.get(
    "/approvals/{use_case}/{version}", response_class=HTMLResponse, responses=pages(200, 404, 409)
)
def version(request: Request, use_case: str, version: Version, visitor: Owner) -> Response:
    """One version: figures, gates, release checks, card, and who has approved it."""
    return _page(request, visitor, use_case, version)


@router.get(
    "/approvals/{use_case}/{version}/card",
    response_class=HTMLResponse,
    responses=pages(200, 404),
)
def card(request: Request, use_case: str, version: Version, visitor: Reader) -> Response:
    """The model card, a page of its own in which nothing runs."""
    desk = service(request)
    path = desk.home.model_card(desk.spec(use_case).name, version)
    if not path.is_file():
        raise Problem(404, "There is no such card", "This home has no card of this version.")
    return HTMLResponse(path.read_bytes(), headers={"content-security-policy": CARD_POLICY})


@router.post(
    "/approvals/{use_case}/{version}/decision",
    response_class=RedirectResponse,
    status_code=303,
    responses=pages(303, 404, 409, 429),
)
def decide_version(
    request: Request,
    use_case: str,
    version: Version,
    visitor: Owner,
    decision: Annotated[Literal["approve", "reject"], Form()],
    reason: Annotated[str, Form(max_length=20_000)],
    passphrase: Annotated[str, Form(max_length=1000)],
    digest: Annotated[str, Form(pattern=r"^[0-9a-f]{64}$", description="Of what was looked at.")],
    token: Annotated[str, Form(max_length=100)],
) -> Response:
    """Sign an approval or a rejection with the owner's own key. The passphrase goes nowhere."""
    from assets.release.approval import approve, reject
    from orchestration.approving import decide
    from orchestration.desk.signing import signer_at_desk

    desk = service(request)
    _standing(desk, use_case, version)
    said = reason.replace("\r\n", "\n")
    try:
        now = desk.clock()
        signer = signer_at_desk(desk.session, visitor.name, passphrase, now=now)
        decide(
            approve if decision == "approve" else reject,
            desk.session,
            use_case,
            version,
            signer,
            reason=said,
            now=now,
            expect=digest,
        )
    except TooManyAttempts as error:
        return _page(request, visitor, use_case, version, 429, _refused(error, said))
    except IdentityRefused as error:
        return _page(request, visitor, use_case, version, 403, _refused(error, said))
    except NightshiftError as error:
        return _page(request, visitor, use_case, version, 409, _refused(error, said))
    return RedirectResponse(f"/approvals/{use_case}/{version}", 303)


def _refused(error: NightshiftError, said: str) -> dict[str, Any]:
    return {"title": "Nothing was recorded", "message": str(error), "mood": "bad", "text": said}


def _page(
    request: Request,
    visitor: Visitor,
    use_case: str,
    version: int,
    status: int = 200,
    said: dict[str, Any] | None = None,
) -> Response:
    from assets.desk.identity import identity_of
    from assets.release.backing import requirement
    from assets.release.events import read_events
    from assets.release.standing import decisions

    desk = service(request)
    spec, one = desk.spec(use_case), _standing(desk, use_case, version)
    day, checks = last_found(desk.lake, spec, version)
    shown: dict[str, Any] = {"title": "", "message": "", "mood": "", "text": ""}
    return page(
        request,
        "version.html",
        status,
        spec=spec,
        one=one,
        requirement=requirement(spec),
        gates=gates_found(read_events(desk.lake, use_case), version),
        given=decisions(desk.lake, desk.home, spec, version),
        checks=checks,
        checks_day=day,
        has_card=desk.home.model_card(use_case, version).is_file(),
        has_identity=identity_of(desk.home, visitor.name).exists(),
        tone=tone,
        **(shown | (said or {})),
    )


def _standing(desk: Service, use_case: str, version: int) -> "Standing":
    from assets.release.standing import standings

    found, _ = standings(desk.lake, desk.home, desk.spec(use_case))
    for one in found:
        if one.version == version:
            return one
    raise Problem(
        404,
        "There is no such version",
        f"{use_case} has no version {version} on its release record.",
        "The list of versions is under “Approvals”.",
    )


def _listed(desk: Service, name: str) -> dict[str, Any]:
    from assets.release.backing import requirement
    from assets.release.standing import standings

    spec = desk.specs[name]
    said: dict[str, Any] = {
        "name": name,
        "requirement": requirement(spec),
        "metric": spec.model.metric_name,
        "versions": [],
    }
    try:
        found, problems = standings(desk.lake, desk.home, spec)
    except NightshiftError as error:
        return said | {"problems": [str(error)]}
    ordered = sorted(found, key=lambda one: (not can_be_approved(one), -one.version))
    return said | {"versions": ordered, "problems": problems}
