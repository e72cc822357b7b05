"""Whatever nights bring: one open incident per kind and subject, and each is counted right."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from assets.incidents.request import asked, latest_request
from assets.incidents.signs import Finding, Signs
from assets.incidents.state import CLOSED, OPEN, Incident, next_state, rows_of, states_of
from assets.monitoring_spec import RetrainSpec

FIRST = date(2026, 3, 2)
THINGS = (
    ("drift", "overall"),
    ("performance", "roc_auc"),
    ("fairness", "age"),
    ("fairness", "region"),
)

NIGHTS = st.lists(
    st.dictionaries(
        st.sampled_from(THINGS), st.sampled_from(["seen", "quiet", "unsure"]), max_size=4
    ),
    max_size=25,
)
"""What each night found of some of the things; of the others it knows nothing."""

Found = Mapping[tuple[str, str], str]


def signs(number: int, found: Found) -> Signs:
    day = FIRST + timedelta(days=number)
    return Signs(
        day,
        tuple(
            Finding(*thing, verdict, f"{thing[0]} on {day}" if verdict == "seen" else "")
            for thing, verdict in sorted(found.items())
        ),
    )


def fold(nights: Sequence[Found], closes_after: int) -> list[list[Incident]]:
    """The state after every night."""
    states: list[list[Incident]] = []
    for number, found in enumerate(nights):
        before = states[-1] if states else []
        states.append(next_state("boats", before, signs(number, found), closes_after))
    return states


def expected(nights: Sequence[Found], thing: tuple[str, str], closes_after: int) -> list[object]:
    """The same said plainly: (nights, quiet, opened, open) after every night, None without one."""
    told: list[object] = []
    now: tuple[int, int, int, bool] | None = None
    for number, found in enumerate(nights):
        verdict = found.get(thing, "unsure")
        if now is not None and not now[3]:
            now = None
        if now is None:
            now = (1, 0, number, True) if verdict == "seen" else None
        elif verdict == "seen":
            now = (now[0] + 1, 0, now[2], True)
        elif verdict == "quiet":
            now = (now[0], now[1] + 1, now[2], now[1] + 1 < closes_after)
        told.append(now)
    return told


@settings(deadline=None, max_examples=60)
@given(NIGHTS, st.integers(1, 4))
def test_every_count_is_right_whatever_the_nights_find(
    nights: list[Found], closes_after: int
) -> None:
    states = fold(nights, closes_after)
    for thing in THINGS:
        wanted = expected(nights, thing, closes_after)
        for state, told in zip(states, wanted, strict=True):
            mine = [one for one in state if (one.kind, one.subject) == thing]
            assert len(mine) == (told is not None)
            for one in mine:
                opened = (one.opened_on - FIRST).days
                assert (one.nights, one.quiet, opened, one.state == OPEN) == told


@settings(deadline=None, max_examples=40)
@given(NIGHTS, st.integers(1, 4))
def test_ids_are_stable_and_their_own_and_what_opened_is_kept(
    nights: list[Found], closes_after: int
) -> None:
    opened: dict[str, Incident] = {}
    for number, state in enumerate(fold(nights, closes_after)):
        day = FIRST + timedelta(days=number)
        assert len({one.incident_id for one in state}) == len(state)
        for one in state:
            first = opened.setdefault(one.incident_id, one)
            assert (first.state, first.opened_on <= one.last_seen_on <= day) == (OPEN, True)
            assert (one.opened_on, one.happened) == (first.opened_on, first.happened)
            assert (one.closed_on == day) == (one.state == CLOSED)
    assert fold(nights, closes_after) == fold(list(nights), closes_after)


@settings(deadline=None, max_examples=25)
@given(NIGHTS, st.integers(1, 4))
def test_every_incident_closes_after_so_many_quiet_nights(
    nights: list[Found], closes_after: int
) -> None:
    quiet: list[Found] = [dict.fromkeys(THINGS, "quiet")] * closes_after
    last = fold([*nights, *quiet], closes_after)
    assert all(one.state == CLOSED for one in last[-1])
    if nights:
        still = {one.incident_id for one in last[len(nights) - 1] if one.state == OPEN}
        closed = {
            one.incident_id for state in last[len(nights) :] for one in state if one.closed_on
        }
        assert still == closed


@settings(deadline=None, max_examples=25)
@given(NIGHTS)
def test_states_come_back_from_the_table_as_they_were(nights: list[Found]) -> None:
    states = {
        FIRST + timedelta(days=number): state
        for number, state in enumerate(fold(nights, 2))
        if state
    }
    assert states_of(rows_of(states, "run")) == states


@settings(deadline=None, max_examples=60)
@given(NIGHTS, st.integers(1, 9), st.sets(st.integers(0, 24)))
def test_a_training_is_asked_for_at_once_and_never_twice_within_the_cool_down(
    nights: list[Found], pause: int, acted_on: set[int]
) -> None:
    retrain = RetrainSpec(cool_down=f"{pause}d")
    state: list[Incident] = []
    requests: list[date] = []
    for number, found in enumerate(nights):
        day = FIRST + timedelta(days=number)
        state = next_state("boats", state, signs(number, found), 2)
        acted = {one.incident_id for one in state} if number in acted_on else set[str]()
        before = [one.training_asked_on for one in state]
        state = asked(state, day, retrain, max(requests, default=None), acted)
        assert state == asked(
            [replace(one, training_asked_on=was) for one, was in zip(state, before, strict=True)],
            day,
            retrain,
            max(requests, default=None),
            acted,
        )
        new = [one for one in state if one.training_asked_on == day]
        free = not requests or (day - requests[-1]).days >= pause
        may = [
            one
            for one in state
            if one.kind in retrain.on and one.last_seen_on == day and one.incident_id not in acted
        ]
        assert len(new) == bool(may and free)
        if new:
            requests.append(day)
            assert latest_request(state) == day
