"""Columns the door gives to rows whose file has no key and no time, and columns of other names."""

import csv
import gzip
import io
import json
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.home import Home
from assets.ingestion.contract import Passed, pass_file
from assets.ingestion.corrections import CorrectedRow, file_content
from assets.ingestion.ingest import ingest
from assets.ingestion.landing import LandingError, file_day
from assets.ingestion.quarantine import export, open_rows
from assets.lake import Lake
from assets.model_spec import ModelSpec
from assets.source_spec import SourceSpec
from assets.spec import UseCaseSpec
from tests.small_case import KEY

DAY, NEXT = date(2026, 3, 1), date(2026, 3, 2)
COLUMNS: dict[str, Any] = {
    "run_id": {"type": "string", "given": "row_id"},
    "recorded_on": {"type": "timestamp", "given": "file_date"},
    "who": {"type": "string", "pii": "pseudonymise", "required": False},
    "phone": {"type": "string", "pii": "drop", "required": False},
    "load": {"type": "float", "header": "Load [kN]", "required": False},
    "note": {"type": "string", "required": False},
}
HEADER = ["who", "phone", "Load [kN]", "note"]
Row = tuple[str, str, str, str]
ROWS: list[Row] = [
    ("Zoe", "1", "1.5", "a"),
    ("Zoe", "1", "2", "a"),
    ("Ylva", "2", "2", 'two\nlines, "quoted"'),
    ("", "", "", ""),
]


def source(**changes: Any) -> SourceSpec:
    return SourceSpec.model_validate({"columns": COLUMNS, **changes})


