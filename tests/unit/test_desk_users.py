"""Users of the desk: passwords, roles, sessions that end, attempts that are counted."""

import sqlite3
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from assets.desk import attempts
from assets.desk.database import opened
from assets.desk.identity import IdentityRefused, identity_of, make_identity, open_identity
from assets.desk.passwords import BadPassword, hashed, matches, outdated, require_password
from assets.desk.users import SignInRefused, TooManyAttempts, Users, UsersError
from assets.home import Home
from assets.lake import Lake
from assets.release.people import PeopleError, read_people, remove
from assets.signing import SigningKeyError, public_key
from tests.reviewed import PASSWORD, people

NOW = datetime(2026, 3, 13, 9, tzinfo=UTC)
OTHER = "another road home"
WAIT = attempts.WINDOW


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def fails(users: Users, name: str, now: datetime = NOW) -> None:
    with pytest.raises(SignInRefused, match="do not go together"):
        users.verify(name, "wrong password 1", now)


def tried(home: Home, name: str, now: datetime = NOW, *, times: int = 1, address: str = "") -> None:
    """Attempts that failed, without the hashing."""
    with opened(home.desk / "users.db") as connection:
        for _ in range(times):
            attempts.reserve(connection, now, name=name, address=address)


def test_who_is_added_signs_in_with_their_password_alone(home: Home) -> None:
    users = Users(home)
    added = users.add("jo.smith", PASSWORD, ["reviewer", "owner"], now=NOW, by="user:root")
    found = users.verify("jo.smith", PASSWORD, NOW, address="192.0.2.1")
    assert found == added
    assert found.roles == {"reviewer", "owner"}
    fails(users, "jo.smith")
    fails(users, "nobody")
    fails(users, "Jo.Smith")
    path = home.desk / "users.db"
    assert path.stat().st_mode & 0o777 == 0o600
    assert home.desk.stat().st_mode & 0o777 == 0o700
    content = path.read_bytes()
    assert PASSWORD.encode() not in content
    assert b"192.0.2.1" not in content
    assert b"argon2id" in content


def test_a_name_or_role_that_is_none_is_refused(home: Home) -> None:
    people(home, "ann")
    users = Users(home)
    with pytest.raises(PeopleError, match="is no name"):
        users.add("../ann", PASSWORD, ["reviewer"], now=NOW, by="x")
    with pytest.raises(UsersError, match="'king' is no role"):
        users.add("bob", PASSWORD, ["king"], now=NOW, by="x")
    with pytest.raises(UsersError, match="needs a role"):
        users.add("bob", PASSWORD, [], now=NOW, by="x")
    with pytest.raises(UsersError, match="there is a user ann already"):
        users.add("ann", PASSWORD, ["reviewer"], now=NOW, by="x")
    for change in (
        lambda: users.set_password("bob", PASSWORD),
        lambda: users.set_roles("bob", ["owner"]),
    ):
        with pytest.raises(UsersError, match="no user 'bob'"):
            change()
    assert [one.name for one in users.accounts()] == ["ann"]


@pytest.mark.parametrize(
    ("password", "match"),
    [
        ("brief one", "too short"),
        ("jo.smith", "too short"),
        ("JO.SMITHjo.smith1", "not counting your name"),
        ("abababababababab", "repeats itself"),
        ("x" * 1025, "longer than 1024"),
        ("with a \x00 in it all", "control characters"),
        ("half a \ud83d of a sign", "control characters"),
    ],
)
def test_what_will_not_do_as_a_password(password: str, match: str) -> None:
    with pytest.raises(BadPassword, match=match) as told:
        require_password("jo.smith", password)
    assert password not in str(told.value)


def test_a_password_is_the_same_however_it_is_typed() -> None:
    require_password("jo.smith", "twelve chars")
    require_password("al", "always a lovely day")
    known = hashed("caf\u00e9 au lait noir")
    assert matches(known, "cafe\u0301 au lait noir")
    assert not matches(known, "cafe au lait noir")
    assert not matches(known, "caf\u00e9 au lait noir\ud83d")
    assert not matches("no hash", "caf\u00e9")
    assert not matches(known, "x" * 10_000_000)


def test_a_hash_of_other_parameters_is_made_anew_at_sign_in(home: Home) -> None:
    from argon2 import PasswordHasher

    people(home, "ann")
    weak = PasswordHasher(time_cost=1, memory_cost=1024).hash(PASSWORD)
    assert outdated(weak)
    with sqlite3.connect(home.desk / "users.db") as connection:
        connection.execute("UPDATE users SET password = ?", [weak])
    users = Users(home)
    users.verify("ann", PASSWORD, NOW)
    with sqlite3.connect(home.desk / "users.db") as connection:
        (kept,) = connection.execute("SELECT password FROM users").fetchone()
    assert not outdated(kept)
    assert matches(kept, PASSWORD)


