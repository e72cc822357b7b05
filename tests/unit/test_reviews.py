"""Recording a review: what is refused, and that a refusal leaves nothing behind."""

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from assets.desk.users import Users
from assets.errors import NightshiftError
from assets.home import Home
from assets.lake import PARTITION, Lake
from assets.reviews.blind import blind_sample, is_blind
from assets.reviews.decided import live_decision
from assets.reviews.refusals import (
    BadRationale,
    ClockBehind,
    NotAReviewer,
    NotOpen,
    ReviewConflict,
    ReviewRefused,
    SameReviewer,
    UnknownDecision,
)
from assets.spec import UseCaseSpec
from assets.tables import DECISIONS, REVIEWS
from tests.reviewed import (
    NIGHT,
    NOW,
    WHY,
    automatic,
    decided,
    people,
    put,
    review_spec,
    say,
    waiting,
)


def on_record(lake: Lake, spec: UseCaseSpec) -> list[dict[str, Any]]:
    if not lake.exists(spec.name, REVIEWS):
        return []
    rows: list[dict[str, Any]] = lake.read(spec.name, REVIEWS).to_pylist()
    return sorted(rows, key=lambda row: (row["decision_id"], row["sequence"]))


def refused(kind: type[NightshiftError], match: str, lake: Lake, *given: Any, **more: Any) -> None:
    """The review is refused in these words, and the table is as it was."""
    spec = given[1]
    before = on_record(lake, spec)
    with pytest.raises(kind, match=match) as told:
        say(lake, *given, **more)
    assert (
        "Nothing was recorded" in str(told.value)
        or "was not recorded" in str(told.value)
        or (kind is UnknownDecision)
    )
    assert on_record(lake, spec) == before


def test_a_review_is_on_record_as_it_was_given(home: Home, lake: Lake) -> None:
    spec = review_spec()
    people(home)
    one, other = waiting(lake, spec, 2)
    why = '<script>alert("x")</script>\r\n\tBœuf & "quotes" 🙂 {{ 7*7 }} ; DROP TABLE'
    found = say(lake, home, spec, one, "ann", "decline", rationale=why)
    (row,) = on_record(lake, spec)
    assert row["rationale"] == why
    assert (row["reviewer"], row["outcome"], row["machine"]) == ("ann", "decline", "decline")
    assert (row["kind"], row["sequence"], row["revision"]) == ("review", 1, 1)
    assert row["at"] == NOW
    assert row[PARTITION] == NIGHT
    assert row["review_id"] == found.review_id
    assert (found.standing.outcome, found.standing.by) == ("decline", ("ann",))
    assert found.unsealed == ""
    assert say(lake, home, spec, other).review_id != found.review_id


@pytest.mark.parametrize(
    ("rationale", "match"),
    [
        ("", "has 0"),
        ("  too few      ", "has 7"),
        ("x" * 4001, "4,001 characters long"),
        ("x" * 10_000_000, "10,000,000 characters long"),
        ("a bell \x07 rings here", "U\\+0007"),
        ("ended by \x00 early", "U\\+0000"),
        ("a half \ud83d of a sign", "U\\+D83D"),
        ("reads \u202e otherwise", "U\\+202E"),
        ("colour \x1b[31m of a terminal", "U\\+001B"),
    ],
)
def test_what_is_no_rationale_is_refused(
    home: Home, lake: Lake, rationale: str, match: str
) -> None:
    spec = review_spec()
    people(home)
    (one,) = waiting(lake, spec)
    refused(BadRationale, match, lake, home, spec, one, rationale=rationale)


def test_a_refusal_does_not_quote_what_was_written(home: Home, lake: Lake) -> None:
    spec = review_spec()
    people(home)
    (one,) = waiting(lake, spec)
    with pytest.raises(BadRationale) as told:
        say(lake, home, spec, one, rationale="secret " * 1000)
    assert "secret" not in str(told.value)