def csv_bytes(rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue().encode()


def passed(
    folder: Path,
    rows: Sequence[Sequence[str]] = ROWS,
    name: str = f"runs_{DAY}.csv",
    spec: SourceSpec | None = None,
    key: bytes = KEY,
    data: bytes | None = None,
) -> Passed:
    path = folder / name
    path.write_bytes(csv_bytes(rows) if data is None else data)
    return pass_file(path, spec or source(), None, key, folder / "scratch")


def ids(found: Passed) -> list[str]:
    values: list[str] = found.validated.column("run_id").to_pylist()
    return values


def test_every_row_has_an_id_of_its_own_and_the_files_date(tmp_path: Path) -> None:
    found = passed(tmp_path)
    assert found.validated.column_names == [n for n in COLUMNS if n != "phone"]
    assert found.validated.num_rows == len(ROWS)
    assert len(set(ids(found))) == len(ROWS)
    assert all(len(one) == 16 and int(one, 16) >= 0 for one in ids(found))
    assert set(found.validated.column("recorded_on").to_pylist()) == {
        datetime(2026, 3, 1, tzinfo=UTC)
    }
    assert found.validated.column("note").to_pylist()[2] == 'two\nlines, "quoted"'


ANY_ROW = st.tuples(*(st.sampled_from(["", "1", "2.5", 'x "y"\nz']) for _ in range(3)))


@settings(max_examples=25, deadline=None)
@given(st.lists(ANY_ROW, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_the_same_rows_have_the_same_ids_however_they_land(
    rows: list[tuple[str, str, str]], random: Any
) -> None:
    """Shuffled, packed, under another name and with its columns in another order."""
    columns = {"id": {"type": "string", "given": "row_id"}}
    spec = source(columns=columns | {n: {"type": "string", "required": False} for n in "abc"})
    other = [row[::-1] for row in random.sample(rows, len(rows))]
    with tempfile.TemporaryDirectory() as folder:
        one = passed(Path(folder), spec=spec, data=csv_bytes(rows, "abc"))
        packed = gzip.compress(csv_bytes(other, "cba"))
        two = passed(Path(folder), spec=spec, name=f"x_{NEXT}.csv.gz", data=packed)
    said = [found.validated.to_pydict() for found in (one, two)]
    told = [sorted(zip(*each.values(), strict=True), key=str) for each in said]
    assert told[0] == told[1]
    assert len({row[0] for row in told[0]}) == len(rows)


def test_a_row_in_the_files_of_two_days_is_two_rows_where_the_date_is_given(
    tmp_path: Path,
) -> None:
    today, next_day = passed(tmp_path), passed(tmp_path, name=f"runs_{NEXT}.csv")
    assert not set(ids(today)) & set(ids(next_day))
    assert next_day.validated.column("recorded_on").to_pylist()[0].day == 2
    dateless = source(columns={n: c for n, c in COLUMNS.items() if n != "recorded_on"})
    today = passed(tmp_path, spec=dateless)
    assert ids(today) == ids(passed(tmp_path, spec=dateless, name=f"runs_{NEXT}.csv"))


def test_a_changed_row_changes_its_own_id_and_no_other(tmp_path: Path) -> None:
    before = ids(passed(tmp_path))
    after = ids(passed(tmp_path, [*ROWS[:2], ("Ylva", "2", "2", "corrected"), *ROWS[3:]]))
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, True, False, True]


def test_a_number_written_otherwise_is_the_same_row(tmp_path: Path) -> None:
    otherwise: list[Row] = [("Zoe", "1", "1.50", "a"), ("Zoe", "1", "2.0", "a")]
    assert ids(passed(tmp_path, otherwise)) == ids(passed(tmp_path, ROWS[:2]))


def test_rows_alike_are_told_apart_and_the_first_is_as_if_it_were_alone(tmp_path: Path) -> None:
    alone = ids(passed(tmp_path, ROWS[:2]))
    thrice = ids(passed(tmp_path, [ROWS[0], ROWS[1], ROWS[0], ROWS[0]]))
    assert thrice[:2] == alone
    assert len(set(thrice)) == 4


def test_an_id_tells_nothing_of_personal_values(tmp_path: Path) -> None:
    """Whoever holds all other columns could otherwise try persons until the id fits."""
    before = ids(passed(tmp_path, ROWS[:2]))
    dropped = ids(passed(tmp_path, [(who, "other", load, note) for who, _, load, note in ROWS[:2]]))
    assert dropped == before
    assert not set(ids(passed(tmp_path, ROWS[:2], key=b"another key of 32 bytes, for sure"))) & set(
        before
    )


def test_a_refused_row_keeps_its_text_and_disturbs_no_id(tmp_path: Path) -> None:
    # Refused, the second has no load: but for that it would be alike the third.
    rows: list[Row] = [("Zoe", "1", "1", "a"), ("", "", "much", "b"), ("", "", "", "b")]
    found = passed(tmp_path, rows)
    assert (found.landed, found.validated.num_rows, found.quarantined.num_rows) == (3, 2, 1)
    [refused] = found.quarantined.to_pylist()
    assert (refused["column"], refused["rule"]) == ("load", "type")
    assert list(json.loads(refused["original"])) == ["who", "phone", "load", "note"]
    assert ids(found) == ids(passed(tmp_path, [rows[0], rows[2]]))


def test_a_parquet_file_is_given_the_same(tmp_path: Path) -> None:
    table = pa.table({n: [row[at] or None for row in ROWS] for at, n in enumerate(HEADER)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    data = bytes(sink.getvalue())
    found = passed(tmp_path, name=f"runs_{DAY}.parquet", spec=source(format="parquet"), data=data)
    assert found.validated.equals(passed(tmp_path).validated)


def test_a_date_column_is_given_the_day(tmp_path: Path) -> None:
    columns = COLUMNS | {"recorded_on": {"type": "date", "given": "file_date"}}
    found = passed(tmp_path, spec=source(columns=columns))
    assert set(found.validated.column("recorded_on").to_pylist()) == {DAY}


def test_without_a_date_in_its_name_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LandingError, match="no date in its name, and column 'recorded_on'"):
        passed(tmp_path, name="runs.csv")


def test_columns_are_found_under_the_names_the_file_has(tmp_path: Path) -> None:
    found = passed(tmp_path, data=b"note,PHONE,load [KN] ,who,more\nn,1,2.5,Zoe,x\n")
    assert found.validated.column("load").to_pylist() == [2.5]
    assert found.extra_columns == ["more"]
    assert found.form.forgiven == (
        "column names written otherwise: 'PHONE' for 'phone', 'load [KN] ' for 'Load [kN]'",
    )
    with pytest.raises(LandingError, match=r"lacks the column\(s\) Load \[kN\]; it has"):
        passed(tmp_path, data=b"who,phone,load,note\n1,2,3,4\n")
    with pytest.raises(LandingError, match=r"the column\(s\) Load \[kN\] more than once"):
        passed(tmp_path, data=b"who,phone,note,Load [kN],Load [kN]\n1,2,3,4,5\n")


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_a_correction_is_a_file_like_the_sources_own(tmp_path: Path, format_: str) -> None:
    spec = source(format=format_)
    rows = [CorrectedRow("q", 2, DAY, DAY, row) for row in ROWS]
    name = f"runs_{DAY}_correction_0.{format_}"
    found = passed(tmp_path, name=name, spec=spec, data=file_content(spec, rows))
    assert ids(found) == ids(passed(tmp_path))


def use_case(**runs: Any) -> UseCaseSpec:
    return UseCaseSpec.model_validate(
        {
            "name": "plant",
            "start": str(DAY),
            "sources": {
                "runs": {"columns": COLUMNS | {"bad": {"type": "int", "required": False}}, **runs}
            },
            "population": {
                "source": "runs",
                "key": "run_id",
                "entity": "who",
                "event_timestamp": "recorded_on",
            },
            "label": {
                "source": "runs",
                "column": "bad",
                "positive": 1,
                "observed_at": "recorded_on",
                "matures_after": "0d",
            },
            "features": {"request": ["load", "note"]},
            "model": {"validation": "cross_validation"},
        }
    )


def landed(home: Home, name: str, rows: Sequence[Sequence[str]]) -> Path:
    path = home.landing_source("plant", "runs") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(csv_bytes(rows, [*HEADER, "bad"]))
    return path


def test_a_file_landed_again_changes_nothing(home: Home) -> None:
    spec, lake = use_case(), Lake(home.lake)
    rows = [(*row, "0") for row in ROWS * 6]
    first = landed(home, f"runs_{DAY}.csv", rows)
    assert ingest(spec, "runs", home, lake, DAY, DAY, KEY, "one").changed
    first.rename(first.with_name(f"once_more-{DAY}.csv"))
    landed(home, f"once_more-{DAY}.csv", rows[::-1])
    again = ingest(spec, "runs", home, lake, DAY, DAY, KEY, "two")
    assert (again.validated, again.changed) == (24, False)


def test_rows_alike_in_two_files_of_a_day_are_told_apart_and_the_profile_says_no_id(
    home: Home,
) -> None:
    spec, lake = use_case(), Lake(home.lake)
    landed(home, f"a_{DAY}.csv", [(*row, "0") for row in ROWS * 6])
    landed(home, f"b_{DAY}.csv", [(*row, "0") for row in ROWS])
    landed(home, f"a_{NEXT}.csv", [(*row, "0") for row in ROWS * 7])
    ingest(spec, "runs", home, lake, DAY, NEXT, KEY, "one")
    rows = lake.read("plant", "validated_runs")
    assert len(set(rows.column("run_id").to_pylist())) == rows.num_rows == 56
    profiles = lake.read("plant", "profile_runs").to_pylist()
    for one in profiles:
        figures = json.loads(one["columns"])
        assert figures["run_id"] == figures["recorded_on"] == {"nulls": 0.0}
    # The rows of the day before, sent again, are still seen to be so.
    assert profiles[0]["rows_hash"] == profiles[1]["rows_hash"]


def test_a_snapshots_rows_are_given_the_snapshots_date(home: Home) -> None:
    spec, lake = use_case(arrival="snapshot"), Lake(home.lake)
    landed(home, f"runs_{DAY}.csv", [(*row, "0") for row in ROWS])
    ingest(spec, "runs", home, lake, NEXT, NEXT, KEY, "one")
    times = lake.read("plant", "validated_runs").column("recorded_on").to_pylist()
    assert set(times) == {datetime(2026, 3, 1, tzinfo=UTC)}


def test_the_sheet_of_refused_rows_has_the_files_columns_alone(home: Home) -> None:
    spec, lake = use_case(), Lake(home.lake)
    landed(home, f"runs_{DAY}.csv", [(*ROWS[0], "much"), (*ROWS[1], "0")])
    assert ingest(spec, "runs", home, lake, DAY, DAY, KEY, "one").quarantined == 1
    sheet = export(spec.sources["runs"], open_rows(lake, spec))
    [header, row] = csv.reader(io.StringIO(sheet.decode("utf-8-sig")))
    assert header[-5:] == ["who", "phone", "load", "note", "bad"]
    assert row[-1] == "much"


def test_files_that_come_day_after_day_may_be_validated_by_time() -> None:
    """All cases of one file arise at once, those of many do not: then it must be said."""
    spec = use_case()
    said = spec.model_copy(update={"model": ModelSpec(validation="time")})
    assert UseCaseSpec.model_validate(said.model_dump()).model.validation == "time"
    unsaid = spec.model_dump() | {"model": {}}
    with pytest.raises(ValueError, match=r"write model\.validation: cross_validation"):
        UseCaseSpec.model_validate(unsaid)


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("sales2020_2026-03-01.csv", DAY),
        ("sales2020-2026-03-01.csv", DAY),
        ("sales20202026-03-01.csv", DAY),
        ("sales2020-20260301.csv", DAY),
        ("v3-20260301-20260302.csv", DAY),
        ("1772323212000.csv", None),
        ("120260301.csv", None),
    ],
)
def test_a_date_is_found_beside_other_numbers_in_a_name(name: str, day: date | None) -> None:
    assert file_day(Path(name)) == day
