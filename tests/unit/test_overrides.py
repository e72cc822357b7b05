"""What the desk measures, and reviews as labels."""

from datetime import timedelta

import pyarrow as pa

from assets.home import Home
from assets.lake import Lake
from assets.reviews.labels import review_labels, reviewed_labels
from assets.reviews.overrides import overrides
from assets.spec import UseCaseSpec
from assets.tables import DECISIONS, LABELS, REVIEWS, TIMESTAMP
from assets.training.card.measures import wilson
from tests.reviewed import NIGHT, NOW, decided, people, put, review_spec, say

LABEL_ROWS = pa.schema(
    [("order_id", pa.string()), ("label", pa.int64()), ("observed_at", TIMESTAMP)]
)
NOBODY = pa.chunked_array([pa.array([], pa.string())])


def test_overrides_are_counted_where_the_machine_had_an_opinion(home: Home, lake: Lake) -> None:
    spec = review_spec(blind_sample=1.0)
    people(home)
    sure = {"decision": "approve", "advice": "approve"}
    night = [{}, {}, {}, {"advice": "refer"}, sure, sure, {}]
    ids = put(lake, spec, decided(spec, NIGHT, night))
    outcomes = ["decline", "approve", "decline", "approve", "approve", "decline"]
    for n, (one, outcome) in enumerate(zip(ids, outcomes, strict=False)):
        who = "ann" if n < 2 or n == 4 else "bob"
        say(lake, home, spec, one, who, outcome, now=NOW + timedelta(hours=n))
    found = overrides(lake, home, spec, now=NOW)
    ann, bob = found.reviewers
    # NOW is nine hours after the night closed.
    assert (ann.reviewer, ann.reviews, ann.median_hours) == ("ann", 2, 9.5)
    assert (ann.overridden.hits, ann.overridden.of) == (1, 2)
    assert (ann.blind.hits, ann.blind.of) == (1, 1)
    assert (bob.reviews, bob.overridden.hits, bob.overridden.of) == (2, 0, 1)
    assert (bob.blind.hits, bob.blind.of, bob.median_hours) == (0, 1, 11.5)
    both = found.overall
    assert (both.reviews, both.overridden.hits, both.overridden.of) == (4, 1, 3)
    known = wilson(1, 3)
    assert (both.overridden.low, both.overridden.high) == (known["low"], known["high"])
    assert found.backlog.open == 1
    none = overrides(lake, home, spec, now=NOW, first=NIGHT + timedelta(days=1))
    assert (none.overall.reviews, none.overall.overridden.share, none.reviewers) == (0, None, ())
    assert none.overall.median_hours is None


def test_nothing_is_measured_of_a_desk_nobody_used(home: Home, lake: Lake) -> None:
    found = overrides(lake, home, review_spec(), now=NOW)
    assert (found.overall.reviews, found.overall.blind.share, found.backlog.open) == (0, None, 0)


def labelled(home: Home, lake: Lake, spec: UseCaseSpec) -> list[str]:
    """Reviews of all kinds: two decided, one waiting, one blind."""
    people(home)
    sure = {"decision": "approve", "advice": "approve"}
    ids = put(lake, spec, decided(spec, NIGHT, [{}, {}, {}, sure]))
    say(lake, home, spec, ids[0], "ann", "approve")
    say(lake, home, spec, ids[1], "ann", "decline")
    say(lake, home, spec, ids[1], "bob", "decline", seen=1)
    say(lake, home, spec, ids[2], "ann", "decline")
    say(lake, home, spec, ids[3], "ann", "decline")
    return ids


def test_reviews_become_labels_only_where_the_spec_says_so(home: Home, lake: Lake) -> None:
    said = {"second_review": "declines", "blind_sample": 1.0}
    spec = review_spec(**said)
    labelled(home, lake, spec)
    decisions, reviews = lake.read("widgets", DECISIONS), lake.read("widgets", REVIEWS)
    off = review_labels(spec, decisions, reviews, observed=NOBODY, as_of=NOW + timedelta(days=1))
    assert off.num_rows == 0
    on = review_spec(outcomes_as_labels=True, **said)
    later = NOW + timedelta(days=1)
    found = review_labels(on, decisions, reviews, observed=NOBODY, as_of=later)
    assert found.schema == off.schema
    assert found.to_pylist() == [
        {"order_id": "c0", "label": 0, "observed_at": NOW},
        {"order_id": "c1", "label": 1, "observed_at": NOW + timedelta(minutes=1)},
    ]
    known = pa.chunked_array([pa.array(["c1"])])
    assert review_labels(on, decisions, reviews, observed=known, as_of=later).num_rows == 1
    # Nothing that was not yet said: c1 was half decided then.
    early = review_labels(on, decisions, reviews, observed=NOBODY, as_of=NOW)
    assert early.column("order_id").to_pylist() == ["c0"]


def test_a_training_takes_them_from_the_lake_where_the_spec_says_so(home: Home, lake: Lake) -> None:
    later, said = NOW + timedelta(days=1), {"second_review": "declines", "blind_sample": 1.0}
    on = review_spec(outcomes_as_labels=True, **said)
    lake.ensure(on.name, LABELS, LABEL_ROWS)
    assert reviewed_labels(on, lake, later) is None  # nobody has reviewed anything
    labelled(home, lake, on)
    assert reviewed_labels(review_spec(**said), lake, later) is None
    found = reviewed_labels(on, lake, later)
    assert found is not None
    assert found.column("order_id").to_pylist() == ["c0", "c1"]
    seen = {"order_id": ["c1"], "label": [0], "observed_at": [NOW]}
    lake.replace_day(on.name, LABELS, NIGHT, pa.table(seen).cast(LABEL_ROWS))
    # An outcome that was observed says more than a person who expected one.
    found = reviewed_labels(on, lake, later)
    assert found is not None
    assert found.column("order_id").to_pylist() == ["c0"]