def test_sessions_end_with_what_they_were_given_for(home: Home) -> None:
    people(home, "ann")
    users = Users(home)
    first = users.named("ann")
    assert first is not None
    assert users.session("ann", first.epoch) == first
    assert users.session("ann", "") is None
    assert users.session("bob", first.epoch) is None
    second = users.set_roles("ann", ["auditor"])
    assert users.session("ann", first.epoch) is None
    assert users.session("ann", second.epoch) == second
    third = users.set_password("ann", OTHER)
    assert users.session("ann", second.epoch) is None
    with pytest.raises(SignInRefused):
        users.verify("ann", PASSWORD, NOW)
    assert users.verify("ann", OTHER, NOW) == third
    users.remove("ann", now=NOW, by="user:root", reason="left the firm")
    assert users.session("ann", third.epoch) is None
    assert users.named("ann") is None
    with pytest.raises(SignInRefused):
        users.verify("ann", OTHER, NOW)


def test_who_comes_back_has_another_session_and_the_past_stays(home: Home) -> None:
    people(home, "ann")
    users = Users(home)
    old = users.named("ann")
    with pytest.raises(UsersError, match="needs a reason"):
        users.remove("ann", now=NOW, by="user:root", reason=" ")
    users.remove("ann", now=NOW, by="user:root", reason="on leave")
    with pytest.raises(UsersError, match="no user 'ann'"):
        users.remove("ann", now=NOW, by="user:root", reason="again")
    back = users.add("ann", OTHER, ["owner"], now=at(1), by="user:root")
    assert old is not None
    assert users.session("ann", old.epoch) is None
    assert users.session("ann", back.epoch) == back
    then, now = users.accounts()
    assert (then.removed_at, then.removed_by, then.removed_reason) == (NOW, "user:root", "on leave")
    assert (now.removed_at, now.roles) == (None, {"owner"})


def test_a_name_is_tried_five_times_in_a_quarter_of_an_hour(home: Home) -> None:
    people(home, "ann", "bob")
    users = Users(home)
    tried(home, "ann", times=2)
    fails(users, "ann")
    tried(home, "ann", at(5), times=2)
    with pytest.raises(TooManyAttempts, match=r"nothing was tried\. Wait until 09:15:00") as told:
        users.verify("ann", PASSWORD, at(6))
    assert told.value.until == NOW + WAIT
    users.verify("bob", PASSWORD, at(6))
    # The first three are forgotten then; success forgets the others.
    users.verify("ann", PASSWORD, at(15))
    tried(home, "ann", at(15), times=4)
    users.verify("ann", PASSWORD, at(15))


def test_a_name_nobody_has_is_counted_just_the_same(home: Home) -> None:
    people(home, "ann")
    users = Users(home)
    fails(users, "nobody")
    tried(home, "nobody", times=4)
    with pytest.raises(TooManyAttempts, match="nothing was tried"):
        users.verify("nobody", PASSWORD, NOW)


def test_an_address_that_tries_many_names_is_stopped(home: Home) -> None:
    people(home, "ann")
    users = Users(home)
    for n in range(19):
        tried(home, f"name{n}", address="192.0.2.1")
    # Who has an account of their own does not start anew by using it.
    users.verify("ann", PASSWORD, NOW, address="192.0.2.1")
    tried(home, "name20", address="192.0.2.1")
    with pytest.raises(TooManyAttempts):
        users.verify("ann", PASSWORD, NOW, address="192.0.2.1")
    users.verify("ann", PASSWORD, NOW, address="192.0.2.2")


def test_a_clock_set_back_neither_forgives_nor_locks_out_for_long(home: Home) -> None:
    people(home, "ann")
    users = Users(home)
    tried(home, "ann", at(60 * 24), times=5)
    with pytest.raises(TooManyAttempts) as told:
        users.verify("ann", PASSWORD, NOW)
    assert told.value.until == NOW + WAIT
    with pytest.raises(TooManyAttempts):
        users.verify("ann", PASSWORD, at(14))
    users.verify("ann", PASSWORD, NOW + WAIT)


def test_many_at_once_are_many(home: Home) -> None:
    people(home, "ann")
    users, said = Users(home), []
    start = threading.Barrier(8)

    def attempt() -> None:
        start.wait()
        try:
            users.verify("ann", "wrong password 1", NOW)
        except SignInRefused:
            said.append("tried")
        except TooManyAttempts:
            said.append("stopped")

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["stopped"] * 3 + ["tried"] * 5


