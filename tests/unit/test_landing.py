"""The landing zone: which files make up a day, and what is said when one is missing."""

from datetime import date
from pathlib import Path

import pytest

from assets.ingestion.landing import LandingError, digest_of, file_day, files_for, landed_files
from assets.source_spec import SourceSpec

DAY = date(2026, 3, 1)


def source(**changes: object) -> SourceSpec:
    return SourceSpec.model_validate({"columns": {"a": {"type": "int"}}, **changes})


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("events_2026-03-01.csv", DAY),
        ("events_20260301.csv", DAY),
        ("2026-03-01-events-2.csv.gz", DAY),
        ("events.csv", None),
        ("events_2026-02-30.csv", None),
    ],
)
def test_the_day_of_a_file_is_in_its_name(name: str, day: date | None) -> None:
    assert file_day(Path(name)) == day


def test_files_of_a_day_come_in_name_order_and_foreign_ones_are_left(tmp_path: Path) -> None:
    ours = [
        "a_2026-03-01.csv",
        "b_2026-03-01.csv.gz",
        "c_2026-03-01.zip",
        "d_2026-03-01.CSV",
        "e_2026-03-02.csv.zip",
    ]
    foreign = ["d_2026-03-01.parquet", "undated.csv", "e_2026-03-01.txt", "f_2026-03-01.gz"]
    for name in [*reversed(ours), *foreign]:
        (tmp_path / name).touch()
    (tmp_path / "g_2026-03-01.csv").mkdir()
    by_day = landed_files(tmp_path, source())
    assert {day: [path.name for path in paths] for day, paths in by_day.items()} == {
        DAY: ours[:4],
        date(2026, 3, 2): ours[4:],
    }
    assert landed_files(tmp_path / "nowhere", source()) == {}


@pytest.mark.parametrize("begin", [".", "_", "~", "~$", ".~lock."])
def test_a_file_that_is_hidden_is_not_taken(tmp_path: Path, begin: str) -> None:
    (tmp_path / f"{begin}a_2026-03-01.csv").touch()
    assert landed_files(tmp_path, source()) == {}


@pytest.mark.parametrize("end", [".part", ".tmp", ".partial", ".crdownload", ".filepart", "~"])
def test_a_file_still_under_way_is_not_taken(tmp_path: Path, end: str) -> None:
    for name in ("a_2026-03-01.csv", "b_2026-03-01.parquet"):
        (tmp_path / f"{name}{end}").touch()
    assert landed_files(tmp_path, source()) == {}
    assert landed_files(tmp_path, source(format="parquet")) == {}


def test_a_missing_day_is_named_with_where_it_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(LandingError) as refused:
        files_for(tmp_path, "events", source(), DAY)
    said = str(refused.value)
    assert "source 'events'" in said
    assert "no file for 2026-03-01" in said
    assert str(tmp_path) in said
    assert "Drop it there and run the partition again" in said


def test_an_optional_source_may_have_no_file(tmp_path: Path) -> None:
    assert files_for(tmp_path, "events", source(arrival="optional"), DAY) == []


def test_a_snapshot_is_the_newest_on_or_before_the_day(tmp_path: Path) -> None:
    for name in ("s_2026-01-01.csv", "s_2026-02-01.csv", "s_2026-04-01.csv"):
        (tmp_path / name).touch()
    spec = source(arrival="snapshot")
    assert [path.name for path in files_for(tmp_path, "s", spec, DAY)] == ["s_2026-02-01.csv"]
    with pytest.raises(LandingError, match="no snapshot dated on or before 2025-12-31"):
        files_for(tmp_path, "s", spec, date(2025, 12, 31))


def test_the_digest_tells_another_name_content_or_number_of_files(tmp_path: Path) -> None:
    one, two = tmp_path / "a.csv", tmp_path / "b.csv"
    one.write_text("a\n1\n")
    two.write_text("a\n1\n")
    digests = [digest_of([one]), digest_of([two]), digest_of([one, two]), digest_of([])]
    assert len(set(digests)) == 4
    assert digest_of([one]) == digests[0]
    one.write_text("a\n2\n")
    assert digest_of([one]) != digests[0]
