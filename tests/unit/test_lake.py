"""The lake: a day is replaced whole or not at all, and only when its content differs."""

import json
import math
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.content import content_digest
from assets.lake import PARTITION, Lake, LakeError

DAY, NEXT = date(2026, 3, 1), date(2026, 3, 2)
SCHEMA = pa.schema([("case", pa.string()), ("score", pa.float64()), ("run_id", pa.string())])


def rows(*cases: tuple[str, float | None], run_id: str = "first") -> pa.Table:
    return pa.table(
        {
            "case": [case for case, _ in cases],
            "score": [score for _, score in cases],
            "run_id": [run_id] * len(cases),
        },
        schema=SCHEMA,
    )


TWO = rows(("a", 0.1), ("b", 0.2))


@pytest.fixture
def table(lake: Lake) -> Lake:
    """A lake with one empty table, ``plant/scores``."""
    lake.ensure("plant", "scores", SCHEMA)
    return lake


def test_the_first_write_of_a_day_is_a_new_version_and_reads_back(table: Lake) -> None:
    before = table.version("plant", "scores")
    commit = table.replace_day("plant", "scores", DAY, TWO, {"run_id": "first"})
    assert commit.changed
    assert commit.version == before + 1 == table.version("plant", "scores")
    assert table.read_day("plant", "scores", DAY).drop_columns([PARTITION]).equals(TWO)
    assert table.last_commit_metadata("plant", "scores")["run_id"] == "first"


@pytest.mark.parametrize(
    "same",
    [TWO, TWO.take([1, 0]), rows(("a", 0.1), ("b", 0.2), run_id="second")],
    ids=["as it was", "in another order", "by another run"],
)
def test_the_same_content_again_changes_no_version(table: Lake, same: pa.Table) -> None:
    first = table.replace_day("plant", "scores", DAY, TWO)
    again = table.replace_day("plant", "scores", DAY, same)
    assert not again.changed
    assert again.version == first.version == table.version("plant", "scores")
    # Of two runs that found the same, the first is on record.
    runs = table.read_day("plant", "scores", DAY).column("run_id").to_pylist()
    assert set(runs) == {"first"}


@pytest.mark.parametrize(
    "scores",
    [(0.1, math.nan), (None, math.nan), (-0.0, 0.0), (None, None)],
    ids=["a NaN", "null and NaN", "both zeros", "nulls"],
)
def test_odd_numbers_are_no_change_either(
    table: Lake, scores: tuple[float | None, float | None]
) -> None:
    content = rows(*((name, score) for name, score in zip("ab", scores, strict=True)))
    assert table.replace_day("plant", "scores", DAY, content).changed
    assert not table.replace_day("plant", "scores", DAY, content.take([1, 0])).changed


@pytest.mark.parametrize(
    "other",
    [
        rows(("a", 0.1), ("b", 0.3)),
        rows(("a", 0.1), ("b", None)),
        rows(("a", 0.1)),
        rows(("a", 0.1), ("b", 0.2), ("b", 0.2)),
        rows(),
    ],
    ids=["a value", "a null", "a row less", "a row twice", "nothing"],
)
def test_other_content_is_a_new_version_and_the_old_one_stays_readable(
    table: Lake, other: pa.Table
) -> None:
    table.replace_day("plant", "scores", NEXT, TWO)
    old = table.replace_day("plant", "scores", DAY, TWO)
    new = table.replace_day("plant", "scores", DAY, other)
    assert new.changed
    assert new.version == old.version + 1
    there = table.read_day("plant", "scores", DAY)
    assert content_digest(there.drop_columns([PARTITION])) == content_digest(other)
    # The neighbouring day and the version before are what they were.
    assert table.read_day("plant", "scores", NEXT).num_rows == 2
    before = table.read(
        "plant", "scores", where=ds.field(PARTITION) == ds.scalar(DAY), version=old.version
    )
    assert content_digest(before.drop_columns([PARTITION])) == content_digest(TWO)


def test_a_range_is_replaced_in_one_commit(table: Lake) -> None:
    days = [DAY + timedelta(days=n) for n in range(3)]
    for day in days:
        table.replace_day("plant", "scores", day, TWO)
    before = table.version("plant", "scores")
    kept = TWO.append_column(PARTITION, pa.array([days[2], days[2]], pa.date32()))
    commit = table.replace_days("plant", "scores", days[1], days[2], kept)
    assert commit.version == before + 1
    assert table.days("plant", "scores") == [days[0], days[2]]


def test_days_are_those_with_rows_ascending(table: Lake) -> None:
    assert table.days("plant", "scores") == []
    assert table.days("plant", "nothing_here") == []
    for day in (NEXT, DAY):
        table.replace_day("plant", "scores", day, TWO)
    table.replace_day("plant", "scores", date(2026, 3, 9), rows())
    assert table.days("plant", "scores") == [DAY, NEXT]


