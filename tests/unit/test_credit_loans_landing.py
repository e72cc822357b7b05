"""The public loan tables, cut into landing files by day."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from examples.credit_loans.land import LOAN_COLUMNS, ZIPCODE_COLUMNS, DataError, land


def _tables(folder: Path) -> Path:
    """Two small tables shaped like the public ones."""
    folder.mkdir()
    late, early = datetime(2021, 3, 2, 23, 59, tzinfo=UTC), datetime(2021, 3, 1, 0, 0, tzinfo=UTC)
    count = 4
    loans: dict[str, list[object]] = {name: list(range(count)) for name in LOAN_COLUMNS}
    loans["dob_ssn"] = ["19900101_0000"] * count
    loans["event_timestamp"] = [late, early, late, early + timedelta(hours=5)]
    loans["loan_status"] = [0, 1, 1, 0]
    zipcodes: dict[str, list[object]] = {name: [1, 2] for name in ZIPCODE_COLUMNS}
    zipcodes["event_timestamp"] = [datetime(2017, 1, 1, 12, tzinfo=UTC)] * 2
    zipcodes["created_timestamp"] = zipcodes["event_timestamp"]
    pq.write_table(pa.table(loans), folder / "loan_table.parquet")
    pq.write_table(pa.table(zipcodes), folder / "zipcode_table.parquet")
    return folder


def test_files_are_cut_by_utc_day_and_labels_come_thirty_days_later(tmp_path: Path) -> None:
    paths = land(_tables(tmp_path / "data"), tmp_path / "landing")

    folder = tmp_path / "landing/credit_loans"
    assert [str(p.relative_to(folder)) for p in paths] == [
        "loans/loans_2021-03-01.parquet",
        "loans/loans_2021-03-02.parquet",
        "outcomes/outcomes_2021-03-31.csv",
        "outcomes/outcomes_2021-04-01.csv",
        "zipcodes/zipcodes_2017-01-01.parquet",
    ]
    loans = pq.read_table(paths[0])
    assert loans["loan_id"].to_pylist() == [1, 3]
    assert "loan_status" not in loans.column_names
    known = pyarrow.csv.read_csv(paths[2])
    assert known["loan_id"].to_pylist() == [1, 3]
    assert known["loan_status"].to_pylist() == [1, 0]
    assert known["observed_at"].to_pylist() == [
        datetime(2021, 3, 31, 0, 0, tzinfo=UTC),
        datetime(2021, 3, 31, 5, 0, tzinfo=UTC),
    ]


def test_landing_twice_touches_no_file(tmp_path: Path) -> None:
    data = _tables(tmp_path / "data")
    first = land(data, tmp_path / "landing")
    stamps = [p.stat().st_mtime_ns for p in first]

    assert land(data, tmp_path / "landing") == first
    assert [p.stat().st_mtime_ns for p in first] == stamps


def test_a_missing_folder_and_another_table_are_refused_clearly(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"loan_table\.parquet is not there\. --data names"):
        land(tmp_path / "nowhere", tmp_path / "landing")

    data = _tables(tmp_path / "data")
    loans = pq.read_table(data / "loan_table.parquet")
    pq.write_table(loans.drop_columns(["loan_amnt"]), data / "loan_table.parquet")
    with pytest.raises(DataError, match="has no column loan_amnt"):
        land(data, tmp_path / "landing")

    (data / "loan_table.parquet").write_text("not parquet")
    with pytest.raises(DataError, match="no readable Parquet file"):
        land(data, tmp_path / "landing")
    assert not (tmp_path / "landing").exists()


def _public_data() -> Path:
    beside = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("NIGHTSHIFT_SHARED_DATA", beside)) / "credit_loans"
    if not (folder / "loan_table.parquet").is_file():
        pytest.skip(
            "the public credit-loan tables are not at ../shared/data/credit_loans; "
            "set NIGHTSHIFT_SHARED_DATA to the folder that holds credit_loans/"
        )
    return folder


def test_every_public_loan_lands_once_on_its_day(tmp_path: Path) -> None:
    data = _public_data()
    land(data, tmp_path)

    folder = tmp_path / "credit_loans"
    files = sorted((folder / "loans").iterdir())
    assert len(files) == 366
    assert files[0].name == "loans_2020-08-25.parquet"
    for path in (files[0], files[100], files[-1]):
        day = date.fromisoformat(path.stem.removeprefix("loans_"))
        times = pq.read_table(path)["event_timestamp"].to_pylist()
        assert {t.date() for t in times} == {day}
    landed = ds.dataset(files).to_table()
    original = pq.read_table(data / "loan_table.parquet")
    order = [("loan_id", "ascending")]
    assert landed.sort_by(order).equals(
        original.select(LOAN_COLUMNS).sort_by(order).replace_schema_metadata(None)
    )
    outcomes = ds.dataset(folder / "outcomes", format="csv").to_table()
    labels = original.select(["loan_id", "loan_status"]).replace_schema_metadata(None)
    assert outcomes.select(["loan_id", "loan_status"]).sort_by(order).equals(labels.sort_by(order))
    assert pq.read_table(folder / "zipcodes/zipcodes_2017-01-01.parquet").num_rows == 28_844
