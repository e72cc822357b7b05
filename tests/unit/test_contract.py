"""The door: each rule fires and stays silent, files are refused with a reason, and nothing that
was taken before is touched."""

import gzip
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.home import Home
from assets.ingestion.contract import Passed, arrow_schema, pass_file
from assets.ingestion.landing import LandingError
from assets.ingestion.quarantine import broken_rules
from assets.lake import PARTITION, Lake, LakeError
from assets.source_spec import SourceSpec
from assets.spec import UseCaseSpec
from assets.tables import quarantine, validated
from tests.small_case import (
    KEY,
    START,
    csv_text,
    event,
    land,
    land_events,
    small_spec,
    take,
)

SPEC = small_spec()
EVENTS = SPEC.sources["events"]
NEXT = START + timedelta(days=1)


def judged(home: Home, content: str | bytes, spec: SourceSpec = EVENTS) -> Passed:
    path = land(home, "events", f"events_{START}.csv", content)
    return pass_file(path, spec, START if spec.timestamp else None, KEY, home.scratch)


def one_column(**declared: Any) -> SourceSpec:
    """A source of a key and one column under test, not required."""
    column = {"required": False, **declared}
    return SourceSpec.model_validate({"columns": {"id": {"type": "int"}, "x": column}})


@pytest.mark.parametrize(
    ("declared", "cell", "value"),
    [
        ({"type": "int"}, "12", 12),
        ({"type": "int"}, "-3", -3),
        ({"type": "int"}, "4.0", 4),
        ({"type": "float"}, "1e-3", 0.001),
        ({"type": "bool"}, "true", True),
        ({"type": "bool"}, "0", False),
        ({"type": "date"}, "2026-02-28", date(2026, 2, 28)),
        ({"type": "timestamp"}, "2026-03-01T10:00:00Z", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        # Without an offset a time is UTC; with one it is converted.
        ({"type": "timestamp"}, "2026-03-01 10:00:00", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ({"type": "timestamp"}, "2026-03-01T10:00:00+02:00", datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ({"type": "string"}, "a b", "a b"),
        ({"type": "string", "values": ["a", "b"]}, "b", "b"),
        ({"type": "int", "min": 1, "max": 5}, "1", 1),
        ({"type": "int", "min": 1, "max": 5}, "5", 5),
        ({"type": "float", "min": 0}, "0", 0.0),
        ({"type": "int"}, "", None),
        ({"type": "string", "values": ["a"]}, "", None),
        ({"type": "int", "min": 1}, "", None),
    ],
)
def test_a_value_that_keeps_the_rules_passes(
    home: Home, declared: dict[str, Any], cell: str, value: object
) -> None:
    passed = judged(home, f"id,x\n1,{cell}\n", one_column(**declared))
    assert passed.quarantined.num_rows == 0
    assert passed.validated.to_pylist() == [{"id": 1, "x": value}]


@pytest.mark.parametrize(
    ("declared", "cell", "rule", "message"),
    [
        ({"type": "int"}, "many", "type", "'many' is no int"),
        ({"type": "int"}, "1.5", "type", "'1.5' is no whole number"),
        ({"type": "float"}, "1;5", "type", "'1;5' is no float"),
        ({"type": "bool"}, "maybe", "type", "'maybe' is no bool"),
        ({"type": "date"}, "2026-02-30", "type", "'2026-02-30' is no date"),
        ({"type": "timestamp"}, "noon", "type", "'noon' is no timestamp"),
        ({"type": "timestamp"}, "infinity", "type", "'infinity' is no timestamp"),
        ({"type": "date"}, "-infinity", "type", "'-infinity' is no date"),
        ({"type": "int", "required": True}, "", "required", "a value is required"),
        ({"type": "string", "required": True}, '""', "required", "a value is required"),
        ({"type": "int", "min": 1}, "0", "range", "0 < 1.0"),
        ({"type": "float", "max": 5}, "5.01", "range", "5.01 > 5.0"),
        ({"type": "float"}, "inf", "range", "not a finite number"),
        ({"type": "float"}, "nan", "range", "not a finite number"),
        ({"type": "string", "values": ["a"]}, "A", "values", "'A' is not an agreed value"),
        # A quote in a value must not end the SQL it is judged by.
        ({"type": "string", "values": ["a'b"]}, "b'a", "values", "'b'a' is not an agreed value"),
    ],
)
def test_a_value_that_breaks_a_rule_is_set_aside_with_the_reason(
    home: Home, declared: dict[str, Any], cell: str, rule: str, message: str
) -> None:
    passed = judged(home, f"id,x\n1,{cell}\n", one_column(**declared))
    assert passed.validated.num_rows == 0
    (row,) = passed.quarantined.to_pylist()
    assert (row["column"], row["rule"], row["message"]) == ("x", rule, message)
    assert (row["record"], row["line"]) == (2, 2)
    assert json.loads(row["original"]) == {"id": "1", "x": cell.strip('"') or None}


def test_declared_spellings_of_null_are_null_and_no_others(home: Home) -> None:
    spec = SourceSpec.model_validate(
        {"nulls": ["NA", "-"], "columns": {"x": {"type": "int", "required": False}}}
    )
    passed = judged(home, "x\nNA\n-\nn/a\n3\n", spec)
    assert passed.validated.to_pylist() == [{"x": None}, {"x": None}, {"x": 3}]
    assert [row["message"] for row in passed.quarantined.to_pylist()] == ["'n/a' is no int"]


def test_rows_of_another_utc_day_are_set_aside(home: Home) -> None:
    rows = [
        event(0, happened_at=f"{START}T00:00:00Z"),
        event(1, happened_at=f"{START}T23:59:59.999999Z"),
        event(2, happened_at=f"{NEXT}T00:00:00Z"),
        event(3, happened_at=f"{NEXT}T01:00:00+02:00"),
    ]
    passed = judged(home, csv_text(rows))
    assert passed.validated.column("event_id").to_pylist() == [
        rows[0]["event_id"],
        rows[1]["event_id"],
        rows[3]["event_id"],
    ]
    (row,) = passed.quarantined.to_pylist()
    assert row["rule"] == "future"
    assert row["message"] == "dated 2026-03-02, after this file's day 2026-03-01"


@pytest.mark.parametrize(
    "broken",
    ["1", "1,2,3", '1,"2"2', '1,"two\nlines"x', "1,2,3,4,5"],
    ids=["too few", "too many", "stray quote", "stray quote over lines", "far too many"],
)
def test_a_row_that_cannot_be_cut_into_cells_is_set_aside_as_it_is(home: Home, broken: str) -> None:
    passed = judged(home, f"id,x\n7,8\n{broken}\n9,10\n", one_column(type="int"))
    assert passed.landed == 3
    assert passed.validated.column("id").to_pylist() == [7, 9]
    (row,) = passed.quarantined.to_pylist()
    assert (row["rule"], row["column"], row["line"]) == ("shape", None, 3)
    assert row["original"] == broken
    assert row["message"]


def test_the_first_row_may_be_the_broken_one(home: Home) -> None:
    passed = judged(home, 'id,x\n1,"2"2\n3,4\n', one_column(type="int"))
    assert (passed.landed, passed.validated.num_rows) == (2, 1)
    assert passed.quarantined.column("rule").to_pylist() == ["shape"]


def test_a_first_row_like_a_comment_or_a_title_is_a_row(home: Home) -> None:
    spec = SourceSpec.model_validate({"columns": {"id": {"type": "string"}}})
    passed = judged(home, "id\n# 1\nReport\n", spec)
    assert passed.validated.column("id").to_pylist() == ["# 1", "Report"]


def test_lines_are_those_of_the_file_past_ragged_rows_blank_lines_and_long_cells(
    home: Home,
) -> None:
    spec = SourceSpec.model_validate({"columns": {"a": {"type": "string"}, "n": {"type": "int"}}})
    lines = [
        "a,n",
        "x,1",
        "ragged",
        "",
        '"two',
        'lines",2',
        "bad,z",
        "",
        '"an',
        'other",y',
        "r,1,2",
    ]
    passed = judged(home, "\n".join(lines), spec)
    found = {row["line"]: row["rule"] for row in passed.quarantined.to_pylist()}
    assert found == {3: "shape", 7: "type", 9: "type", 11: "shape"}
    assert passed.validated.to_pylist() == [{"a": "x", "n": 1}, {"a": "two\nlines", "n": 2}]
    assert passed.landed == 6


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_line_ends_inside_cells_are_kept(home: Home, ends: str) -> None:
    spec = SourceSpec.model_validate({"columns": {"a": {"type": "string"}, "n": {"type": "int"}}})
    text = ends.join(["a,n", '"one\ntwo",1', '"three\r\nfour",2', "five,3", ""])
    passed = judged(home, text, spec)
    assert passed.validated.column("a").to_pylist() == ["one\ntwo", "three\r\nfour", "five"]
    assert passed.quarantined.num_rows == 0


@pytest.mark.parametrize("name", ["violation", "original", "row", "v_x", "value_0", "raw_1", "1 X"])
def test_a_column_may_have_any_name(home: Home, name: str) -> None:
    spec = SourceSpec.model_validate({"columns": {"x": {"type": "int"}, name: {"type": "string"}}})
    passed = judged(home, f"{name},x\nkept,1\nlost,no\n", spec)
    assert passed.validated.to_pylist() == [{"x": 1, name: "kept"}]
    (row,) = passed.quarantined.to_pylist()
    assert json.loads(row["original"]) == {"x": "no", name: "lost"}


def test_a_byte_order_mark_and_a_packed_file_are_read(home: Home) -> None:
    text = "id,x\n1,é\n2,z\n"
    plain = judged(home, b"\xef\xbb\xbf" + text.encode(), one_column(type="string"))
    path = land(home, "events", f"events_{START}.csv.gz", gzip.compress(text.encode()))
    packed = pass_file(path, one_column(type="string"), None, KEY, home.scratch)
    assert plain.validated.to_pylist() == [{"id": 1, "x": "é"}, {"id": 2, "x": "z"}]
    assert packed.validated.equals(plain.validated)
    assert plain.extra_columns == packed.extra_columns == []


def test_columns_in_another_order_and_more_of_them_are_taken_and_reported(home: Home) -> None:
    passed = judged(home, "note,x,id\nhello,5,1\n", one_column(type="int"))
    assert passed.validated.to_pylist() == [{"id": 1, "x": 5}]
    assert passed.extra_columns == ["note"]


def test_only_a_header_is_an_empty_day_not_an_error(home: Home) -> None:
    passed = judged(home, "id,x\n", one_column(type="int"))
    assert (passed.landed, passed.validated.num_rows, passed.quarantined.num_rows) == (0, 0, 0)
    assert passed.validated.schema == arrow_schema(one_column(type="int"))


REFUSED = {
    "empty": (b"", "has no header: it is empty where the names"),
    "a blank first line": (b"\nid,x\n1,2\n", "has no header: it is blank"),
    "junk": (bytes(range(128, 256)), "it is not UTF-8 text"),
    "a column missing": (b"id,y\n1,2\n", "lacks the column(s) x; it has id, y"),
    "another delimiter": (b"id;x\n1;2\n", "lacks the column(s) id, x; it has id;x"),
    "a column twice": (b"id,x,x\n1,2,3\n", "has the column(s) x more than once"),
    "another type": (
        b"id,x\n" + b"".join(b"%d,word\n" % n for n in range(12)),
        "column 'x' has no int among its 12 values (one of them: 'word')",
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_file_without_meaning_is_refused_whole_with_file_reason_and_cure(
    home: Home, why: str
) -> None:
    content, reason = REFUSED[why]
    with pytest.raises(LandingError) as refused:
        judged(home, content, one_column(type="int"))
    said = str(refused.value)
    assert reason in said
    assert f"events_{START}.csv" in said
    assert "replace the file" in said or "sk the source" in said
    assert "\n" not in said


def test_a_few_bad_values_are_rows_to_mend_not_a_wrong_file(home: Home) -> None:
    nine = judged(home, "id,x\n" + "1,word\n" * 9, one_column(type="int"))
    assert nine.quarantined.num_rows == 9
    one_good = judged(home, "id,x\n" + "1,word\n" * 50 + "1,2\n", one_column(type="int"))
    assert (one_good.quarantined.num_rows, one_good.validated.num_rows) == (50, 1)
    nulls = judged(home, "id,x\n" + "1,\n" * 50, one_column(type="int"))
    assert nulls.validated.num_rows == 50


def parquet(home: Home, table: pa.Table, spec: SourceSpec) -> Passed:
    path = land(home, "events", f"events_{START}.parquet", b"")
    pq.write_table(table, path)
    return pass_file(path, spec, None, KEY, home.scratch)


def parquet_spec(**columns: str) -> SourceSpec:
    declared = {name: {"type": type_, "required": False} for name, type_ in columns.items()}
    return SourceSpec.model_validate({"format": "parquet", "columns": declared})


def test_parquet_is_held_to_the_same_rules(home: Home) -> None:
    table = pa.table(
        {
            "n": pa.array([1.0, 2.5, None]),
            "at": pa.array([0, 1_000, 2_000], pa.timestamp("ns")),
            "word": pa.array(["a", "b", "c"]).dictionary_encode(),
            "more": [1, 2, 3],
        }
    )
    passed = parquet(home, table, parquet_spec(n="int", at="timestamp", word="string"))
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert passed.validated.to_pylist() == [
        {"n": 1, "at": epoch, "word": "a"},
        {"n": None, "at": epoch + timedelta(microseconds=2), "word": "c"},
    ]
    (row,) = passed.quarantined.to_pylist()
    assert (row["line"], row["message"]) == (2, "'2.5' is no whole number")
    assert passed.extra_columns == ["more"]
    assert passed.landed == 3


def test_parquet_of_another_type_is_refused_whole(home: Home) -> None:
    with pytest.raises(LandingError, match="column 'at' has no timestamp among its 20 values"):
        parquet(home, pa.table({"at": list(range(20))}), parquet_spec(at="timestamp"))


def test_parquet_that_lacks_a_column_or_is_cut_off_is_refused(home: Home) -> None:
    spec = parquet_spec(n="int", at="timestamp")
    with pytest.raises(LandingError, match=r"lacks the column\(s\) at; it has n"):
        parquet(home, pa.table({"n": [1]}), spec)
    path = home.landing_source("plant", "events") / f"events_{START}.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(LandingError, match="cannot be read as parquet"):
        pass_file(path, spec, None, KEY, home.scratch)
    path.write_bytes(b"")
    with pytest.raises(LandingError, match="cannot be read as parquet"):
        pass_file(path, spec, None, KEY, home.scratch)


def test_a_packed_file_cut_off_is_refused(home: Home) -> None:
    packed = gzip.compress(("id,x\n" + "1,2\n" * 50_000).encode())
    for name, content in (("cut", packed[: len(packed) // 2]), ("junk", b"no gzip at all")):
        path = land(home, "events", f"{name}_{START}.csv.gz", content)
        with pytest.raises(LandingError, match="cannot be read as csv"):
            pass_file(path, one_column(type="int"), None, KEY, home.scratch)


PERSONAL = ("u-7734", "badge-9321")


def everything(home: Home) -> str:
    """Every row of every lake table, as text."""
    lake = Lake(home.lake)
    tables = sorted(path.name for path in (home.lake / "plant").iterdir())
    return "\n".join(str(lake.read("plant", table).to_pylist()) for table in tables)


@pytest.mark.parametrize(
    "line",
    [
        "{good}",
        "{id},{unit},{badge},{day}T01:00:00Z,900,early,1",
        "{id},{unit},{badge},never,1,early,1",
        "{id},,{badge},{day}T01:00:00Z,1,early,1",
        "{id},{unit},{badge},{day}T01:00:00Z",
        '{id},{unit},{badge},{day}T01:00:00Z,"1"x,early,1',
        '{id},"{unit}"{badge},{day}T01:00:00Z,1,early,1',
    ],
    ids=["passes", "range", "type", "required", "ragged", "stray quote", "quote in the value"],
)
def test_personal_data_stays_at_the_door_whatever_happens_to_the_row(home: Home, line: str) -> None:
    unit, badge = PERSONAL
    row = event(1, unit=unit, badge=badge)
    good = csv_text([row])
    body = line.format(good=good.splitlines()[1], id="e1", unit=unit, badge=badge, day=START)
    land(home, "events", f"events_{START}.csv", good.splitlines()[0] + "\n" + body + "\n")
    done = take(SPEC, home)
    assert done.landed == done.validated + done.quarantined == 1
    text = everything(home)
    assert unit not in text
    assert badge not in text
    for path in home.lake.rglob("*"):
        if path.is_file():
            assert unit.encode() not in path.read_bytes(), path
            assert badge.encode() not in path.read_bytes(), path


def test_a_bad_personal_value_is_masked_in_the_message(home: Home) -> None:
    spec = SourceSpec.model_validate(
        {"columns": {"born": {"type": "date", "pii": "drop"}, "x": {"type": "int"}}}
    )
    passed = judged(home, "born,x\n31.12.1980,1\n", spec)
    (row,) = passed.quarantined.to_pylist()
    assert row["message"] == "'(masked)' is no date"
    assert json.loads(row["original"]) == {"born": "(masked)", "x": "1"}
    with pytest.raises(LandingError) as refused:
        judged(home, "born,x\n" + "31.12.1980,1\n" * 20, spec)
    assert "1980" not in str(refused.value)


def test_dropped_columns_are_absent_and_tokens_join_across_sources(home: Home) -> None:
    land_events(home, START, [event(1, unit="u1")])
    readings = f"unit,read_at,loaded_at,heat\nu1,{START}T00:00Z,{START}T00:00Z,1\n"
    land(home, "readings", f"readings_{START}.csv", readings)
    take(SPEC, home)
    take(SPEC, home, "readings")
    lake = Lake(home.lake)
    events = lake.read("plant", validated("events"))
    assert "badge" not in events.column_names
    token = events.column("unit").to_pylist()
    assert token == lake.read("plant", validated("readings")).column("unit").to_pylist()
    assert token != ["u1"]


# --- whole days, published -------------------------------------------------------------------


def versions(home: Home) -> dict[str, int]:
    lake = Lake(home.lake)
    tables = sorted(path.name for path in (home.lake / "plant").iterdir())
    return {table: lake.version("plant", table) for table in tables}


def test_a_day_is_published_with_its_numbers(home: Home) -> None:
    rows = [event(n) for n in range(5)] + [event(5, load=900), event(6, shift="noon")]
    land(home, "events", f"b_{START}.csv", csv_text(rows[:3]))
    land(home, "events", f"a_{START}.csv", csv_text([{**row, "note": "x"} for row in rows[3:]]))
    done = take(SPEC, home)
    assert (done.landed, done.validated, done.quarantined) == (7, 5, 2)
    assert done.files == [f"a_{START}.csv", f"b_{START}.csv"]
    assert done.extra_columns == ["note"]
    assert broken_rules(done.quarantine) == {"load: range": 1, "shift: values": 1}
    lake = Lake(home.lake)
    assert lake.read_day("plant", validated("events"), START).num_rows == 5
    aside = lake.read_day("plant", quarantine("events"), START)
    assert {row["file"] for row in aside.to_pylist()} == {f"a_{START}.csv"}
    about = lake.last_commit_metadata("plant", validated("events"))
    assert (about["run_id"], about["spec_version"]) == ("run", SPEC.version)


def test_the_same_day_again_changes_no_version(home: Home) -> None:
    land_events(home, START, [event(n, load=n * 30) for n in range(5)])
    assert take(SPEC, home).changed
    before = versions(home)
    assert not take(SPEC, home, run_id="another").changed
    assert versions(home) == before


@pytest.mark.parametrize("why", [*REFUSED, "gone"])
def test_a_refused_file_leaves_what_was_there(home: Home, why: str) -> None:
    path = land_events(home, START, [event(n, load=n * 30) for n in range(5)])
    land_events(home, NEXT, [event(1, NEXT)])
    take(SPEC, home)
    take(SPEC, home, first=NEXT)
    before = versions(home)
    if why == "gone":
        path.unlink()
    elif why == "another type":
        path.write_text(csv_text([event(n, load="heavy") for n in range(12)]))
    else:
        path.write_bytes(REFUSED[why][0])
    with pytest.raises(LandingError):
        take(SPEC, home)
    assert versions(home) == before
    # In a range the same file is refused too, and nothing of the good day is published.
    land_events(home, NEXT, [event(2, NEXT)])
    if why != "gone":
        with pytest.raises(LandingError, match=path.name):
            take(SPEC, home, first=START, last=NEXT)
        assert versions(home) == before


def test_a_range_with_holes_reports_them_and_empties_them(home: Home) -> None:
    days = [START + timedelta(days=n) for n in range(4)]
    land_events(home, days[2], [event(9, days[2])])
    take(SPEC, home, first=days[2])
    (home.landing_source("plant", "events") / f"events_{days[2]}.csv").unlink()
    for day in (days[0], days[3]):
        land_events(home, day, [event(1, day), event(2, day)])
    done = take(SPEC, home, first=days[0], last=days[3])
    assert done.days_without_file == [days[1], days[2]]
    assert Lake(home.lake).days("plant", validated("events")) == [days[0], days[3]]
    assert (done.landed, done.validated) == (4, 4)


def test_a_range_without_any_file_is_refused(home: Home) -> None:
    with pytest.raises(LandingError, match="no file for any day of 2026-03-01 to 2026-03-02"):
        take(SPEC, home, first=START, last=NEXT)


def test_an_optional_source_may_be_absent_for_a_day(home: Home) -> None:
    done = take(SPEC, home, "outcomes")
    assert (done.landed, done.files) == (0, [])
    assert Lake(home.lake).days("plant", validated("outcomes")) == []


def snapshot_spec() -> UseCaseSpec:
    return small_spec(sources__readings__arrival="snapshot")


def test_a_snapshot_lives_under_its_own_date_and_the_newest_stands(home: Home) -> None:
    spec = snapshot_spec()
    header = "unit,read_at,loaded_at,heat\n"
    for day, heat in (("2026-01-05", 1), ("2026-02-05", 2), ("2026-03-05", 3)):
        land(home, "readings", f"r_{day}.csv", f"{header}u1,{day}T00:00Z,{day}T00:00Z,{heat}\n")
    lake = Lake(home.lake)
    done = take(spec, home, "readings")
    assert done.files == ["r_2026-02-05.csv"]
    rows = lake.read("plant", validated("readings"))
    assert rows.column("heat").to_pylist() == [2.0]
    assert rows.column(PARTITION).to_pylist() == [date(2026, 2, 5)]
    assert not take(spec, home, "readings", first=NEXT).changed
    assert take(spec, home, "readings", first=date(2026, 3, 6)).changed
    assert lake.read("plant", validated("readings")).column("heat").to_pylist() == [3.0]


def test_a_spec_that_changed_a_type_is_refused_before_anything_is_written(home: Home) -> None:
    land_events(home, START, [event(1), event(2, load=900)])
    take(SPEC, home)
    before = versions(home)
    changed = small_spec(sources__events__columns__crew={"type": "float", "required": False})
    land_events(home, START, [event(1), event(2, load=901)])
    with pytest.raises(LakeError, match="crew: int64 then, double now"):
        take(changed, home)
    assert versions(home) == before
