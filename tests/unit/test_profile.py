"""What is said of a day: right figures, the same each time, and nothing of a person."""

import json
import random
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from assets.ingestion import profile as profile_module
from assets.ingestion.profile import QUANTILES, column_profiles, rows_hash
from assets.source_spec import SourceSpec

SOURCE = SourceSpec.model_validate(
    {
        "timestamp": "at",
        "key": ["id"],
        "columns": {
            "id": {"type": "int"},
            "who": {"type": "string", "pii": "pseudonymise"},
            "phone": {"type": "string", "required": False, "pii": "drop"},
            "income": {"type": "int", "pii": "drop"},
            "at": {"type": "timestamp"},
            "size": {"type": "float", "required": False},
            "pieces": {"type": "int", "required": False},
            "grade": {"type": "string", "values": ["a", "b", "c"]},
            "depot": {"type": "string", "required": False},
            "open": {"type": "bool", "required": False},
        },
    }
)
TYPES = {"int": "BIGINT", "float": "DOUBLE", "string": "VARCHAR", "bool": "BOOLEAN"}
Row = dict[str, Any]


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def judged(
    connection: duckdb.DuckDBPyConnection, rows: list[Row], source: SourceSpec = SOURCE
) -> None:
    """Table ``judged`` of the rows; a row's ``broken`` is 0 unless it says otherwise."""
    given = pa.table({n: pa.array([row.get(n) for row in rows]) for n in source.columns})
    given = given.append_column("broken", pa.array([row.get("broken", 0) for row in rows]))
    connection.register("given", given)
    values = ", ".join(
        f"CAST(given.{name} AS {TYPES.get(c.type, 'TIMESTAMPTZ')}) AS value_{n}"
        for n, (name, c) in enumerate(source.columns.items())
    )
    connection.execute(f"CREATE OR REPLACE TABLE judged AS SELECT {values}, broken FROM given")
    connection.unregister("given")


def row(number: int, **changes: Any) -> Row:
    return {
        "id": number,
        "who": f"person-{number}",
        "phone": f"+1-202-555-01{number:02}",
        "income": 987_600 + number,
        "at": f"2026-03-01T{number % 24:02}:00:00Z",
        "size": number + 0.5 if number % 2 else float(number),
        "pieces": number,
        "grade": "abc"[number % 3],
        "depot": f"depot-{number % 4}",
        "open": number % 4 == 0,
    } | changes


def test_figures_of_each_type(connection: duckdb.DuckDBPyConnection) -> None:
    judged(connection, [row(n) for n in range(100)])
    found = column_profiles(connection, "judged", SOURCE)
    assert list(found) == list(SOURCE.columns)
    size = found["size"]
    assert (size["nulls"], size["min"], size["max"], size["fraction_share"]) == (0, 0, 99.5, 0.5)
    assert found["pieces"]["quantiles"] == [0, 4, 9, 24, 49, 74, 89, 94, 98]
    assert len(QUANTILES) == len(size["quantiles"])
    assert found["grade"]["shares"] == {"a": 0.34, "b": 0.33, "c": 0.33}
    assert found["depot"]["shares"] == {f"depot-{n}": 0.25 for n in range(4)}
    assert found["open"]["shares"] == {"false": 0.75, "true": 0.25}
    assert found["at"] == {"nulls": 0}


