"""Writing checkpoints: once, in order, in two places, whatever happened in between."""

import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from assets.compaction import MOST, compact
from assets.gate_results import GateResult, record
from assets.home import Home
from assets.lake import Lake
from assets.ledger.checkpoints import read_checkpoints
from assets.ledger.delta_log import change_settings, settings
from assets.ledger.judged_anew import put_judged_anew
from assets.ledger.record import (
    checkpoint_day,
    checkpoint_gates,
    checkpoint_releases,
    checkpoint_reviews,
)
from assets.ledger.retention import CITED, duration, ensure_retention, retention_settings, undercut
from assets.ledger.specs import SpecNotKept, kept_spec
from assets.ledger.verify import verify
from assets.spec import UseCaseSpec, closes_at
from assets.tables import CHECKPOINTS, DECISIONS, PREDICTIONS, REVIEWS, SCORING_SET
from tests.faults.forked import Work
from tests.ledgers import (
    DAY,
    NEXT,
    NOW,
    copied,
    day_rows,
    night,
    put_decisions,
    released,
    reviewed,
    revised,
)
from tests.released import NAME, make_spec, person, rejected

HERE = "tests.unit.test_ledger_record"


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, UseCaseSpec]:
    """A night that is decided and not yet on the ledger."""
    home = Home(tmp_path_factory.mktemp("begun") / "home")
    spec = released(home)
    night(Lake(home.lake), spec)
    return home, spec


@pytest.fixture
def spec(begun: tuple[Home, UseCaseSpec]) -> UseCaseSpec:
    return begun[1]


@pytest.fixture
def there(begun: tuple[Home, UseCaseSpec], tmp_path: Path) -> Home:
    return copied(begun[0], tmp_path)[0]


@pytest.fixture
def lake(there: Home) -> Lake:
    return Lake(there.lake)


def lines(home: Home) -> list[str]:
    return (home.ledger_copy / f"{NAME}.jsonl").read_text().splitlines()


def seal(home: str) -> None:
    """The night's ledger, in a process that may be killed."""
    checkpoint_day(Lake(Path(home) / "lake"), Home(Path(home)), make_spec(), DAY, run_id="killed")


def test_a_night_is_put_on_the_ledger_once(there: Home, lake: Lake, spec: UseCaseSpec) -> None:
    written = checkpoint_day(lake, there, spec, DAY, run_id="first")
    assert [(one.sequence, one.kind, one.day, one.rows) for one in written] == [
        (1, "releases", None, 3),
        (2, "gates", DAY, 1),
        (3, "decisions", DAY, 6),
    ]
    assert [one.previous for one in written] == ["", *(one.digest for one in written[:-1])]
    decisions = written[-1]
    assert (decisions.revision, decisions.at) == (1, closes_at(DAY))
    assert decisions.table_version == lake.version(NAME, DECISIONS)
    assert set(decisions.said["inputs"]) == {SCORING_SET, PREDICTIONS}
    assert decisions.said["models"][0]["decisions"] == 6
    assert list(decisions.said["specs"]) == [spec.version]
    assert [json.loads(line) for line in lines(there)] == [one.as_json() for one in written]
    before = lake.version(NAME, CHECKPOINTS)
    assert checkpoint_day(lake, there, spec, DAY, run_id="again") == []
    assert lake.version(NAME, CHECKPOINTS) == before
    assert read_checkpoints(lake, NAME) == written


def test_what_comes_between_nights_is_put_on_it_by_those_who_do_it(
    there: Home, lake: Lake, spec: UseCaseSpec
) -> None:
    checkpoint_day(lake, there, spec, DAY, run_id="night")
    ids = day_rows(lake, DECISIONS).column("decision_id").to_pylist()
    at = NOW - timedelta(days=1)
    reviewed(lake, spec, ids[1], at=at)
    (one,) = checkpoint_reviews(lake, there, spec, [DAY])
    assert (one.kind, one.day, one.rows, one.at) == ("reviews", DAY, 1, at)
    reviewed(lake, spec, ids[3])
    (two,) = checkpoint_reviews(lake, there, spec, [DAY, NEXT])
    assert (two.rows, two.said["since"]["added"]) == (2, 1)
    rejected(there, lake, spec, 1, person(there, lake, "bob"))
    (three,) = checkpoint_releases(lake, there, spec)
    assert (three.kind, three.rows) == ("releases", 4)
    assert checkpoint_releases(lake, there, spec) == []
    result = GateResult("scoring_population", SCORING_SET, "fail", "late rows", {}, {}, "e2")
    for day in (DAY, NEXT):
        record(lake, NAME, day, result, spec_version=spec.version, run_id="later")
    # Of the other day there is no night on the ledger.
    (four,) = checkpoint_gates(lake, there, spec, [DAY, NEXT], run_id="later")
    assert (four.kind, four.day, four.said["verdicts"]) == ("gates", DAY, {"fail": 1})
    assert verify(lake, there, spec, now=NOW).sound
    assert len(lines(there)) == 7


