"""What surrounds every page of the desk: headers, cookies, limits, a log that says little."""

import asyncio
import logging
import re
from typing import Any

import httpx
import pytest

from orchestration.desk.limits import MOST_BYTES, host_name
from tests.ui.desk_client import OWN, Client, signed_in, words
from tests.ui.desk_home import PASSWORD, Desk, make_desk


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_desk(tmp_path_factory.mktemp("hard"))


def test_every_answer_says_what_a_browser_may_do_with_it(desk: Desk) -> None:
    client = signed_in(desk, "may.both")
    paths = ("/queues", "/nothing", "/approvals/boats/99", "/health", "/sign-in", "/look-up")
    answers = [client.get(path) for path in paths]
    answers += [client.post("/look-up", {}), Client(desk).get("/queues")]
    answers.append(client.get("/queues", headers={"host": "evil.test"}))
    assert {answer.status_code for answer in answers} >= {200, 401, 403, 404, 421}
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers


def test_pages_hold_no_script_and_no_style_of_their_own(desk: Desk) -> None:
    client = signed_in(desk, "may.both")
    paths = ["/queues", "/queues/widgets", "/approvals", "/approvals/boats/2", "/releases/boats"]
    for path in (*paths, f"/cases/{desk.decisions[0]}", f"/cases/{desk.blind[0]}"):
        text = client.get(path).text
        assert re.findall(r"<script(?![^>]* src=\"/static/)", text) == []
        assert "<style" not in text
        assert re.findall(r"\s(style|on\w+)=", text) == []
        assert re.findall(r"(?:src|href|action)=\"(?!/|#)", text) == []


def test_cookies_are_kept_from_scripts_and_other_sites(desk: Desk) -> None:
    plain = Client(desk).sign_in("rae.reviewer").headers.get_list("set-cookie")[0]
    assert plain.startswith("nightshift_desk=")
    assert plain.endswith("; Path=/; HttpOnly; SameSite=Strict")
    over_tls = Client(desk, "https://127.0.0.1").sign_in("rae.reviewer")
    safe = over_tls.headers.get_list("set-cookie")[0]
    assert safe.startswith("__Host-nightshift_desk=")
    assert safe.endswith("; Path=/; HttpOnly; SameSite=Strict; Secure")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:3005", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("evil.test", 421),
        ("127.0.0.1.evil.test", 421),
        ("localhost:3005:80", 421),
        ("", 421),
    ],
)
def test_the_desk_answers_to_its_own_names_only(desk: Desk, host: str, status: int) -> None:
    assert Client(desk).get("/health", headers={"host": host}).status_code == status


def test_two_host_headers_are_none() -> None:
    from starlette.datastructures import Headers

    assert host_name(Headers(raw=[(b"host", b"localhost"), (b"host", b"evil.test")])) == ""
    assert host_name(Headers(raw=[(b"host", b"[::1]:3005")])) == "[::1]"


def test_ten_megabytes_are_refused_before_they_are_read(desk: Desk) -> None:
    """Announced, and not: no more than the limit is taken either way."""
    for announced in (True, False):
        taken, status, text = asyncio.run(_send(desk, 10_000_000, announced))
        assert status == 413
        assert "too much text" in text
        assert taken == 0 if announced else taken <= MOST_BYTES + 65_536


def test_what_fits_is_read(desk: Desk) -> None:
    taken, status, _ = asyncio.run(_send(desk, MOST_BYTES, True))
    assert (taken, status) == (MOST_BYTES, 403)


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("multipart/form-data", b"--x\r\nnonsense", 400),
        ("application/json", b'{"decision_id": 1}', 403),
        ("application/x-www-form-urlencoded", b"\xff\xfe=%ZZ&&&===", 403),
        ("", b"decision_id=1", 403),
    ],
)
def test_a_malformed_post_is_refused(desk: Desk, kind: str, body: bytes, status: int) -> None:
    client = signed_in(desk, "rae.reviewer")
    headers = OWN | {"content-type": kind}
    answer = client.request("POST", "/look-up", content=body, headers=headers)
    assert answer.status_code == status
    assert "Nothing was recorded" in words(answer)


def test_missing_fields_are_named_and_values_are_not(desk: Desk) -> None:
    client = signed_in(desk, "rae.reviewer")
    form = {"token": client.token("/look-up"), "outcome": "burn the secret", "seen": "0"}
    answer = client.post(f"/cases/{desk.decisions[0]}/reviews", form)
    assert answer.status_code == 422
    assert "outcome, rationale, revision" in words(answer)
    assert "burn" not in answer.text


def test_the_log_has_no_names_no_queries_no_texts(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client = signed_in(desk, "rae.reviewer")
    client.get("/queues/widgets?state=all&order=due")
    client.get("/no%0Asuch")
    form = {"token": client.token("/look-up"), "decision_id": "jane doe, main street 5"}
    assert client.post("/look-up", form).status_code == 422
    said = "\n".join(r.getMessage() for r in caplog.records if r.name == "nightshift.desk")
    assert "GET /queues/widgets 200" in said
    assert "GET /no\\nsuch 404" in said
    for secret in ("rae", "state=all", "jane", PASSWORD, client.cookies["nightshift_desk"]):
        assert secret not in said


def test_a_mistake_of_ours_is_a_page_and_a_place_in_the_log(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from assets.reviews.queue import Queue

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the value of a case")

    client = signed_in(desk, "rae.reviewer")
    monkeypatch.setattr(Queue, "page", broken)
    answer = client.get("/queues/widgets")
    assert answer.status_code == 500
    assert "no fault of yours" in words(answer)
    assert "RuntimeError in broken" in caplog.text
    assert "the value of a case" not in caplog.text + answer.text


def test_a_use_case_that_is_not_there(desk: Desk) -> None:
    client = signed_in(desk, "may.both")
    for path in ("/queues/ships", "/approvals/ships/1", "/releases/ships"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "boats, widgets" in words(answer)


async def _send(desk: Desk, size: int, announced: bool) -> tuple[int, int, str]:
    """Post a body of zeroes in pieces; how much of it was taken, the status and the page."""
    taken = 0

    async def pieces() -> Any:
        nonlocal taken
        left = size
        while left:
            piece = min(left, 65_536)
            left -= piece
            taken += piece
            yield b"a" * piece

    headers = {"content-type": "application/x-www-form-urlencoded"}
    if announced:
        headers["content-length"] = str(size)
    transport = httpx.ASGITransport(app=desk.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.post("/sign-in", content=pieces(), headers=headers)
    return taken, answer.status_code, answer.text