def test_only_approve_and_decline_are_outcomes(home: Home, lake: Lake) -> None:
    spec = review_spec()
    people(home)
    (one,) = waiting(lake, spec)
    refused(ReviewRefused, "approve or decline", lake, home, spec, one, outcome="refer")


@pytest.mark.parametrize(
    "wanted", ["", "nothing", "' OR 1=1 --", "00000000-0000-5000-8000-000000000000", "x" * 10_000]
)
def test_an_unknown_id_is_refused(home: Home, lake: Lake, wanted: str) -> None:
    spec = review_spec()
    people(home)
    waiting(lake, spec)
    refused(UnknownDecision, "id", lake, home, spec, wanted)


def test_without_any_decision_every_id_is_unknown(home: Home, lake: Lake) -> None:
    with pytest.raises(UnknownDecision):
        live_decision(lake, home, review_spec(), "00000000-0000-5000-8000-000000000000")


def test_who_comes_second_is_told_who_was_first(home: Home, lake: Lake) -> None:
    spec = review_spec()
    people(home)
    (one,) = waiting(lake, spec)
    say(lake, home, spec, one, "ann", "decline")
    refused(
        ReviewConflict,
        "ann was quicker: they said decline, on 2026-03-13 at 09:00:00 UTC",
        *(lake, home, spec, one, "bob"),
    )
    refused(ReviewConflict, "you reviewed this case already", lake, home, spec, one, "ann")
    refused(ReviewConflict, "has 1 reviews on record, not 5", lake, home, spec, one, seen=5)


def test_a_decided_case_waits_for_nobody(home: Home, lake: Lake) -> None:
    spec = review_spec()
    people(home)
    (one,) = waiting(lake, spec)
    say(lake, home, spec, one, "ann", "decline")
    refused(NotOpen, "decline by ann on 2026-03-13", lake, home, spec, one, "bob", seen=1)


def test_what_a_machine_decided_is_not_reviewed(home: Home, lake: Lake) -> None:
    spec = review_spec()
    people(home)
    one, *_ = automatic(lake, spec, 2)
    refused(NotOpen, "waits for no review", lake, home, spec, one)


def test_a_night_decided_anew_is_another_question(home: Home, lake: Lake) -> None:
    spec = review_spec()
    people(home)
    (one,) = waiting(lake, spec)
    say(lake, home, spec, one, "ann", "decline")
    put(lake, spec, decided(spec, NIGHT, [{"revision": 2, "score": 0.3, "advice": "refer"}]))
    refused(ReviewConflict, "decided anew .*revision 2, you saw 1", lake, home, spec, one, seen=1)
    found = say(lake, home, spec, one, "ann", "approve", seen=1, revision=2)
    assert (found.kind, found.sequence, found.revision) == ("review", 2, 2)
    assert found.standing.outcome == "approve"
    assert [row["machine"] for row in on_record(lake, spec)] == ["decline", "refer"]


def test_a_second_pair_of_eyes_is_another_persons(home: Home, lake: Lake) -> None:
    spec = review_spec(second_review="declines")
    people(home)
    (one,) = waiting(lake, spec)
    first = say(lake, home, spec, one, "ann", "decline")
    assert (first.kind, first.standing.state) == ("review", "second awaited")
    refused(SameReviewer, "waits for somebody else", lake, home, spec, one, "ann", seen=1)
    second = say(lake, home, spec, one, "bob", "approve", seen=1)
    assert (second.kind, second.standing.state) == ("second", "second awaited")
    third = say(lake, home, spec, one, "cy", "decline", seen=2)
    assert (third.kind, third.standing.outcome) == ("second", "decline")
    assert third.standing.by == ("ann", "cy")
    refused(NotOpen, "decline by ann and cy", lake, home, spec, one, "bob", seen=3)