def test_gates_judged_anew_are_put_on_the_ledger_or_it_is_told(
    there: Home, lake: Lake, spec: UseCaseSpec
) -> None:
    checkpoint_day(lake, there, spec, DAY, run_id="night")
    for verdict in ("fail", "pass"):
        result = GateResult("rows", "cases", verdict, "counted again", {}, {}, "e")
        record(lake, NAME, DAY, result, spec_version=spec.version, run_id="late rows")
        assert put_judged_anew(lake, there, spec, [DAY, NEXT], "late rows") == ""
        assert verify(lake, there, spec, now=NOW).sound
    assert put_judged_anew(lake, there, spec, [], "late rows") == ""
    assert not there.alert_log.exists()
    file = there.ledger_copy / f"{NAME}.jsonl"
    file.write_text("something else\n")
    record(lake, NAME, DAY, replace(result, verdict="fail"), spec_version="v", run_id="again")
    for _ in range(2):
        assert "second copy" in put_judged_anew(lake, there, spec, [DAY], "again")
    (alert,) = there.alert_log.read_text().splitlines()
    assert "are not what the ledger says they were" in alert


def test_training_gates_come_and_go_without_the_ledger(
    there: Home, lake: Lake, spec: UseCaseSpec
) -> None:
    checkpoint_day(lake, there, spec, DAY, run_id="night")
    result = GateResult("training.leak", "model abc", "pass", "fine", {}, {}, "e")
    record(lake, NAME, DAY, result, spec_version=spec.version, run_id="training")
    assert verify(lake, there, spec, now=NOW).sound


def test_a_night_without_cases_is_on_the_ledger_too(
    there: Home, lake: Lake, spec: UseCaseSpec
) -> None:
    night(lake, spec, NEXT, count=0)
    written = checkpoint_day(lake, there, spec, NEXT, run_id="night")
    assert [(one.kind, one.rows) for one in written][-1] == ("decisions", 0)
    assert verify(lake, there, spec, now=NOW).findings[0].where == f"decisions of {DAY}"


def test_the_copy_can_be_elsewhere(
    there: Home, lake: Lake, spec: UseCaseSpec, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere" / "yet"
    checkpoint_day(lake, Home(there.root, elsewhere), spec, DAY, run_id="night")
    assert len((elsewhere / f"{NAME}.jsonl").read_text().splitlines()) == 3
    assert not there.ledger_copy.exists()
    # A place that is named later gets everything.
    checkpoint_day(lake, there, spec, DAY, run_id="night")
    assert len(lines(there)) == 3


@pytest.mark.parametrize("kept", [0, 1, 17])
def test_a_torn_line_of_the_copy_is_made_whole(
    there: Home, lake: Lake, spec: UseCaseSpec, kept: int
) -> None:
    checkpoint_day(lake, there, spec, DAY, run_id="night")
    file = there.ledger_copy / f"{NAME}.jsonl"
    whole = file.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    file.write_bytes(whole[: last + kept])
    assert "it ends 1 checkpoint before" in verify(lake, there, spec, now=NOW).findings[0].what
    assert checkpoint_day(lake, there, spec, DAY, run_id="again") == []
    assert file.read_bytes() == whole


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Work]:
    with Work(tmp_path_factory.mktemp("work"), HERE, "deltalake", "pyarrow.dataset") as work:
        yield work


@pytest.mark.parametrize("point", ["lake.writing", "lake.committed", "lake.synced"])
def test_killed_anywhere_the_next_run_completes_it(
    work: Work, begun: tuple[Home, UseCaseSpec], tmp_path: Path, point: str
) -> None:
    """The last commit but one is the spec's; the last one is that of the checkpoints."""
    number, ended = 0, False
    while not ended:
        number += 1
        home, lake = copied(begun[0], tmp_path / str(number))
        outcome = work.do(HERE, "seal", str(home.root), at=f"{point}:{number}")
        ended = outcome.code == 0
        assert ended or outcome.code == -signal.SIGKILL, outcome.said
        seal(str(home.root))
        found = verify(lake, home, begun[1], now=NOW)
        assert found.sound, found.as_text()
        assert len(read_checkpoints(lake, NAME)) == len(lines(home)) == 3
    assert number == 3  # the spec, the checkpoints, and once without being killed


def test_two_at_once_make_one_chain(
    work: Work, begun: tuple[Home, UseCaseSpec], tmp_path: Path
) -> None:
    home, lake = copied(begun[0], tmp_path)
    seal(str(home.root))
    put_decisions(
        lake,
        begun[1],
        DAY,
        revised(day_rows(lake, DECISIONS), 0, decision="refer", revision=2),
    )
    children = [work.start(HERE, "seal", str(home.root)) for _ in range(3)]
    assert [work.end(child).code for child in children] == [0, 0, 0]
    assert len(read_checkpoints(lake, NAME)) == len(lines(home)) == 4
    assert verify(lake, home, begun[1], now=NOW).sound


# --------------------------------------------------------------------------------- specs, retention


def test_the_spec_is_kept_as_it_was(there: Home, lake: Lake, spec: UseCaseSpec) -> None:
    checkpoint_day(lake, there, spec, DAY, run_id="night")
    kept = kept_spec(lake, NAME, spec.version)
    assert kept.spec == spec
    assert kept.parsed_version == kept.version == kept.sha256[:12]
    with pytest.raises(SpecNotKept, match="was not kept"):
        kept_spec(lake, NAME, "0" * 12)


