"""A visit's cookie: what it holds, when it is over, and that nobody can write one."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.desk.visits import (
    IDLE,
    LONGEST,
    SKEW,
    SessionKeyError,
    VisitOver,
    begin,
    form_token,
    is_token,
    read,
    session_key,
    written,
)

KEY = b"k" * 64
NOW = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)


def test_a_cookie_comes_back_as_the_visit_it_was_and_holds_nothing_else() -> None:
    visit = begin("rae", "e1", NOW)
    text = written(visit, KEY, NOW)
    assert read(text, KEY, NOW) == visit
    payload = text.split(".")[0]
    said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert said == ["rae", "e1", int(NOW.timestamp()), visit.seed]


@pytest.mark.parametrize(("after", "over"), [(IDLE, False), (IDLE + timedelta(seconds=1), True)])
def test_a_visit_ends_when_nobody_is_there(after: timedelta, over: bool) -> None:
    text = written(begin("rae", "e1", NOW), KEY, NOW)
    if not over:
        assert read(text, KEY, NOW + after).seen == NOW + after
        return
    with pytest.raises(VisitOver, match="30 minutes"):
        read(text, KEY, NOW + after)


def test_a_visit_ends_however_busy_it_is() -> None:
    visit, now = begin("rae", "e1", NOW), NOW
    while now + IDLE <= NOW + LONGEST:
        now += IDLE
        visit = read(written(visit, KEY, now - IDLE), KEY, now)
    assert visit.issued == NOW
    with pytest.raises(VisitOver, match="8 hours after"):
        read(written(visit, KEY, now), KEY, now + timedelta(seconds=1))


def test_a_clock_set_back_ends_visits_of_the_future_and_forgives_a_little() -> None:
    text = written(begin("rae", "e1", NOW), KEY, NOW)
    assert read(text, KEY, NOW - SKEW).name == "rae"
    with pytest.raises(VisitOver, match="clock was set back"):
        read(text, KEY, NOW - SKEW - timedelta(seconds=1))


def test_another_key_opens_nothing() -> None:
    visit = begin("rae", "e1", NOW)
    with pytest.raises(VisitOver, match="cannot be read"):
        read(written(visit, b"x" * 64, NOW), KEY, NOW)
    assert not is_token(form_token(visit, b"x" * 64), visit, KEY)


@given(place=st.integers(0, 10_000), letter=st.sampled_from("AZaz09-_."))
def test_a_cookie_with_one_letter_changed_is_none(place: int, letter: str) -> None:
    text = written(begin("rae", "e1", NOW), KEY, NOW)
    place %= len(text)
    changed = text[:place] + letter + text[place + 1 :]
    try:
        assert read(changed, KEY, NOW).name == "rae"
        # Base64 has more than one way to write its last letter; the bytes signed are the same.
        assert changed == text or place in (len(text) - 1, text.index(".") - 1)
    except VisitOver:
        assert changed != text


@given(text=st.text(max_size=200))
def test_no_scrawl_is_a_cookie(text: str) -> None:
    with pytest.raises(VisitOver):
        read(text, KEY, NOW)


def test_a_token_belongs_to_one_visit() -> None:
    one, other = begin("rae", "e1", NOW), begin("rae", "e1", NOW)
    assert is_token(form_token(one, KEY), one, KEY)
    assert not is_token(form_token(one, KEY), other, KEY)
    assert not is_token(None, one, KEY)
    assert not is_token("ä", one, KEY)


def test_the_key_is_made_once_and_for_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "desk" / "session.key"
    key = session_key(path)
    assert session_key(path) == key
    assert len(key) == 64
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(SessionKeyError, match="chmod 600"):
        session_key(path)
    path.chmod(0o600)
    path.write_bytes(b"")
    with pytest.raises(SessionKeyError, match="delete it"):
        session_key(path)
