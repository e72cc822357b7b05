"""The root of rows: theirs however Arrow holds them, and nobody else's."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from assets.ledger.differences import differences
from assets.ledger.roots import root_from, root_of
from assets.tables import TIMESTAMP

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("score", pa.float64()),
        ("word", pa.string()),
        ("count", pa.int64()),
        ("sure", pa.bool_()),
        ("at", TIMESTAMP),
        ("day", pa.date32()),
        (
            "reasons",
            pa.list_(
                pa.field(
                    "element",
                    pa.struct([("feature", pa.string()), ("weight", pa.float64())]),
                )
            ),
        ),
    ]
)
KEYS = ["id"]

WORDS = st.one_of(st.none(), st.text(st.characters(codec="utf-8"), max_size=5))
NUMBERS = st.one_of(st.none(), st.floats(width=64, allow_nan=False), st.just(float("nan")))
TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001
    lambda time: time.replace(tzinfo=UTC)
)
REASONS = st.one_of(
    st.none(),
    st.lists(
        st.one_of(st.none(), st.fixed_dictionaries({"feature": WORDS, "weight": NUMBERS})),
        max_size=3,
    ),
)
COLUMNS = {
    "score": NUMBERS,
    "word": WORDS,
    "count": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    "sure": st.one_of(st.none(), st.booleans()),
    "at": st.one_of(st.none(), TIMES),
    "day": st.one_of(st.none(), st.dates()),
    "reasons": REASONS,
}
ROWS = st.lists(st.fixed_dictionaries({"id": st.uuids().map(str), **COLUMNS}), max_size=12)


often = settings(deadline=None, max_examples=30)


def table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def root(rows: pa.Table) -> str:
    return root_of(rows, KEYS).root


@often
@given(ROWS, st.randoms(use_true_random=False))
def test_order_and_chunks_and_slices_leave_no_trace(
    rows: list[dict[str, Any]], random: Any
) -> None:
    whole = table(rows)
    shuffled = random.sample(rows, len(rows))
    cut = random.randint(0, len(rows))
    chunked = pa.concat_tables([table(shuffled[:cut]), table([]), table(shuffled[cut:])])
    # Rows around it that are not its own, and bits that do not begin at a byte.
    within = table([*rows[:cut], *shuffled, *rows[cut:]]).slice(cut, len(rows))
    assert root(whole) == root(table(shuffled)) == root(chunked) == root(within)


@often
@given(ROWS)
def test_how_arrow_holds_a_text_leaves_no_trace(rows: list[dict[str, Any]]) -> None:
    whole = table(rows)
    for kind in (pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())):
        place = SCHEMA.get_field_index("word")
        if pa.types.is_dictionary(kind):
            other = whole.column(place).dictionary_encode()
        else:
            other = whole.column(place).cast(kind)
        assert root(whole.set_column(place, "word", other)) == root(whole)
    noted = whole.replace_schema_metadata({"pandas": "notes"})
    assert root(noted.select(list(reversed(noted.column_names)))) == root(whole)


def test_what_lies_beneath_a_null_leaves_no_trace() -> None:
    def nulls(values: list[float], words: list[str]) -> pa.Table:
        mask = pa.array([True, False])
        floats = pa.Array.from_buffers(
            pa.float64(), 2, [pa.py_buffer(b"\x02"), pa.array(values).buffers()[1]]
        )
        texts = pa.array(words)
        text = pa.Array.from_buffers(pa.string(), 2, [pa.py_buffer(b"\x02"), *texts.buffers()[1:]])
        assert floats.null_count == text.null_count == len(mask.filter(mask))
        return pa.table({"id": ["a", "b"], "score": floats, "word": text})

    assert root(nulls([1.0, 2.0], ["x", "y"])) == root(nulls([9.0, 2.0], ["longer", "y"]))


@often
@given(ROWS, st.data())
def test_any_change_is_another_root(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    assume(rows)
    place = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.sampled_from(sorted(COLUMNS)))
    value = data.draw(COLUMNS[column])
    assume(repr(value) != repr(rows[place][column]))
    changed = [*rows]
    changed[place] = rows[place] | {column: value}
    found = root_of(table(changed), KEYS)
    before = root_of(table(rows), KEYS)
    assert found.root != before.root
    assert [c for c in before.columns if before.columns[c] != found.columns[c]] == [column]
    told = differences(table(rows), table(changed), KEYS)
    assert dict(told.changed) == {column: [rows[place]["id"]]}
    assert not told.added
    assert not told.removed


@often
@given(ROWS, st.data())
def test_a_row_removed_or_doubled_is_another_root(
    rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    assume(rows)
    place = data.draw(st.integers(0, len(rows) - 1))
    fewer, more = rows[:place] + rows[place + 1 :], [*rows, rows[place]]
    assert len({root(table(rows)), root(table(fewer)), root(table(more))}) == 3
    assert differences(table(rows), table(fewer), KEYS).removed == [rows[place]["id"]]
    assert differences(table(rows), table(more), KEYS).added == [rows[place]["id"]]
    # Rows that share a key have an order of their own.
    twin = rows[place] | {"word": "other"}
    assert root(table([*rows, twin])) == root(table([twin, *reversed(rows)]))


@often
@given(ROWS, st.data())
def test_values_that_change_places_are_another_root(
    rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    assume(len(rows) > 1)
    one, other = data.draw(st.permutations(range(len(rows))))[:2]
    column = data.draw(st.sampled_from(sorted(COLUMNS)))
    assume(repr(rows[one][column]) != repr(rows[other][column]))
    moved = [*rows]
    moved[one] = rows[one] | {column: rows[other][column]}
    moved[other] = rows[other] | {column: rows[one][column]}
    assert root(table(rows)) != root(table(moved))
    assert len(differences(table(rows), table(moved), KEYS).changed[column]) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"word": "ab", "place": "c"}, {"word": "a", "place": "bc"}),
        ({"word": "", "place": None}, {"word": None, "place": ""}),
        ({"score": 0.0, "word": "x"}, {"score": -0.0, "word": "x"}),
        ({"word": ["ab", "c"], "place": 1}, {"word": ["a", "bc"], "place": 1}),
    ],
    ids=["moved over a column's edge", "null and empty", "the sign of zero", "within a list"],
)
def test_what_looks_alike_is_told_apart(one: dict[str, Any], other: dict[str, Any]) -> None:
    schema = pa.table({k: [v] for k, v in (one | {"id": "a"}).items()}).schema
    if "place" in one and not isinstance(one["place"], int):
        schema = pa.schema([("word", pa.string()), ("place", pa.string()), ("id", pa.string())])
    roots = {
        root_of(pa.Table.from_pylist([row | {"id": "a"}], schema=schema), ["id"]).root
        for row in (one, other)
    }
    assert len(roots) == 2


def test_a_root_follows_from_the_digests_of_its_columns() -> None:
    found = root_of(table([{"id": "a", "score": 1.0}]), KEYS)
    schema = pa.schema(sorted(SCHEMA, key=lambda field: str(field.name)))
    assert root_from(schema, 1, found.columns) == found.root
    # The first column written by hand: no nulls, then eight bytes of one length, then the text.
    by_hand = hashlib.sha256(b"\0" * 8 + (1).to_bytes(8, "little") + b"a")
    assert found.columns["id"] == by_hand.hexdigest()