def test_only_a_reviewer_who_still_is_one_decides(home: Home, lake: Lake) -> None:
    spec = review_spec()
    people(home)
    (one,) = waiting(lake, spec)
    refused(NotAReviewer, "role reviewer", lake, home, spec, one, "nobody")
    Users(home).set_roles("bob", ["auditor"])
    refused(NotAReviewer, "role reviewer", lake, home, spec, one, "bob")
    Users(home).remove("ann", now=NOW, by="user:admin", reason="left")
    refused(NotAReviewer, "role reviewer", lake, home, spec, one, "ann")
    say(lake, home, spec, one, "cy")


def test_a_clock_that_went_back_is_refused(home: Home, lake: Lake) -> None:
    spec = review_spec(second_review="always")
    people(home)
    (one,) = waiting(lake, spec)
    say(lake, home, spec, one, "ann")
    early = NOW - timedelta(seconds=1)
    refused(
        ClockBehind, "have the clock put right", lake, home, spec, one, "bob", seen=1, now=early
    )
    say(lake, home, spec, one, "bob", seen=1, now=NOW)


def sample(home: Home, spec: UseCaseSpec, ids: list[str]) -> list[str]:
    found = blind_sample(home, spec, pa.chunked_array([pa.array(ids)])).to_pylist()
    return [one for one, blind in zip(ids, found, strict=True) if blind]


def test_a_blind_review_is_measured_and_changes_nothing(home: Home, lake: Lake) -> None:
    spec = review_spec(blind_sample=0.5, second_review="always")
    people(home)
    ids = automatic(lake, spec, 20)
    chosen = sample(home, spec, ids)
    assert 0 < len(chosen) < 20
    before = lake.read(spec.name, DECISIONS)
    found = say(lake, home, spec, chosen[0], "ann", "decline")
    assert (found.kind, found.standing.outcome, found.standing.by) == ("blind", "approve", ())
    assert on_record(lake, spec)[0]["machine"] == "approve"
    assert lake.read(spec.name, DECISIONS).equals(before)
    refused(NotOpen, "waits for no review", lake, home, spec, chosen[0], "bob", seen=1)
    (other, *_) = [one for one in ids if one not in chosen]
    refused(NotOpen, "waits for no review", lake, home, spec, other, "bob")


def test_the_blind_sample_is_stable_and_grows_with_its_share(home: Home, lake: Lake) -> None:
    ids = automatic(lake, review_spec(), 2000)
    small, large = (review_spec(blind_sample=share) for share in (0.05, 0.2))
    assert set(sample(home, small, ids)) < set(sample(home, large, ids))
    assert sample(home, small, ids[::-1]) == sample(home, small, ids)[::-1]
    # 5 standard deviations of a binomial share of 2,000.
    assert abs(len(sample(home, large, ids)) / 2000 - 0.2) < 5 * (0.2 * 0.8 / 2000) ** 0.5
    row = live_decision(lake, home, large, ids[0]).row
    assert is_blind(home, large, row) == (ids[0] in sample(home, large, ids))
    assert not is_blind(home, large, {**row, "decision": "refer"})
    assert sample(home, review_spec(), ids) == []


def test_a_table_somebody_wrote_into_is_reported_and_the_review_kept(
    home: Home, lake: Lake
) -> None:
    spec = review_spec()
    people(home)
    one, other = waiting(lake, spec, 2)
    say(lake, home, spec, one)
    files = [path for path in home.ledger_copy.rglob("*") if path.is_file()]
    for path in files:
        path.write_text("not a ledger\n")
    found = say(lake, home, spec, other, "bob")
    assert found.unsealed != ""
    assert len(on_record(lake, spec)) == 2
    assert "reviews not on the ledger" in home.alert_log.read_text()


def test_a_reason_given_twice_over_is_still_one_word(home: Home, lake: Lake) -> None:
    spec = review_spec()
    people(home)
    (one,) = waiting(lake, spec)
    say(lake, home, spec, one, rationale=WHY)
    version = lake.version(spec.name, REVIEWS)
    refused(ReviewConflict, "already", lake, home, spec, one, rationale=WHY)
    assert lake.version(spec.name, REVIEWS) == version
