"""Each review is a file of its own until there are many: then they are one, and say the same."""

from datetime import timedelta

import pytest

from assets import compaction
from assets.compaction import compact
from assets.home import Home
from assets.lake import Lake
from assets.ledger.checkpoints import read_checkpoints
from assets.ledger.record import checkpoint_reviews
from assets.reviews.queue import Queue
from assets.tables import CHECKPOINTS, REVIEWS
from tests.reviewed import NIGHT, people, review_spec, say, waiting

SPEC = review_spec()


def files(lake: Lake, table: str) -> int:
    return len(lake.dataset(SPEC.name, table).files)  # type: ignore[attr-defined]


def test_many_small_files_become_one_and_nothing_else_changes(
    home: Home, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "MOST", 4)
    people(home)
    other_day = NIGHT - timedelta(days=1)
    (other,) = waiting(lake, SPEC, 1, other_day)
    ids = waiting(lake, SPEC, 7)
    queue = Queue(home)
    queue.refresh(lake, SPEC)
    say(lake, home, SPEC, other)
    versions = []
    for one in ids:
        assert say(lake, home, SPEC, one).unsealed == ""
        versions.append(lake.version(SPEC.name, REVIEWS))
    # Eight reviews of two days, eight checkpoints: never four small files together.
    assert files(lake, REVIEWS) <= 1 + 3
    assert files(lake, CHECKPOINTS) <= 4
    rows = lake.read(SPEC.name, REVIEWS)
    assert sorted(rows.column("decision_id").to_pylist()) == sorted([other, *ids])
    # Earlier versions are there as they were: the ledger's checkpoints cite them.
    before = lake.read(SPEC.name, REVIEWS, version=versions[1])
    assert sorted(before.column("decision_id").to_pylist()) == sorted([other, *ids[:2]])
    assert [one.sequence for one in read_checkpoints(lake, SPEC.name)] == list(range(1, 9))
    assert checkpoint_reviews(lake, home, SPEC, [NIGHT, other_day]) == []
    assert not queue.refresh(lake, SPEC)
    assert queue.page(SPEC.name, state="decided", reviewer="ann").total == 8
    assert not compact(lake, SPEC.name, REVIEWS, NIGHT)


def test_few_files_are_left_alone(home: Home, lake: Lake) -> None:
    people(home)
    for one in waiting(lake, SPEC, 2):
        say(lake, home, SPEC, one)
    assert files(lake, REVIEWS) == 2
