"""Cut the public credit-loan tables into landing files, as if source systems had sent them.

The data is the Feast project's credit-scoring tutorial (Apache-2.0): ``loan_table.parquet`` and
``zipcode_table.parquet``. What becomes of it:

- ``loans``: one Parquet file per UTC day of ``event_timestamp``. The label is taken out; it was
  not known then. ``dob_ssn`` stays, as a source system would send it: the contract drops it.
- ``outcomes``: one CSV file per UTC day: loan_id, loan_status (0/1), observed_at. The table has
  no outcome time, so an outcome counts as known 30 days after its loan.
- ``zipcodes``: one Parquet file, the snapshot dated 2017-01-01.
"""

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
import typer

from examples.loan_approval.landing_file import csv_bytes, drop, parquet_bytes

USE_CASE = "credit_loans"
OUTCOME_AFTER = timedelta(days=30)
LOAN_COLUMNS = (
    "loan_id",
    "dob_ssn",
    "zipcode",
    "person_age",
    "person_income",
    "person_home_ownership",
    "person_emp_length",
    "loan_intent",
    "loan_amnt",
    "loan_int_rate",
    "event_timestamp",
)
ZIPCODE_COLUMNS = (
    "zipcode",
    "city",
    "state",
    "location_type",
    "tax_returns_filed",
    "population",
    "total_wages",
    "event_timestamp",
    "created_timestamp",
)


class DataError(Exception):
    """The public tables are not where they were said to be, or are other tables."""


def land(data: Path, landing: Path) -> list[Path]:
    """Write the landing files of both tables below ``landing/credit_loans/``.

    Returns all files, also those that were already there. Files that already say the same are
    left untouched. Raises DataError when a table is missing or lacks a column.
    """
    loans = _table(data / "loan_table.parquet", (*LOAN_COLUMNS, "loan_status"))
    zipcodes = _table(data / "zipcode_table.parquet", ZIPCODE_COLUMNS)
    folder = landing / USE_CASE
    loans = loans.sort_by([("event_timestamp", "ascending"), ("loan_id", "ascending")])
    paths = []
    for day, rows in _by_day(loans.select(LOAN_COLUMNS), "event_timestamp"):
        paths.append(drop(folder / "loans" / f"loans_{day}.parquet", parquet_bytes(rows)))
    for day, rows in _by_day(_outcomes(loans), "observed_at"):
        text = pc.strftime(rows.column("observed_at"), "%Y-%m-%dT%H:%M:%SZ")
        known = csv_bytes(rows.set_column(2, "observed_at", text))
        paths.append(drop(folder / "outcomes" / f"outcomes_{day}.csv", known))
    for day, rows in _by_day(zipcodes.sort_by("zipcode"), "event_timestamp"):
        paths.append(drop(folder / "zipcodes" / f"zipcodes_{day}.parquet", parquet_bytes(rows)))
    return paths


def _table(path: Path, columns: tuple[str, ...]) -> pa.Table:
    import pyarrow.parquet as pq

    if not path.is_file():
        raise DataError(
            f"{path} is not there. --data names the folder that holds loan_table.parquet and "
            "zipcode_table.parquet of the Feast credit-scoring tutorial"
        )
    try:
        table = pq.read_table(path)
    except pa.ArrowInvalid as error:
        raise DataError(f"{path} is no readable Parquet file ({error}); fetch it again") from error
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise DataError(
            f"{path} has no column {', '.join(missing)}: this is another table than the one of "
            "the Feast credit-scoring tutorial"
        )
    # Notes that pandas left in the file are no content.
    return table.select(columns).replace_schema_metadata(None)


def _outcomes(loans: pa.Table) -> pa.Table:
    wait = pa.scalar(OUTCOME_AFTER, pa.duration("us"))
    observed = pc.add(loans.column("event_timestamp"), wait)
    return loans.select(["loan_id", "loan_status"]).append_column("observed_at", observed)


def _by_day(rows: pa.Table, timestamp: str) -> list[tuple[date, pa.Table]]:
    """The rows of each UTC day, days ascending, order within a day kept."""
    days = rows.column(timestamp).cast(pa.timestamp("us", tz="UTC")).cast(pa.date32())
    parts = []
    for day in sorted(pc.unique(days).to_pylist()):
        assert isinstance(day, date)
        parts.append((day, rows.filter(pc.equal(days, pa.scalar(day, pa.date32())))))
    return parts


def main(
    data: Annotated[Path, typer.Option(help="Folder with the two public Parquet tables.")],
    landing: Annotated[Path, typer.Option(help="Landing zone; made if it is not there.")],
) -> None:
    """Cut the public credit-loan tables into landing files by day."""
    try:
        paths = land(data, landing)
    except DataError as error:
        raise typer.BadParameter(str(error)) from error
    typer.echo(f"{len(paths)} files are under {landing / USE_CASE}")


if __name__ == "__main__":
    typer.run(main)
