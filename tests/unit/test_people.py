"""People who may approve: enrolled by name and key, in rows only the installation can write."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from assets.home import Home
from assets.lake import Lake
from assets.release.people import People, PeopleError, enrol, read_people, remove
from assets.signing import create_private_key
from assets.tables import INSTALLATION, PEOPLE, PEOPLE_SCHEMA
from tests.faults.forked import Work

AT = datetime(2026, 9, 1, 12, tzinfo=UTC)
LATER = AT + timedelta(days=3)


def key(home: Home, name: str) -> str:
    return create_private_key(home.root.parent / "keys" / name)


def add(home: Home, lake: Lake, name: str, public: str, at: datetime = AT) -> bool:
    return enrol(lake, home, name, public, at=at, by="user:admin")


def rows(lake: Lake) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lake.read(INSTALLATION, PEOPLE).to_pylist()
    return sorted(found, key=lambda row: row["sequence"])


def write(lake: Lake, **row: Any) -> None:
    """A row as somebody with access to the table writes it."""
    lake.append(INSTALLATION, PEOPLE, pa.Table.from_pylist([row], schema=PEOPLE_SCHEMA))


def test_nobody_is_enrolled_at_first_and_no_key_is_made(home: Home, lake: Lake) -> None:
    assert read_people(lake, home) == People((), ())
    assert not home.signing_key.exists()


def test_someone_enrolled_holds_their_key_from_then_on(home: Home, lake: Lake) -> None:
    public = key(home, "ann")
    assert add(home, lake, "ann.lee", public)
    people = read_people(lake, home)
    assert people.problems == ()
    assert people.holder(public, AT) == "ann.lee"
    assert people.holder(public, AT - timedelta(seconds=1)) is None
    assert people.holder(key(home, "other"), AT) is None
    assert home.signing_key.stat().st_mode & 0o777 == 0o600


def test_enrolling_again_changes_nothing(home: Home, lake: Lake) -> None:
    public = key(home, "ann")
    add(home, lake, "ann", public)
    version = lake.version(INSTALLATION, PEOPLE)
    assert not add(home, lake, "ann", public, at=LATER)
    assert lake.version(INSTALLATION, PEOPLE) == version


def test_a_name_and_a_key_are_one_persons(home: Home, lake: Lake) -> None:
    public = key(home, "ann")
    add(home, lake, "ann", public)
    with pytest.raises(PeopleError, match="ann is enrolled already"):
        add(home, lake, "ann", key(home, "second"))
    with pytest.raises(PeopleError, match="this key is ann's"):
        add(home, lake, "bob", public)
    remove(lake, home, "ann", at=LATER, by="user:admin", reason="left")
    with pytest.raises(PeopleError, match="this key is ann's"):
        add(home, lake, "bob", public)


@pytest.mark.parametrize(
    "name", ["", "Ann", "ann lee", "1ann", "ann.", ".ann", "ann..lee", "user:ann", "ann\n", "änn"]
)
def test_what_is_no_name_is_refused(home: Home, lake: Lake, name: str) -> None:
    with pytest.raises(PeopleError, match="is no name"):
        add(home, lake, name, key(home, "x"))
    assert read_people(lake, home) == People((), ())


def test_someone_removed_keeps_what_was_and_may_come_back(home: Home, lake: Lake) -> None:
    old, new = key(home, "old"), key(home, "new")
    add(home, lake, "ann", old)
    remove(lake, home, "ann", at=LATER, by="user:admin", reason="left the firm")
    people = read_people(lake, home)
    assert people.holder(old, LATER - timedelta(seconds=1)) == "ann"
    assert people.holder(old, LATER) is None
    assert people.named("ann") is None
    assert people.enrolments[0].removed_by == "user:admin: left the firm"
    back = LATER + timedelta(days=1)
    add(home, lake, "ann", new, at=back)
    people = read_people(lake, home)
    assert (people.holder(new, back), people.holder(old, back)) == ("ann", None)


def test_a_removal_needs_somebody_and_a_reason(home: Home, lake: Lake) -> None:
    with pytest.raises(PeopleError, match="nobody named ann is enrolled"):
        remove(lake, home, "ann", at=AT, by="user:admin", reason="left")
    add(home, lake, "ann", key(home, "ann"))
    with pytest.raises(PeopleError, match="needs a reason"):
        remove(lake, home, "ann", at=AT, by="user:admin", reason="  ")


def test_a_row_written_by_hand_does_not_count_and_is_reported(home: Home, lake: Lake) -> None:
    mine, genuine = key(home, "mallory"), key(home, "ann")
    add(home, lake, "ann", genuine)
    (row,) = rows(lake)
    write(lake, **{**row, "sequence": 2, "name": "mallory", "public_key": mine})
    write(lake, **{**row, "sequence": 3, "event": "removed"})
    write(lake, **{**row, "sequence": 4, "name": "eve", "public_key": mine, "signature": None})
    people = read_people(lake, home)
    assert [p.name for p in people.enrolments] == ["ann"]
    assert people.holder(genuine, LATER) == "ann"
    assert people.holder(mine, LATER) is None
    assert [problem.split(" is ")[0] for problem in people.problems] == [
        "row 2 (mallory enrolled)",
        "row 3 (ann removed)",
        "row 4 (eve enrolled)",
    ]


def test_an_old_enrolment_written_again_brings_nobody_back(home: Home, lake: Lake) -> None:
    public = key(home, "ann")
    add(home, lake, "ann", public)
    remove(lake, home, "ann", at=LATER, by="user:admin", reason="left")
    (enrolment, _) = rows(lake)
    write(lake, **enrolment)
    write(lake, **{**enrolment, "sequence": 9})
    people = read_people(lake, home)
    assert people.holder(public, LATER + timedelta(days=1)) is None
    assert people.problems == (
        "row 1 (ann enrolled) is there twice and counts once",
        "row 9 (ann enrolled) is not signed by this installation and does not count",
    )


def test_without_the_installations_key_nobody_counts(home: Home, lake: Lake) -> None:
    public = key(home, "ann")
    add(home, lake, "ann", public)
    kept = home.signing_key.rename(home.root / "kept")
    people = read_people(lake, home)
    assert people.enrolments == ()
    assert "Restore it from a backup" in people.problems[0]
    create_private_key(home.signing_key)
    assert read_people(lake, home).holder(public, AT) is None
    kept.replace(home.signing_key)
    assert read_people(lake, home).holder(public, AT) == "ann"


def enrol_in_turn(root: str, *names: str) -> None:
    """Work of a process of its own."""
    home = Home(Path(root))
    for name in names:
        add(home, Lake(home.lake), name, key(home, name))


def test_enrolled_at_the_same_moment_everyone_is_there_once(
    home: Home, lake: Lake, tmp_path: Path
) -> None:
    add(home, lake, "first", key(home, "first"))
    names = [[f"p{process}.n{n}" for n in range(4)] for process in range(3)]
    with Work(tmp_path, __name__, "deltalake", "pyarrow.dataset") as work:
        children = [work.start(__name__, "enrol_in_turn", str(home.root), *few) for few in names]
        ended = [work.end(child) for child in children]
    assert [outcome.code for outcome in ended] == [0, 0, 0], ended
    assert [row["sequence"] for row in rows(lake)] == list(range(1, 14))
    people = read_people(lake, home)
    assert people.problems == ()
    assert {p.name for p in people.enrolments} == {"first"} | {n for few in names for n in few}
