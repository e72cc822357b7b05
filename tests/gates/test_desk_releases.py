"""Approving, rejecting, rolling back at the desk: signed by the owner's own key or not at all."""

from pathlib import Path

import httpx
import pytest

from assets.release.events import read_events
from assets.release.standing import standings
from assets.release.status import release_status
from tests import released
from tests.ui.desk_client import Client, signed_in, words
from tests.ui.desk_home import PASSPHRASE, Desk, boats_spec, make_desk

USE_CASE = released.NAME


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = make_desk(tmp_path)
    # The first champion was approved later than the nights of the data; so is all that follows.
    made.clock.now = released.NOW
    return made


def digest(desk: Desk, version: int) -> str:
    found, _ = standings(desk.lake, desk.home, boats_spec())
    return next(one.digest for one in found if one.version == version)


def decide(
    desk: Desk, client: Client, decision: str = "approve", version: int = 2, **changes: str
) -> httpx.Response:
    form = {
        "token": client.token("/look-up"),
        "decision": decision,
        "reason": "card and gates read",
        "passphrase": PASSPHRASE,
        "digest": digest(desk, version),
    }
    return client.post(f"/approvals/{USE_CASE}/{version}/decision", form | changes)


def events(desk: Desk) -> list[tuple[int, str, str]]:
    return [
        (int(e["model_version"]), e["stage"], e["actor"]) for e in read_events(desk.lake, USE_CASE)
    ]


def test_an_owner_approves_with_their_own_key(desk: Desk) -> None:
    client = signed_in(desk, "ola.owner")
    assert "waits for you" in words(client.get("/approvals"))
    page = words(client.get(f"/approvals/{USE_CASE}/2"))
    for shown in ("the finding of leak", "roc auc", "Nobody yet.", "Model card"):
        assert shown in page
    assert decide(desk, client).status_code == 303
    assert events(desk)[-1] == (2, "approved", "person:ola.owner")
    assert "card and gates read" in words(client.get(f"/approvals/{USE_CASE}/2"))


def test_a_rejection_is_signed_too(desk: Desk) -> None:
    assert decide(desk, signed_in(desk, "may.both"), "reject").status_code == 303
    assert events(desk)[-1] == (2, "rejected", "person:may.both")


def test_a_wrong_passphrase_signs_nothing_and_tries_run_out(desk: Desk) -> None:
    client, before = signed_in(desk, "ola.owner"), events(desk)
    statuses = []
    for number in range(6):
        answer = decide(desk, client, passphrase=f"a guess, number {number}")
        statuses.append(answer.status_code)
        assert "a guess" not in answer.text
        assert "card and gates read" in answer.text
    assert statuses == [403] * 5 + [429]
    assert decide(desk, client).status_code == 429
    assert events(desk) == before


def test_another_model_than_was_looked_at(desk: Desk) -> None:
    before = events(desk)
    answer = decide(desk, signed_in(desk, "ola.owner"), digest="0" * 64)
    assert answer.status_code == 409
    assert "Nothing was recorded" in words(answer)
    assert events(desk) == before


def test_no_reason_no_approval(desk: Desk) -> None:
    before = events(desk)
    assert decide(desk, signed_in(desk, "ola.owner"), reason="  ").status_code == 409
    assert decide(desk, signed_in(desk, "ola.owner"), reason="").status_code in (409, 422)
    assert events(desk) == before


def test_an_owner_without_a_key_is_told_how_to_get_one(desk: Desk) -> None:
    from assets.desk.identity import identity_of

    identity_of(desk.home, "ola.owner").unlink()
    client, before = signed_in(desk, "ola.owner"), events(desk)
    assert "nightshift users identity ola.owner" in words(client.get(f"/approvals/{USE_CASE}/2"))
    assert decide(desk, client).status_code == 403
    assert events(desk) == before


def test_a_version_that_is_not_there(desk: Desk) -> None:
    client = signed_in(desk, "ola.owner")
    assert client.get(f"/approvals/{USE_CASE}/99").status_code == 404
    assert client.get(f"/approvals/{USE_CASE}/99/card").status_code == 404
    assert client.get(f"/approvals/{USE_CASE}/0").status_code == 422


def test_the_card_runs_nothing_and_is_framed_by_us_alone(desk: Desk) -> None:
    answer = signed_in(desk, "ola.owner").get(f"/approvals/{USE_CASE}/2/card")
    policy = answer.headers["content-security-policy"]
    assert "sandbox" in policy.split("; ")
    assert "frame-ancestors 'self'" in policy
    assert "script-src" not in policy


def test_a_rollback_is_signed_and_the_history_tells_it(desk: Desk) -> None:
    client = signed_in(desk, "ola.owner")
    form = {"token": client.token("/look-up"), "reason": "too many complaints", "version": "1"}
    path = f"/releases/{USE_CASE}/rollback"
    assert client.post(path, form | {"passphrase": "not it, I fear"}).status_code == 403
    other = client.post(path, form | {"passphrase": PASSPHRASE, "version": "2"})
    assert other.status_code == 409
    assert client.post(path, form | {"passphrase": PASSPHRASE}).status_code == 303
    assert events(desk)[-1] == (1, "rolled_back", "person:ola.owner")
    assert release_status(desk.lake, desk.home, boats_spec()).champion is None
    page = words(signed_in(desk, "aud.auditor").get(f"/releases/{USE_CASE}"))
    assert "too many complaints" in page
    assert "rolled back" in page
    assert "Roll back version" not in page
    assert "nothing to roll back" in words(client.get(f"/releases/{USE_CASE}"))


def test_an_auditor_reads_and_decides_nothing(desk: Desk) -> None:
    client, before = signed_in(desk, "aud.auditor"), events(desk)
    assert client.get("/releases").status_code == 200
    for path in (f"/approvals/{USE_CASE}/2/decision", f"/releases/{USE_CASE}/rollback"):
        assert client.post(path, {"token": client.token("/look-up")}).status_code == 403
    assert events(desk) == before
