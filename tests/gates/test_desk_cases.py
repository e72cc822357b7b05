"""Deciding cases at the desk: what is recorded, what is refused, and what nobody is told."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from assets.tables import DECISIONS, REVIEWS
from tests.ui.desk_client import Client, signed_in, words
from tests.ui.desk_home import Desk, make_desk

WHY = "The weight was checked by hand and is right."


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return make_desk(tmp_path)


def reviews(desk: Desk) -> list[dict[str, object]]:
    if not desk.lake.exists("widgets", REVIEWS):
        return []
    rows: list[dict[str, object]] = desk.lake.read("widgets", REVIEWS).to_pylist()
    return rows


def decide(
    client: Client, decision_id: str, outcome: str = "approve", why: str = WHY, seen: int = 0
) -> httpx.Response:
    form = {"token": client.token("/look-up"), "rationale": why, "outcome": outcome}
    form |= {"seen": str(seen), "revision": "1"}
    return client.post(f"/cases/{decision_id}/reviews", form)


def test_a_review_is_recorded_once_with_name_and_words(desk: Desk) -> None:
    client, case = signed_in(desk, "rae.reviewer"), desk.decisions[0]
    before = desk.lake.read("widgets", DECISIONS)
    answer = decide(client, case, "decline")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/queues/widgets?done={case}"
    (row,) = reviews(desk)
    assert (row["decision_id"], row["reviewer"], row["outcome"]) == (
        case,
        "rae.reviewer",
        "decline",
    )
    assert (row["rationale"], row["at"]) == (WHY, desk.clock())
    assert desk.lake.read("widgets", DECISIONS) == before
    assert "decline" in words(client.get(answer.headers["location"]))
    # The queue no longer has it among the open ones, and shows it among the decided.
    assert case not in client.get("/queues/widgets").text
    assert case in client.get("/queues/widgets?state=decided").text


def test_of_two_reviewers_one_wins_and_the_other_keeps_the_text(desk: Desk) -> None:
    first, second = signed_in(desk, "rae.reviewer"), signed_in(desk, "ben.reviewer")
    case = desk.decisions[0]
    assert decide(first, case).status_code == 303
    answer = decide(second, case, "decline", "I thought about this for a long time.")
    assert answer.status_code == 409
    told = words(answer)
    assert "rae.reviewer" in told
    assert "approve" in told
    assert "13 Mar 2026, 09:30 UTC" in told
    assert "I thought about this for a long time." in answer.text
    assert len(reviews(desk)) == 1


@pytest.mark.parametrize(
    ("why", "says"),
    [
        ("short", "10"),
        ("x" * 4001, "4"),
        ("invisible \u202e characters are no reason", "character"),
        ("          \n\n      ", "10"),
    ],
)
def test_a_rationale_that_cannot_be_kept_is_given_back(desk: Desk, why: str, says: str) -> None:
    client = signed_in(desk, "rae.reviewer")
    answer = decide(client, desk.decisions[0], why=why)
    assert answer.status_code == 422
    assert "cannot be kept" in words(answer)
    assert says in words(answer)
    assert reviews(desk) == []


def test_a_script_in_a_rationale_is_text(desk: Desk) -> None:
    client, case = signed_in(desk, "rae.reviewer"), desk.decisions[0]
    script = "<script>alert('here')</script> & \"quoted\" </textarea>"
    assert decide(client, case, why=script).status_code == 303
    (row,) = reviews(desk)
    assert row["rationale"] == script
    for path in (f"/cases/{case}", f"/records/{case}"):
        text = client.get(path).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(" in text


@pytest.mark.parametrize("kind", ["unknown", "automatic", "decided"])
def test_a_case_that_waits_for_nobody(desk: Desk, kind: str) -> None:
    client = signed_in(desk, "rae.reviewer")
    case = {"unknown": str(uuid4()), "automatic": desk.automatic[0]}.get(kind, desk.decisions[0])
    if kind == "decided":
        assert decide(signed_in(desk, "ben.reviewer"), case).status_code == 303
    answer = decide(client, case, seen=1 if kind == "decided" else 0)
    assert answer.status_code == (409 if kind == "decided" else 404)
    assert len(reviews(desk)) == (kind == "decided")


def test_an_id_that_is_none(desk: Desk) -> None:
    client = signed_in(desk, "rae.reviewer")
    assert client.get("/cases/not-an-id").status_code == 422
    assert client.get(f"/cases/{uuid4()}").status_code == 404


def test_a_case_is_shown_with_reasons_before_the_score(desk: Desk) -> None:
    answer = signed_in(desk, "rae.reviewer").get(f"/cases/{desk.decisions[0]}")
    told = words(answer)
    assert told.index("It is heavier than most") < told.index("What the machine says")
    assert "kg" in told
    assert "of training cases" in told
    assert answer.text.count('role="img"') >= 4


def test_a_blind_case_says_nothing_of_the_machine(desk: Desk) -> None:
    client, case = signed_in(desk, "rae.reviewer"), desk.blind[0]
    told = words(client.get(f"/cases/{case}"))
    assert "A blind case" in told
    for hidden in ("What the machine says", "What counts against it", "Advice", "version 3"):
        assert hidden not in told
    # Nor can it be looked up, by somebody who may have to review it.
    for path in (f"/records/{case}", f"/records/{case}/json"):
        assert client.get(path).status_code == 409
        assert signed_in(desk, "may.both").get(path).status_code == 409
        assert signed_in(desk, "aud.auditor").get(path).status_code == 200
    assert decide(client, case).status_code == 303
    assert client.get(f"/records/{case}").status_code == 200


def test_a_second_pair_of_eyes(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, second_review="always")
    first, second = signed_in(desk, "rae.reviewer"), signed_in(desk, "ben.reviewer")
    case = desk.decisions[0]
    done = decide(first, case)
    assert "waits for another reviewer" in words(first.get(done.headers["location"]))
    again = decide(first, case, seen=1)
    assert again.status_code == 409
    assert "another pair of eyes" in words(again)
    assert decide(second, case, seen=1).status_code == 303
    assert {row["sequence"]: row["kind"] for row in reviews(desk)} == {1: "review", 2: "second"}


def test_a_clock_that_went_back_records_nothing(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, second_review="always")
    assert decide(signed_in(desk, "rae.reviewer"), desk.decisions[0]).status_code == 303
    desk.clock.now -= timedelta(hours=1)
    answer = decide(signed_in(desk, "ben.reviewer"), desk.decisions[0], seen=1)
    assert answer.status_code == 409
    assert len(reviews(desk)) == 1


def test_a_queue_goes_on_where_a_page_ends(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, cases=160)
    client = signed_in(desk, "rae.reviewer")
    seen: list[str] = []
    path: str | None = "/queues/widgets"
    while path:
        answer = client.get(path, headers={"hx-request": "true"} if seen else None)
        parts = answer.text.split('href="/cases/')[1:]
        seen += [part[:36] for part in parts]
        more = answer.text.partition('hx-get="/queues/widgets?state=open&amp;')[2].split('"')[0]
        path = "/queues/widgets?state=open&" + more.replace("&amp;", "&") if more else None
        assert len(parts) <= 50
    assert len(seen) == len(set(seen)) > 100
    assert set(seen) == {*desk.decisions, *desk.blind}


def test_orders_and_states_that_there_are_not(desk: Desk) -> None:
    client = signed_in(desk, "rae.reviewer")
    assert client.get("/queues/widgets?order=prettiest").status_code == 422
    assert client.get("/queues/widgets?after=1%27%20OR%201=1").status_code == 422


def test_the_same_record_as_explain(desk: Desk) -> None:
    from html import unescape

    from assets.ledger.explain import explain

    client, case = signed_in(desk, "aud.auditor"), desk.automatic[0]
    found = explain(desk.lake, desk.home, desk.spec, case)
    page = unescape(client.get(f"/records/{case}").text)
    assert found.as_text().strip() in page
    assert client.get(f"/records/{case}/json").json() == found.as_json()
    form = {"token": client.token("/look-up"), "decision_id": f"  {case.upper()} "}
    assert client.post("/look-up", form).headers["location"] == f"/records/{case}"
    assert client.get(f"/records/{uuid4()}").status_code == 404


def test_what_people_decide_otherwise_is_measured(desk: Desk) -> None:
    auditor = signed_in(desk, "aud.auditor")
    assert "Nobody has reviewed a case yet." in words(auditor.get("/oversight"))
    client = signed_in(desk, "rae.reviewer")
    # The machine's advice on what is most at risk is to decline it.
    assert decide(client, desk.decisions[0], "approve").status_code == 303
    assert decide(client, desk.decisions[1], "decline").status_code == 303
    told = words(auditor.get("/oversight"))
    assert "rae.reviewer 2 50 % of 2" in told
