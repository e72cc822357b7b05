"""Who gets where at the desk: every route has its role, every form its token."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi.routing import APIRoute

from orchestration.desk.app import AREAS
from orchestration.desk.guard import Allowed, local
from orchestration.desk.visits import IDLE, LONGEST
from tests.ui.desk_client import OWN, Client, signed_in, words
from tests.ui.desk_home import NOW, PASSWORD, PEOPLE, Desk, make_desk

OPEN = {("GET", "/health"), ("GET", "/sign-in"), ("POST", "/sign-in")}
"""All that is open, beside what lies under /static."""

ID = "00000000-0000-5000-8000-000000000000"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_desk(tmp_path_factory.mktemp("access"))


@pytest.fixture(autouse=True)
def _on_time(desk: Desk) -> Iterator[None]:
    yield
    desk.clock.now = NOW


def routes() -> list[tuple[str, APIRoute]]:
    found = [route for area in AREAS for route in area.router.routes]
    assert all(isinstance(route, APIRoute) for route in found)
    return [(method, r) for r in found if isinstance(r, APIRoute) for method in r.methods]


def allowed(route: APIRoute) -> list[Allowed]:
    calls = [dependency.call for dependency in route.dependant.dependencies]
    return [call for call in calls if isinstance(call, Allowed)]


def address(path: str) -> str:
    given = {"use_case": "boats", "version": "2", "decision_id": ID}
    given |= {"incident_id": ID, "day": "2026-03-12"}
    return re.sub(r"{(\w+)}", lambda found: given[found[1]], path)


def test_every_route_declares_its_roles_but_the_open_ones() -> None:
    assert len(routes()) > 15
    without = {(method, route.path) for method, route in routes() if not allowed(route)}
    assert without == OPEN
    assert all(len(allowed(route)) == 1 for m, route in routes() if (m, route.path) not in OPEN)


def test_the_application_has_no_routes_beside_them(desk: Desk) -> None:
    described = {
        (method.upper(), path)
        for path, item in desk.app.openapi()["paths"].items()
        for method in item
    }
    assert described == {(method, route.path) for method, route in routes()}
    mounted = [r.path for r in desk.app.routes if getattr(r, "path", None)]
    assert mounted == ["/static"]


@pytest.mark.parametrize(
    ("method", "path"), sorted({(m, r.path) for m, r in routes()} - OPEN), ids=str
)
def test_nobody_gets_in_without_signing_in(desk: Desk, method: str, path: str) -> None:
    answer = Client(desk).request(method, address(path), headers=OWN)
    assert answer.status_code == 401
    assert "Please sign in" in words(answer)


@pytest.mark.parametrize(
    ("method", "path"), sorted({(m, r.path) for m, r in routes()} - OPEN), ids=str
)
def test_without_the_role_the_answer_is_no(desk: Desk, method: str, path: str) -> None:
    (rule,) = next(allowed(r) for m, r in routes() if (m, r.path) == (method, path))
    for name, roles in PEOPLE.items():
        if set(roles) & set(rule.roles):
            continue
        answer = signed_in(desk, name).request(method, address(path), headers=OWN)
        assert answer.status_code == 403, (name, path)
        assert "takes the role" in words(answer)


@pytest.mark.parametrize("path", sorted({r.path for m, r in routes() if m == "POST"}))
@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({"sec-fetch-site": "cross-site", "origin": "https://evil.test"}, "another place"),
        ({"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:3000"}, "another place"),
        ({"origin": "http://127.0.0.1:3000"}, "another site"),
        ({"origin": "null"}, "which page"),
        ({}, "which page"),
        (OWN, "token"),
        ({"origin": "http://127.0.0.1:3005"}, "token"),
    ],
)
def test_a_form_of_another_site_is_refused(
    desk: Desk, path: str, headers: dict[str, str], says: str
) -> None:
    client = signed_in(desk, "may.both")
    token = client.token("/look-up")
    # With the right token where the origin is wrong, and a wrong one where it is right.
    form = {"token": token if says != "token" else "0" * 64}
    answer = client.post(address(path), form, headers=headers)
    assert answer.status_code == 403
    assert says in words(answer)
    assert "Nothing was recorded" in words(answer)


def test_the_token_of_another_visit_does_not_fit(desk: Desk) -> None:
    one, other = signed_in(desk, "rae.reviewer"), signed_in(desk, "rae.reviewer")
    form = {"decision_id": ID, "token": other.token("/look-up")}
    assert one.post("/look-up", form).status_code == 403
    form["token"] = one.token("/look-up")
    assert one.post("/look-up", form).status_code == 303


def test_signing_in_takes_the_form_it_was_given(desk: Desk) -> None:
    client = Client(desk)
    form = {"name": "rae.reviewer", "password": PASSWORD}
    assert client.post("/sign-in", form | {"token": "0" * 64}).status_code == 403
    token = client.token("/sign-in")
    evil = {"sec-fetch-site": "cross-site", "origin": "https://evil.test"}
    assert client.post("/sign-in", form | {"token": token}, headers=evil).status_code == 403
    assert client.post("/sign-in", form | {"token": token}).status_code == 303


def test_a_wrong_password_and_a_wrong_name_look_the_same(desk: Desk) -> None:
    client = Client(desk)
    wrong, nobody = (
        client.sign_in("rae.reviewer", "not the password it is"),
        client.sign_in("no.such.person", "not the password it is"),
    )
    assert wrong.status_code == nobody.status_code == 401
    assert words(wrong) == words(nobody)


def test_attempts_run_out_and_come_back(tmp_path_factory: pytest.TempPathFactory) -> None:
    desk = make_desk(tmp_path_factory.mktemp("attempts"))
    client = Client(desk)
    statuses = [client.sign_in("rae.reviewer", f"guess number {n}").status_code for n in range(6)]
    assert statuses == [401] * 5 + [429]
    refused = client.sign_in("rae.reviewer")
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    desk.clock.go(minutes=16)
    assert client.sign_in("rae.reviewer").status_code == 303


def test_a_session_ends_and_leads_back(desk: Desk) -> None:
    client = signed_in(desk, "rae.reviewer")
    desk.clock.now += IDLE + timedelta(seconds=1)
    answer = client.get("/queues/widgets?state=all&order=due")
    assert answer.status_code == 401
    assert "30 minutes without a sign of you" in words(answer)
    assert 'name="back" value="/queues/widgets?state=all&amp;order=due"' in answer.text
    again = client.sign_in("rae.reviewer", back="/queues/widgets?state=all&order=due")
    assert again.headers["location"] == "/queues/widgets?state=all&order=due"


def test_a_session_that_is_used_goes_on_until_it_is_old(desk: Desk) -> None:
    client = signed_in(desk, "rae.reviewer")
    while desk.clock.now + IDLE < NOW + LONGEST:
        desk.clock.now += IDLE - timedelta(minutes=1)
        assert client.get("/session").status_code == 204
    desk.clock.now = NOW + LONGEST + timedelta(seconds=1)
    assert client.get("/session").status_code == 401


def test_an_expired_form_keeps_what_was_written(desk: Desk) -> None:
    client = signed_in(desk, "rae.reviewer")
    token = client.token("/look-up")
    desk.clock.now += IDLE + timedelta(minutes=1)
    form = {"rationale": "half an hour of thought <b>", "token": token, "outcome": "approve"}
    answer = client.post(f"/cases/{ID}/reviews", form)
    assert answer.status_code == 401
    assert "half an hour of thought &lt;b&gt;" in answer.text
    assert f'name="back" value="/cases/{ID}"' in answer.text
    evil = {"sec-fetch-site": "cross-site", "origin": "null"}
    assert "half an hour" not in client.post(f"/cases/{ID}/reviews", form, headers=evil).text


def test_a_clock_set_back_is_said(desk: Desk) -> None:
    client = signed_in(desk, "rae.reviewer")
    desk.clock.go(minutes=-5)
    answer = client.get("/queues")
    assert answer.status_code == 401
    assert "the clock was set back" in words(answer)


@pytest.mark.parametrize("change", ["removed", "password", "roles"])
def test_who_is_revoked_is_out_at_once(
    tmp_path_factory: pytest.TempPathFactory, change: str
) -> None:
    from assets.desk.users import Users

    desk = make_desk(tmp_path_factory.mktemp("revoked"))
    client, users = signed_in(desk, "rae.reviewer"), Users(desk.home)
    assert client.get("/queues").status_code == 200
    if change == "removed":
        users.remove("rae.reviewer", now=desk.clock(), by="user:admin", reason="left")
    elif change == "password":
        users.set_password("rae.reviewer", "another horse, another battery")
    else:
        users.set_roles("rae.reviewer", ["auditor"])
    answer = client.get("/queues")
    assert answer.status_code == 401
    assert "Your session has ended" in words(answer)


def test_signing_out_ends_every_visit(desk: Desk) -> None:
    client, elsewhere = signed_in(desk, "rae.reviewer"), signed_in(desk, "rae.reviewer")
    other = signed_in(desk, "aud.auditor")
    answer = client.post("/sign-out", {"token": client.token("/look-up")})
    assert answer.status_code == 303
    assert client.get("/queues").status_code == 401
    # A copy of the cookie is of no use either.
    assert elsewhere.get("/queues").status_code == 401
    assert other.get("/look-up").status_code == 200
    assert signed_in(desk, "rae.reviewer").get("/queues").status_code == 200


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/queues/widgets?state=all", True),
        ("//evil.test/x", False),
        ("/\\evil.test", False),
        ("https://evil.test", False),
        ("javascript:alert(1)", False),
        ("queues", False),
        ("/queues\r\nset-cookie: a=b", False),
        ("/queues\t//evil.test", False),
        ("", False),
        ("/ü", False),
    ],
)
def test_only_a_local_path_is_gone_back_to(path: str, kept: bool) -> None:
    assert local(path) == (path if kept else "/")


def test_a_cookie_of_a_form_signs_nobody_in(desk: Desk) -> None:
    client = Client(desk)
    client.get("/sign-in")
    form = client.cookies["nightshift_desk_form"]
    client.cookies.set("nightshift_desk", form, domain="127.0.0.1", path="/")
    assert client.get("/queues").status_code == 401


def test_the_description_is_for_who_is_signed_in(desk: Desk) -> None:
    assert Client(desk).get("/openapi.json").status_code == 401
    answer = signed_in(desk, "aud.auditor").get("/openapi.json")
    assert answer.json()["openapi"].startswith("3.")
    for path in ("/docs", "/redoc"):
        assert signed_in(desk, "aud.auditor").get(path).status_code == 404