def test_what_the_ledger_cites_stays_readable(there: Home, lake: Lake, spec: UseCaseSpec) -> None:
    assert set(undercut(lake, spec, DECISIONS)) == set(retention_settings(timedelta(days=1)))
    short = [one for one in verify(lake, there, spec, now=NOW).findings if one.check == "retention"]
    assert {one.where for one in short} == {t for t in CITED if lake.exists(NAME, t)}
    checkpoint_day(lake, there, spec, DAY, run_id="night")
    for table in CITED:
        assert not undercut(lake, spec, table)
    wanted = {"delta.deletedFileRetentionDuration": "interval 1825 days"}
    assert wanted.items() <= settings(lake, NAME, DECISIONS).items()
    assert verify(lake, there, spec, now=NOW).sound
    # Vacuum keeps to it.
    from deltalake import DeltaTable

    night(lake, spec, count=5)
    delta = DeltaTable(str(lake.path(NAME, DECISIONS)))
    assert delta.vacuum(dry_run=True) == []


def test_settings_that_undercut_are_found_and_lengthened(
    there: Home, lake: Lake, spec: UseCaseSpec
) -> None:
    checkpoint_day(lake, there, spec, DAY, run_id="night")
    change_settings(lake, NAME, PREDICTIONS, {"delta.logRetentionDuration": "interval 3 weeks"})
    (one,) = verify(lake, there, spec, now=NOW).findings
    assert (one.check, one.where) == ("retention", PREDICTIONS)
    assert "delta.logRetentionDuration is interval 3 weeks" in one.what
    assert ensure_retention(lake, spec) == [PREDICTIONS]
    assert ensure_retention(lake, spec) == []
    longer = {"delta.logRetentionDuration": "interval 4000 days"}
    change_settings(lake, NAME, PREDICTIONS, longer)
    assert ensure_retention(lake, spec) == []
    assert longer.items() <= settings(lake, NAME, PREDICTIONS).items()


@pytest.mark.parametrize(
    ("text", "keeps"),
    [
        ("interval 30 days", timedelta(days=30)),
        ("INTERVAL 1 week", timedelta(weeks=1)),
        ("interval 36 hours", timedelta(hours=36)),
        ("interval soon", timedelta(0)),
        ("30 days", timedelta(0)),
    ],
)
def test_intervals(text: str, keeps: timedelta) -> None:
    assert duration(text) == keeps


def test_retention_settings_are_never_shorter() -> None:
    for keep in (timedelta(days=3), timedelta(hours=30), timedelta(days=1, seconds=1)):
        for written in retention_settings(keep).values():
            assert keep <= duration(written) < keep + timedelta(hours=1)


def test_a_hundred_thousand_decisions_take_a_moment(
    there: Home, lake: Lake, spec: UseCaseSpec
) -> None:
    import time

    one = day_rows(lake, DECISIONS).slice(0, 1).to_pylist()[0]
    rows = pa.Table.from_pylist([one], schema=day_rows(lake, DECISIONS).schema)
    many = rows.take(pa.array([0] * 100_000))
    keys = pa.array([f"case-{n:06d}" for n in range(100_000)])
    for name in ("decision_id", "case_key"):
        many = many.set_column(many.schema.get_field_index(name), name, keys)
    put_decisions(lake, spec, NEXT, many)
    began = time.process_time()
    written = checkpoint_day(lake, there, spec, NEXT, run_id="night")
    found = verify(lake, there, spec, now=datetime(2026, 9, 2, tzinfo=UTC))
    assert time.process_time() - began < 10
    assert written[-1].rows == 100_000
    assert {one.where for one in found.findings} == {f"decisions of {DAY}"}


def test_many_small_files_are_put_together_and_say_the_same(
    there: Home, lake: Lake, spec: UseCaseSpec
) -> None:
    checkpoint_day(lake, there, spec, DAY, run_id="night")
    ids = day_rows(lake, DECISIONS).column("decision_id").to_pylist()
    for number in range(MOST + 1):
        one = {"review_id": f"r{number:03d}", "sequence": number + 1}
        reviewed(lake, spec, ids[1], **one, at=NOW - timedelta(seconds=100 - number))
    (sealed,) = checkpoint_reviews(lake, there, spec, [DAY])
    assert compact(lake, NAME, REVIEWS)
    assert not compact(lake, NAME, CHECKPOINTS)
    assert not compact(lake, NAME, REVIEWS)
    assert len(list(lake.dataset(NAME, REVIEWS).get_fragments())) == 1
    assert checkpoint_day(lake, there, spec, DAY, run_id="again") == []
    assert verify(lake, there, spec, now=NOW).sound
    reviewed(lake, spec, ids[1], review_id="one more", sequence=99)
    (more,) = checkpoint_reviews(lake, there, spec, [DAY])
    assert (more.rows, more.said["since"]["checkpoint"]) == (MOST + 2, sealed.sequence)