def test_neither_words_nor_time_tell_whether_there_is_such_a_user(home: Home) -> None:
    """An argon2 hash takes far longer than all the rest: without one it would be seen at once."""
    people(home, "ann", "gone")
    users = Users(home)
    users.remove("gone", now=NOW, by="user:root", reason="left")
    taken, words = {}, set()
    for name in ("ann", "nobody", "gone", "no name at all!", "\ud83d"):
        began = time.process_time()
        with pytest.raises(SignInRefused) as told:
            users.verify(name, "wrong password 1", NOW)
        taken[name] = time.process_time() - began
        words.add(str(told.value))
    assert len(words) == 1
    began = time.process_time()
    users.named("ann")
    assert min(taken.values()) > 5 * (time.process_time() - began)
    assert min(taken.values()) > max(taken.values()) / 5


def test_a_database_that_cannot_be_used_says_so(home: Home) -> None:
    people(home, "ann")
    path = home.desk / "users.db"
    path.chmod(0o644)
    with pytest.raises(UsersError, match="chmod 600"):
        Users(home).named("ann")
    path.chmod(0o600)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(UsersError, match="version 9"):
        Users(home).named("ann")
    path.write_bytes(b"this is no database, but long enough to look at" * 100)
    with pytest.raises(UsersError, match="restore it from a backup"):
        Users(home).named("ann")


PHRASE = "seven green bottles"


def test_an_owner_signs_with_a_key_of_their_own_name(home: Home, lake: Lake) -> None:
    people(home, "ann", "bob")
    users = Users(home)
    with pytest.raises(IdentityRefused, match="ann is no owner"):
        make_identity(lake, home, "ann", PHRASE, now=NOW, by="user:root")
    users.set_roles("ann", ["owner"])
    users.set_roles("bob", ["owner"])
    with pytest.raises(IdentityRefused, match="has no identity"):
        open_identity(lake, home, "ann", PHRASE, now=NOW)
    with pytest.raises(BadPassword, match="passphrase is too short"):
        make_identity(lake, home, "ann", "short", now=NOW, by="user:root")
    path = make_identity(lake, home, "ann", PHRASE, now=NOW, by="user:root")
    assert path == identity_of(home, "ann") == home.desk / "keys" / "ann.key"
    assert b"ENCRYPTED" in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    key = open_identity(lake, home, "ann", PHRASE, now=NOW)
    assert read_people(lake, home).holder(public_key(key), NOW) == "ann"
    # Made again it is the same; with another passphrase it does not open.
    assert make_identity(lake, home, "ann", PHRASE, now=NOW, by="user:root") == path
    with pytest.raises(SigningKeyError, match="passphrase is missing or wrong"):
        make_identity(lake, home, "ann", OTHER, now=NOW, by="user:root")
    # Another's key under one's own name is nobody's.
    identity_of(home, "bob").write_bytes(path.read_bytes())
    identity_of(home, "bob").chmod(0o600)
    with pytest.raises(IdentityRefused, match="not enrolled as bob's"):
        open_identity(lake, home, "bob", PHRASE, now=NOW)
    remove(lake, home, "ann", at=at(1), by="user:root", reason="lost it")
    with pytest.raises(IdentityRefused, match="not enrolled as ann's"):
        open_identity(lake, home, "ann", PHRASE, now=at(2))
    users.remove("bob", now=NOW, by="user:root", reason="left")
    with pytest.raises(IdentityRefused, match="bob is no owner"):
        open_identity(lake, home, "bob", PHRASE, now=NOW)
    with pytest.raises(PeopleError, match="is no name"):
        identity_of(home, "../../ann")


def test_a_passphrase_is_tried_five_times(home: Home, lake: Lake) -> None:
    people(home, "ann")
    Users(home).set_roles("ann", ["owner"])
    make_identity(lake, home, "ann", PHRASE, now=NOW, by="user:root")
    for wrong in ("", "wrong", "x" * 5000, "\ud83d", "wrong"):
        with pytest.raises(IdentityRefused, match="not the passphrase"):
            open_identity(lake, home, "ann", wrong, now=NOW)
    with pytest.raises(TooManyAttempts):
        open_identity(lake, home, "ann", PHRASE, now=NOW)
    open_identity(lake, home, "ann", PHRASE, now=NOW + WAIT)


def test_a_key_made_and_not_enrolled_is_enrolled_next_time(home: Home, lake: Lake) -> None:
    from assets.signing import create_private_key

    people(home, "ann")
    Users(home).set_roles("ann", ["owner"])
    made = create_private_key(identity_of(home, "ann"), PHRASE)  # and there the process ended
    make_identity(lake, home, "ann", PHRASE, now=NOW, by="user:root")
    assert read_people(lake, home).holder(made, NOW) == "ann"
