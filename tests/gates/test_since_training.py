"""The paired test looks at cases neither model learnt from, as soon as their outcomes mature."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.features.sets import training_set
from assets.home import Home
from assets.lake import PARTITION, Lake
from assets.release import since_training as module
from assets.release.deciders import deciders_on
from assets.release.evaluation import evaluate
from assets.release.moves import advance
from assets.release.since_training import since_training
from assets.spec import closes_at
from assets.tables import LABELS, POPULATION, TIMESTAMP
from assets.training.evidence import TrainedModel
from assets.training.frame import feature_frame
from assets.training.predict import predict
from assets.training.train import train
from tests.registered_models import approved, copied, entered, model_spec, put, trained
from tests.widgets import DAYS, START, orders

pytestmark = pytest.mark.slow

SPEC = model_spec()
TRAINED_TO = START + timedelta(days=DAYS)
LATER = 1500
FIRST = date(2026, 3, 12)
"""First night both score: ten days, the label's maturity, after the last case learnt from."""


def later_orders() -> pa.Table:
    """Orders of the thirty days after those learnt from; what came of each is seen in a week."""
    rows = orders(LATER, seed=99)
    random = np.random.default_rng(99)
    seconds = np.sort(random.integers(60, 30 * 86_400, LATER))
    at = pa.array([TRAINED_TO + timedelta(seconds=int(s)) for s in seconds], TIMESTAMP)
    return rows.set_column(rows.column_names.index("ordered_at"), "ordered_at", at)


def put_marts(lake: Lake, rows: pa.Table) -> None:
    """Population and labels of the rows, by day."""
    times = rows.column("ordered_at")
    cases = rows.select(SPEC.population_columns)
    cases = cases.append_column(PARTITION, pc.cast(pc.floor_temporal(times, unit="day"), "date32"))
    seen = pc.add(times, pa.scalar(timedelta(days=7)))
    labels = pa.table(
        {
            "order_id": rows.column("order_id"),
            "label": rows.column("label"),
            "observed_at": seen,
            PARTITION: pc.cast(pc.floor_temporal(seen, unit="day"), "date32"),
        }
    )
    for table, content in ((POPULATION, cases), (LABELS, labels)):
        lake.ensure(SPEC.name, table, content.schema)
        lake.replace_days(SPEC.name, table, date(2026, 1, 1), date(2027, 1, 1), content)


def in_shadow(home: Home, challenger: TrainedModel) -> Home:
    """Version 1 is champion, version 2 in the shadow; the orders after both are in the marts."""
    approved(home, SPEC, put(home, SPEC, trained(), "a" * 64))
    entered(home, SPEC, put(home, SPEC, challenger, "b" * 64))
    lake = Lake(home.lake)
    advance(lake, home, SPEC, FIRST - timedelta(days=1), None, run_id="r")
    put_marts(lake, later_orders())
    return home


@pytest.fixture(scope="module")
def shadow(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The challenger is as good as the champion."""
    return in_shadow(Home(tmp_path_factory.mktemp("since") / "home"), trained(seed=6))


@pytest.fixture(scope="module")
def worse(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The challenger learnt that what broke did not, and the other way round."""
    rows = orders(500, seed=6)
    place = rows.column_names.index("label")
    flipped = rows.set_column(place, "label", pc.subtract(pa.scalar(1), rows.column("label")))
    return in_shadow(Home(tmp_path_factory.mktemp("worse") / "home"), train(SPEC, flipped))


def found(home: Home, day: date, without: tuple[date, ...] = ()) -> pa.Table:
    lake = Lake(home.lake)
    deciders = deciders_on(lake, home, SPEC, FIRST)
    assert deciders.champion is not None
    assert deciders.challenger is not None
    assert deciders.stage == "shadow"
    return since_training(
        SPEC, lake, home, day, deciders.champion, deciders.challenger, without=without
    )


def test_what_neither_learnt_from_and_is_known_by_now(shadow: Home) -> None:
    every = later_orders()
    for day in (FIRST, FIRST + timedelta(days=6)):
        rows = found(shadow, day)
        # Ten days after the order, the night's close included.
        due = pc.less_equal(
            every.column("ordered_at"), pa.scalar(closes_at(day) - timedelta(days=10))
        )
        expected = every.filter(due)
        assert expected.num_rows > 40
        assert rows.column("case_key").to_pylist() == expected.column("order_id").to_pylist()
        assert rows.column("label").to_pylist() == expected.column("label").to_pylist()
        frame = feature_frame(SPEC, training_set(SPEC, Lake(shadow.lake), shadow, closes_at(day)))
        for column, seed in (("champion_score", 5), ("score", 6)):
            bare = predict(SPEC, trained(seed=seed).pipeline, frame)
            np.testing.assert_array_equal(rows.column(column).to_numpy(), bare)


def test_a_night_before_any_outcome_matured_has_nothing(shadow: Home) -> None:
    rows = found(shadow, TRAINED_TO.date() + timedelta(days=5))
    assert rows.num_rows == 0
    assert rows.column_names == found(shadow, FIRST).column_names


def test_stopped_nights_are_left_out(shadow: Home) -> None:
    stopped = TRAINED_TO.date()
    every = later_orders()
    of_day = pc.equal(pc.cast(every.column("ordered_at"), "date32"), pa.scalar(stopped))
    theirs = set(every.filter(of_day).column("order_id").to_pylist())
    with_it, without = found(shadow, FIRST), found(shadow, FIRST, (stopped,))
    assert theirs
    assert keys(with_it) - keys(without) == theirs


def keys(rows: pa.Table) -> set[str]:
    return set(rows.column("case_key").to_pylist())


def test_cases_learnt_from_are_never_asked(shadow: Home, tmp_path: Path) -> None:
    home = copied(shadow, tmp_path)
    both = pa.concat_tables([orders(500, seed=5), later_orders()])
    put_marts(Lake(home.lake), both)
    rows, before = found(home, FIRST), found(shadow, FIRST)
    assert keys(rows) == keys(before)


def test_of_very_many_a_seeded_sample(shadow: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = keys(found(shadow, FIRST))
    monkeypatch.setattr(module, "MOST", 20)
    first, again = found(shadow, FIRST), found(shadow, FIRST)
    assert first.num_rows == 20
    assert first.equals(again)
    assert keys(first) < whole


def test_a_model_that_cannot_be_loaded_proves_nothing(shadow: Home, tmp_path: Path) -> None:
    home = copied(shadow, tmp_path)
    challenger = deciders_on(Lake(home.lake), home, SPEC, FIRST).challenger
    assert challenger is not None
    (home.root / challenger.model_path).write_bytes(b"no model")
    assert found(home, FIRST).num_rows == 0


def test_the_paired_test_and_what_follows_from_it(shadow: Home, worse: Home) -> None:
    day = FIRST + timedelta(days=18)
    for home, verdict in ((shadow, "pass"), (worse, "fail")):
        judged = evaluate(SPEC, Lake(home.lake), home, day)
        (check,) = [one for one in judged.checks if one.name == "non_inferiority"]
        assert judged.move is not None
        assert check.verdict == verdict, check.message
        assert (judged.move.verdict == "roll_back") == (verdict == "fail")
        assert check.figures["labels"] == found(home, day).num_rows
