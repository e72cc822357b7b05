"""What stands for a case, whatever reviews there are: one outcome, for good."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from assets.reviews.standing import DECIDED, OPEN, SECOND_AWAITED, standing, voices_of
from tests.reviewed import review_spec

AT = datetime(2026, 3, 13, tzinfo=UTC)
RULES = ("never", "declines", "always")
SPECS = {rule: review_spec(second_review=rule) for rule in RULES}
STEPS = {OPEN: 0, SECOND_AWAITED: 1, DECIDED: 2}

said = st.tuples(
    st.sampled_from(["ann", "bob", "cy", "dee"]),
    st.sampled_from(["approve", "decline"]),
    st.sampled_from(["review", "blind"]),
    st.integers(1, 2),
)


def rows(given_: list[tuple[str, str, str, int]]) -> list[dict[str, Any]]:
    return [
        {
            "sequence": n,
            "reviewer": reviewer,
            "outcome": outcome,
            "kind": kind,
            "revision": revision,
            "at": AT + timedelta(minutes=n),
        }
        for n, (reviewer, outcome, kind, revision) in enumerate(given_, 1)
    ]


def referred(revision: int = 1) -> dict[str, Any]:
    return {"decision": "refer", "revision": revision}


@given(st.sampled_from(RULES), st.lists(said, max_size=8), st.randoms())
def test_the_order_rows_are_read_in_says_nothing(rule: str, told: Any, random: Any) -> None:
    reviews = rows(told)
    mixed = random.sample(reviews, len(reviews))
    assert standing(SPECS[rule], referred(), reviews) == standing(SPECS[rule], referred(), mixed)


@given(st.sampled_from(RULES), st.lists(said, max_size=8))
def test_what_is_decided_stays_and_nobody_counts_twice(rule: str, told: Any) -> None:
    reviews = rows(told)
    stood = [standing(SPECS[rule], referred(), reviews[:n]) for n in range(len(reviews) + 1)]
    for before, after in pairwise(stood):
        assert STEPS[after.state] >= STEPS[before.state]
        if before.state == DECIDED:
            assert after == before
    last = stood[-1]
    assert len(set(last.by)) == len(last.by)
    assert (last.state == DECIDED) == (last.outcome is not None) == (last.at is not None)
    own = [r for r in reviews if r["kind"] != "blind" and r["revision"] == 1]
    first = {r["reviewer"]: r["outcome"] for r in reversed(own)}
    assert all(first[name] == last.outcome for name in last.by)


@given(st.sampled_from(RULES), st.lists(st.sampled_from(["approve", "decline"]), min_size=3))
def test_three_people_always_decide(rule: str, outcomes: list[str]) -> None:
    names = [f"p{n}" for n in range(len(outcomes))]
    told = [(who, what, "review", 1) for who, what in zip(names, outcomes, strict=True)]
    found = standing(SPECS[rule], referred(), rows(told))
    assert found.state == DECIDED
    assert len(found.by) <= 2
    assert set(found.by) <= set(names[:3])


@given(st.sampled_from(RULES), st.lists(said, max_size=6))
def test_another_revision_and_blind_reviews_change_nothing(rule: str, told: Any) -> None:
    reviews = rows(told)
    assert standing(SPECS[rule], referred(3), reviews).state == OPEN
    assert voices_of(referred(3), reviews) == []
    blind = [{**r, "kind": "blind"} for r in reviews]
    assert standing(SPECS[rule], referred(), blind).state == OPEN


@given(st.sampled_from(RULES), st.sampled_from(["approve", "decline"]), st.lists(said, max_size=4))
def test_no_review_touches_what_a_machine_decided(rule: str, decision: str, told: Any) -> None:
    found = standing(SPECS[rule], {"decision": decision, "revision": 1}, rows(told))
    assert (found.state, found.outcome, found.by, found.at) == (DECIDED, decision, (), None)


def test_when_another_pair_of_eyes_is_awaited() -> None:
    def stands(rule: str, *outcomes: str) -> Any:
        told = [(f"p{n}", what, "review", 1) for n, what in enumerate(outcomes)]
        found = standing(SPECS[rule], referred(), rows(told))
        return found.outcome or found.state

    assert stands("never", "decline") == "decline"
    assert stands("declines", "approve") == "approve"
    assert stands("declines", "decline") == SECOND_AWAITED
    assert stands("declines", "decline", "decline") == "decline"
    assert stands("declines", "decline", "approve") == SECOND_AWAITED
    assert stands("declines", "decline", "approve", "approve") == "approve"
    assert stands("always", "approve") == SECOND_AWAITED
    assert stands("always", "approve", "approve") == "approve"
    assert stands("always", "approve", "decline", "decline") == "decline"