def test_rows_of_another_day_are_refused_and_nothing_is_written(table: Lake) -> None:
    table.replace_day("plant", "scores", DAY, TWO)
    before = table.version("plant", "scores")
    late = TWO.append_column(PARTITION, pa.array([DAY, NEXT], pa.date32()))
    with pytest.raises(LakeError, match=r"2026-03-01\.\.2026-03-02 offered for plant/scores"):
        table.replace_days("plant", "scores", DAY, DAY, late)
    assert table.version("plant", "scores") == before


@pytest.mark.parametrize(
    "misfit",
    [TWO.drop_columns(["score"]), TWO.set_column(1, "score", pa.array(["x", "y"]))],
    ids=["a column is missing", "text for a number"],
)
def test_rows_that_do_not_fit_are_refused_and_nothing_is_written(
    table: Lake, misfit: pa.Table
) -> None:
    before = table.version("plant", "scores")
    with pytest.raises(LakeError, match=r"plant/scores do not fit it: .*; nothing was written"):
        table.replace_day("plant", "scores", DAY, misfit)
    assert table.version("plant", "scores") == before


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (SCHEMA.append(pa.field("reason", pa.string())), r"new: \['reason'\]"),
        (SCHEMA.remove(1), r"missing now: \['score'\]"),
        (SCHEMA.set(1, pa.field("score", pa.int64())), r"score: double then, int64 now"),
    ],
    ids=["column added", "column gone", "type changed"],
)
def test_a_changed_schema_is_refused_with_what_to_do(
    table: Lake, changed: pa.Schema, said: str
) -> None:
    with pytest.raises(LakeError, match=said) as refused:
        table.ensure("plant", "scores", changed)
    assert "plant/scores" in str(refused.value)
    assert f"move {table.path('plant', 'scores')} away" in str(refused.value)


def test_the_same_schema_in_another_order_is_welcome(table: Lake) -> None:
    table.replace_day("plant", "scores", DAY, TWO)
    table.ensure("plant", "scores", pa.schema(list(SCHEMA)[::-1]))
    swapped = TWO.select(["run_id", "score", "case"])
    assert not table.replace_day("plant", "scores", DAY, swapped).changed


def test_a_table_that_is_not_there_is_named(lake: Lake) -> None:
    with pytest.raises(LakeError, match="plant/scores does not exist yet"):
        lake.read("plant", "scores")
    assert not lake.root.exists()


def test_an_append_only_table_takes_rows_and_refuses_an_overwrite(lake: Lake) -> None:
    lake.ensure("plant", "events", SCHEMA, partitioned=False, append_only=True)
    lake.append("plant", "events", rows(("a", 0.1)))
    lake.append("plant", "events", rows(("b", 0.2)))
    before = lake.version("plant", "events")
    with pytest.raises(Exception, match="append-only"):
        lake.replace_all("plant", "events", TWO.slice(0, 1))
    assert lake.version("plant", "events") == before
    assert sorted(lake.read("plant", "events").column("case").to_pylist()) == ["a", "b"]


@pytest.mark.parametrize("folder", ["a lake", "50% off", "lake#1", "lake?", "mére"])
def test_a_home_may_be_called_anything(tmp_path: Path, folder: str) -> None:
    """Delta's log holds addresses, Arrow is given paths: what is escaped must be so once."""
    there = Lake(tmp_path / folder)
    there.ensure("plant", "scores", SCHEMA)
    there.replace_day("plant", "scores", DAY, TWO)
    there.replace_day("plant", "scores", NEXT, rows(("c", 0.3)))
    assert there.read_day("plant", "scores", DAY).drop_columns([PARTITION]).equals(TWO)
    assert there.read("plant", "scores").num_rows == 3


def test_replace_all_is_idempotent_too(lake: Lake) -> None:
    lake.ensure("plant", "facts", SCHEMA, partitioned=False)
    first = lake.replace_all("plant", "facts", TWO)
    assert not lake.replace_all("plant", "facts", TWO.take([1, 0])).changed
    second = lake.replace_all("plant", "facts", rows(("c", 0.3)))
    assert (second.changed, second.version) == (True, first.version + 1)
    assert lake.read("plant", "facts").column("case").to_pylist() == ["c"]


def test_times_come_back_in_utc_microseconds(lake: Lake) -> None:
    schema = pa.schema([("at", pa.timestamp("us", tz="UTC"))])
    lake.ensure("plant", "times", schema)
    at = datetime(2026, 3, 1, 23, 59, 59, 999999, tzinfo=UTC)
    lake.replace_day("plant", "times", DAY, pa.table({"at": [at]}, schema=schema))
    back = lake.read_day("plant", "times", DAY).column("at")
    assert back.type == schema.field("at").type
    assert back.to_pylist() == [at]