def test_of_personal_columns_and_keys_only_nulls_are_said(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    # One value for all: a category if ever there was one, were it not personal.
    rows = [row(n, who="the one", phone=None if n % 4 else "555-0199") for n in range(100)]
    judged(connection, rows)
    found = column_profiles(connection, "judged", SOURCE)
    assert found["phone"] == {"nulls": 0.75}
    assert found["who"] == found["income"] == found["id"] == {"nulls": 0}
    said = json.dumps(found)
    assert not any(text in said for text in ("the one", "555", "9876"))


def test_rows_that_did_not_pass_do_not_count(connection: duckdb.DuckDBPyConnection) -> None:
    judged(connection, [row(n) for n in range(40)] + [row(0, size=1e9, broken=3, depot=None)])
    found = column_profiles(connection, "judged", SOURCE)
    assert found["size"]["max"] == 39.5
    assert found["depot"]["nulls"] == 0


def test_without_rows_or_values_nothing_is_claimed(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    judged(connection, [row(1, broken=1)])
    found = column_profiles(connection, "judged", SOURCE)
    assert {each["nulls"] for each in found.values()} == {None}
    judged(connection, [row(n, size=None, depot=None, open=None) for n in range(30)])
    found = column_profiles(connection, "judged", SOURCE)
    nothing = dict.fromkeys(["min", "max", "quantiles", "fraction_share"])
    assert found["size"] == {"nulls": 1.0} | nothing
    assert found["depot"] == {"nulls": 1.0, "distinct": 0, "shares": {}}
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    ("different", "rows", "categories"), [(50, 200, True), (51, 400, False), (20, 60, False)]
)
def test_names_and_numbers_in_words_are_no_categories(
    connection: duckdb.DuckDBPyConnection, different: int, rows: int, categories: bool
) -> None:
    judged(connection, [row(n, depot=f"d{n % different}") for n in range(rows)])
    found = column_profiles(connection, "judged", SOURCE)["depot"]
    assert found["distinct"] == different
    assert ("shares" in found) is categories


def test_a_large_day_is_sampled_the_same_way_each_time(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten sensors in turn: every tenth row would be one and the same sensor."""
    monkeypatch.setattr(profile_module, "SAMPLE_ROWS", 2_000)
    source = SourceSpec.model_validate(
        {"columns": {"heat": {"type": "int"}, "sensor": {"type": "string"}}}
    )
    connection.execute(
        "CREATE TABLE judged AS SELECT range AS value_0, 's' || (range % 10) AS value_1, "
        "0 AS broken FROM range(20_000)"
    )
    found = column_profiles(connection, "judged", source)
    assert found == column_profiles(connection, "judged", source)
    assert (found["heat"]["min"], found["heat"]["max"]) == (0, 19_999)
    expected = [q * 20_000 for q in QUANTILES]
    assert found["heat"]["quantiles"] == pytest.approx(expected, abs=800)
    assert found["heat"]["quantiles"] != [int(e) for e in expected]  # it was a sample
    assert found["sensor"]["shares"] == pytest.approx({f"s{n}": 0.1 for n in range(10)}, abs=0.03)


@pytest.mark.parametrize("seed", range(5))
def test_the_hash_of_a_day_knows_its_rows_and_not_their_order(
    connection: duckdb.DuckDBPyConnection, seed: int
) -> None:
    draw = random.Random(seed)
    order = draw.sample(range(25), 25)
    at = draw.choice(order)
    judged(connection, [row(n) for n in range(25)])
    one = rows_hash(connection, "judged", SOURCE)
    assert one.startswith(f"duckdb{duckdb.__version__.split('.')[0]}:25:")
    # Other times, another column that is dropped, other rows refused: the same day.
    judged(connection, [row(n, at="2026-03-02T05:00:00Z", phone="", broken=n) for n in order])
    assert rows_hash(connection, "judged", SOURCE) == one
    judged(connection, [row(n) if n != at else row(n, size=None) for n in order])
    assert rows_hash(connection, "judged", SOURCE) != one
    judged(connection, [row(n) for n in [*order, at]])
    assert rows_hash(connection, "judged", SOURCE) != one


def test_a_handful_of_rows_is_not_hashed(connection: duckdb.DuckDBPyConnection) -> None:
    judged(connection, [row(n) for n in range(19)])
    assert rows_hash(connection, "judged", SOURCE).endswith(":19:")
    only = SourceSpec.model_validate({"timestamp": "at", "columns": {"at": {"type": "timestamp"}}})
    judged(connection, [row(n) for n in range(30)], only)
    assert rows_hash(connection, "judged", only).endswith(":30:")