@pytest.mark.parametrize("there", [TWO, rows()], ids=["a day there", "a new day"])
def test_of_two_concurrent_overwrites_of_a_day_one_is_refused(
    table: Lake, there: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have read the same version before either commits: the second must not win in silence."""
    from deltalake.exceptions import CommitFailedError

    table.replace_day("plant", "scores", DAY, there)
    before = table.version("plant", "scores")
    both_have_read = threading.Barrier(2, timeout=30)
    from assets import lake as module

    same = module.same_content

    def wait(stored: pa.Table, offered: pa.Table) -> bool:
        verdict = same(stored, offered)
        both_have_read.wait()
        return verdict

    monkeypatch.setattr(module, "same_content", wait)
    outcomes: dict[str, object] = {}

    def write(case: str) -> None:
        try:
            outcomes[case] = Lake(table.root).replace_day("plant", "scores", DAY, rows((case, 1.0)))
        except CommitFailedError as error:
            outcomes[case] = error

    writers = [threading.Thread(target=write, args=(case,)) for case in ("x", "y")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    refused = [case for case, what in outcomes.items() if isinstance(what, CommitFailedError)]
    assert len(outcomes) == 2
    assert len(refused) == 1
    (winner,) = set(outcomes) - set(refused)
    assert table.read_day("plant", "scores", DAY).column("case").to_pylist() == [winner]
    assert table.version("plant", "scores") == before + 1


WRITER = """
import sys
from datetime import date
from pathlib import Path
import pyarrow as pa
from assets import lake as module
same = module.same_content
def wait(there, offered):
    verdict = same(there, offered)
    print("read", flush=True)
    sys.stdin.readline()
    return verdict
module.same_content = wait
schema = pa.schema([("case", pa.string()), ("score", pa.float64()), ("run_id", pa.string())])
rows = pa.table({"case": ["x"], "score": [1.0], "run_id": ["other"]}, schema=schema)
from deltalake.exceptions import CommitFailedError
try:
    module.Lake(Path(sys.argv[1])).replace_day("plant", "scores", date(2026, 3, 1), rows)
except CommitFailedError:
    print("refused", flush=True)
else:
    print("written", flush=True)
"""


def test_another_process_that_read_before_our_commit_is_refused(table: Lake) -> None:
    table.replace_day("plant", "scores", DAY, TWO)
    other = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(table.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "read\n"
    ours = table.replace_day("plant", "scores", DAY, rows(("ours", 0.5)))
    said, _ = other.communicate("go\n", timeout=60)
    assert said == "refused\n"
    assert table.version("plant", "scores") == ours.version
    assert table.read_day("plant", "scores", DAY).column("case").to_pylist() == ["ours"]


EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
CELLS = st.fixed_dictionaries(
    {
        "case": st.none() | st.text(max_size=3),
        "score": st.none() | st.floats(width=64),
        "count": st.none() | st.integers(-5, 5),
        "open": st.none() | st.booleans(),
        "at": st.none()
        | st.integers(-(10**15), 10**15).map(lambda n: EPOCH + timedelta(microseconds=n)),
    }
)
CONTENT = pa.schema(
    [
        ("case", pa.string()),
        ("score", pa.float64()),
        ("count", pa.int64()),
        ("open", pa.bool_()),
        ("at", pa.timestamp("us", tz="UTC")),
    ]
)


@given(st.lists(CELLS, max_size=8), st.randoms(use_true_random=False), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_the_digest_does_not_depend_on_order_or_chunks(
    content: list[dict[str, object]], shuffled: "object", size: int
) -> None:
    import random

    assert isinstance(shuffled, random.Random)
    table = pa.Table.from_pylist(content, schema=CONTENT)
    order = list(range(len(content)))
    shuffled.shuffle(order)
    other = table.take(order) if order else table
    chunks = [other.slice(n, size) for n in range(0, other.num_rows, size)]
    assert content_digest(pa.concat_tables([table.slice(0, 0), *chunks])) == content_digest(table)


@given(st.lists(CELLS, min_size=1, max_size=6), st.data())
@settings(max_examples=40, deadline=None)
def test_the_digest_tells_another_content(
    content: list[dict[str, object]], data: st.DataObject
) -> None:
    table = pa.Table.from_pylist(content, schema=CONTENT)
    row = data.draw(st.integers(0, len(content) - 1))
    count = content[row]["count"]
    changed = [dict(cells) for cells in content]
    changed[row]["count"] = 0 if count is None else None
    assert content_digest(pa.Table.from_pylist(changed, schema=CONTENT)) != content_digest(table)
    assert content_digest(table.slice(1)) != content_digest(table)


def test_the_digest_ignores_who_wrote_and_how_it_was_cut() -> None:
    assert content_digest(TWO) == content_digest(rows(("a", 0.1), ("b", 0.2), run_id="other"))
    assert content_digest(TWO.slice(1, 1)) == content_digest(rows(("b", 0.2)))
    assert content_digest(TWO) == content_digest(TWO.replace_schema_metadata({"made": "by hand"}))


def test_whoever_opens_a_table_reads_few_commits(lake: Lake) -> None:
    schema = pa.schema([("n", pa.int64())])
    lake.ensure("plant", "counted", schema, partitioned=False, append_only=True)
    for number in range(21):
        lake.append("plant", "counted", pa.table({"n": [number]}))
    log = lake.path("plant", "counted") / "_delta_log"
    newest = json.loads((log / "_last_checkpoint").read_text())["version"]
    assert lake.version("plant", "counted") - newest < 10
    assert lake.read("plant", "counted").num_rows == 21
