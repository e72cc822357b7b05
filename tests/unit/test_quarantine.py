"""Refused rows as people meet them: sealed, listed, exported, corrected, closed, forgotten."""

import csv
import gzip
import hashlib
import io
import json
import zipfile
from copy import deepcopy
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.home import Home
from assets.ingestion.corrections import (
    Correction,
    CorrectionError,
    correction,
    file_content,
    file_name,
    is_correction,
)
from assets.ingestion.landing import file_day
from assets.ingestion.pseudonym import token
from assets.ingestion.quarantine import (
    QuarantineError,
    broken_rules,
    export,
    open_rows,
    opened_cells,
    person_column,
    sheet_columns,
    summary,
    top_messages,
)
from assets.ingestion.replay import Closure, close_rows, drop
from assets.ingestion.spreadsheet import read_sheet, sheet
from assets.ingestion.traces import naming_files, sealed_rows
from assets.ingestion.vault import Vault
from assets.lake import Lake
from assets.spec import UseCaseSpec
from assets.tables import CLOSED, QUARANTINE_SCHEMA, quarantine
from tests.refused_rows import (
    AT,
    ATTRIBUTES,
    DAY,
    KEY,
    MASK,
    NEXT,
    SHA,
    put,
    refused_row,
    sealed,
    uncut_row,
)


@pytest.fixture
def spec() -> UseCaseSpec:
    return UseCaseSpec.model_validate(ATTRIBUTES)


@pytest.fixture
def vault(home: Home) -> Vault:
    return Vault(home.vault, KEY)


def rewritten(content: bytes, change: Any) -> bytes:
    """A sheet after a person's work on it: ``change`` gets each row as a mapping."""
    header, rows = read_sheet(content, "sheet")
    changed = [change(dict(zip(header, cells, strict=True))) for _, cells in rows]
    return sheet(header, [list(row.values()) for row in changed if row], ";").encode()


# Sealing


def test_the_person_is_the_entity_else_the_first_pseudonym_else_nobody(spec: UseCaseSpec) -> None:
    assert person_column(spec, "stays") == "guest"
    assert person_column(spec, "reviews") == "author"
    assert person_column(spec, "outcomes") is None
    two = deepcopy(ATTRIBUTES)
    columns = two["sources"]["stays"]["columns"]
    two["sources"]["stays"]["columns"] = {
        "booker": {"type": "string", "pii": "pseudonymise"}
    } | columns
    assert person_column(UseCaseSpec.model_validate(two), "stays") == "guest"


def test_personal_values_are_sealed_and_everything_else_is_kept(vault: Vault, home: Home) -> None:
    rows = sealed(vault, refused_row(2, guest="Canary", phone="0170 999"), uncut_row(3, "Canary;x"))
    assert rows.schema == QUARANTINE_SCHEMA
    one, other = rows.to_pylist()
    assert one["person"] == token("Canary", KEY)
    assert other["person"] == f"row:{other['quarantine_id']}"
    assert one["quarantine_id"] == hashlib.sha256(f"{SHA}:2".encode()).hexdigest()[:16]
    assert (one["rule"], one["line"], one["file"]) == ("range", 2, "stays_2026-03-01.csv")
    assert "Canary" not in str(rows.to_pylist())
    assert "0170" not in str(rows.to_pylist())
    assert b"Canary" not in home.vault.read_bytes()
    assert opened_cells(rows, vault) == [
        {**json.loads(one["original"]), "guest": "Canary", "phone": "0170 999"},
        {"raw": "Canary;x"},
    ]
    assert opened_cells(rows, None)[1] == {"raw": MASK}


def test_the_same_file_again_gives_the_same_rows(vault: Vault) -> None:
    rows = [refused_row(2), refused_row(3, person=None), uncut_row(4, "x")]
    assert sealed(vault, *rows).equals(sealed(vault, *rows))
    assert not sealed(vault, *rows).equals(sealed(vault, *rows, file_sha256="cd" * 32))


def test_a_source_without_personal_values_needs_no_vault(vault: Vault, home: Home) -> None:
    row = refused_row(2, personal=None, person=None, original='{"stay_id": "s1"}')
    (one,) = sealed(vault, row, source="outcomes").to_pylist()
    assert one["sealed"] is None
    assert not home.vault.exists()
    assert sealed(vault).num_rows == 0


# Finding and counting


def test_open_rows_are_found_by_source_day_and_rule(
    spec: UseCaseSpec, lake: Lake, vault: Vault
) -> None:
    assert open_rows(lake, spec).num_rows == 0
    put(lake, sealed(vault, refused_row(2), refused_row(3, rule="type"), uncut_row(4, "x")))
    put(lake, sealed(vault, refused_row(2), file_sha256="cd" * 32, file="next"), NEXT)
    put(lake, sealed(vault, refused_row(2, rule="type"), source="reviews"), NEXT, "reviews")
    assert open_rows(lake, spec).num_rows == 5
    assert open_rows(lake, spec, source="reviews").column("rule").to_pylist() == ["type"]
    assert open_rows(lake, spec, day=NEXT).num_rows == 2
    assert open_rows(lake, spec, rule="type").num_rows == 2
    assert open_rows(lake, spec, source="stays", day=DAY, rule="shape").num_rows == 1
    with pytest.raises(QuarantineError, match=r"no source 'x'\. It has: stays, reviews, outcomes"):
        open_rows(lake, spec, source="x")


def test_a_summary_counts_by_day_source_column_and_rule(
    spec: UseCaseSpec, lake: Lake, vault: Vault
) -> None:
    put(lake, sealed(vault, refused_row(2), refused_row(3), uncut_row(4, "x")))
    put(lake, sealed(vault, refused_row(5, message="other")), NEXT)
    found = summary(open_rows(lake, spec))
    about = {"source": "stays", "column": "price", "rule": "range"}
    assert found.rows == 4
    assert found.counts == [
        {"day": NEXT, **about, "rows": 1},
        {"day": DAY, **about, "rows": 2},
        {"day": DAY, "source": "stays", "column": None, "rule": "shape", "rows": 1},
    ]
    assert found.messages == {"-1,5 < 0": 2, "cells": 1, "other": 1}
    rows = open_rows(lake, spec)
    assert list(broken_rules(rows).items()) == [("price: range", 3), ("(row): shape", 1)]
    assert list(top_messages(rows, 1)) == ["-1,5 < 0"]
    assert summary(rows.slice(0, 0)).counts == []


def test_closed_rows_are_out_of_sight_on_their_day_alone(
    spec: UseCaseSpec, lake: Lake, vault: Vault
) -> None:
    rows = sealed(vault, refused_row(2), refused_row(3))
    put(lake, rows)
    put(lake, rows, NEXT)  # the same bytes landed again
    first = rows.column("quarantine_id")[0].as_py()
    closures = [Closure(first, DAY, "c.csv", "00")]
    assert close_rows(lake, spec, "stays", closures, at=AT, by="ada") == 1
    assert close_rows(lake, spec, "stays", closures * 2, at=AT, by="bob") == 0
    assert open_rows(lake, spec, day=DAY).num_rows == 1
    assert open_rows(lake, spec, day=NEXT).num_rows == 2
    everything = open_rows(lake, spec, include_closed=True)
    assert everything.column("closed").to_pylist().count(True) == 1
    (record,) = lake.read("hotel", CLOSED).to_pylist()
    assert (record["by"], record["correction"], record["closed_at"]) == ("ada", "c.csv", AT)


# The sheet


def test_the_sheet_has_the_reason_then_the_row_as_it_came(spec: UseCaseSpec, vault: Vault) -> None:
    declared = spec.sources["stays"]
    rows = sealed(
        vault, refused_row(2, cells={"stay_id": "=1+1", "rule": 'a;"b"\nc'}), uncut_row(3, "g9;x")
    )
    names = sheet_columns(declared)
    assert names["rule"] == "rule_"  # the source has a column of that name
    content = export(declared, rows)
    assert content.startswith(b"\xef\xbb\xbf")
    header, *lines = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";")
    assert header == [*names.values(), *declared.columns]
    one, other = (dict(zip(header, line, strict=True)) for line in lines)
    assert one["stay_id"] == "'=1+1"  # as a spreadsheet sees it
    assert one["rule"] == 'a;"b"\nc'
    assert (one["price"], one["guest"], one["rule_"]) == ("-1,5", MASK, "range")
    assert (other["raw"], other["guest"], other["price"]) == (MASK, "", "")
    assert b"g9" not in content
    header, found = read_sheet(export(declared, rows, vault), "sheet")
    shown = [dict(zip(header, cells, strict=True)) for _, cells in found]
    assert (shown[0]["guest"], shown[0]["phone"]) == ("g2", "+49 2")
    assert shown[0]["stay_id"] == "=1+1"
    assert shown[1]["raw"] == "g9;x"


CELL = st.text(st.characters(codec="utf-8"), max_size=8) | st.text("=+-@'\";,\t\r\n1.", max_size=6)


@given(
    cells=st.lists(
        st.fixed_dictionaries(dict.fromkeys(("stay_id", "guest", "phone", "price"), CELL)),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=40, deadline=None)
def test_what_is_exported_and_sent_back_is_what_came(
    tmp_path_factory: pytest.TempPathFactory, cells: list[dict[str, str]]
) -> None:
    spec = UseCaseSpec.model_validate(ATTRIBUTES)
    home = Home(tmp_path_factory.mktemp("home"))
    lake, vault = Lake(home.lake), Vault(home.vault, KEY)
    rows = [
        refused_row(
            n,
            guest=one["guest"],
            phone=one["phone"],
            cells={"stay_id": one["stay_id"], "price": one["price"]},
        )
        for n, one in enumerate(cells, 2)
    ]
    put(lake, sealed(vault, *rows))
    for opening in (None, vault):
        path = home.root / "sheet.csv"
        path.write_bytes(export(spec.sources["stays"], open_rows(lake, spec), opening))
        found = correction(lake, spec, "stays", path, vault)
        came = {(row.cells[0], row.cells[1], row.cells[2], row.cells[4]) for row in found.rows}
        # A cell that says '(masked)' is as good as masked.
        assert came == {(one["stay_id"], one["phone"], one["guest"], one["price"]) for one in cells}


# Replay


@pytest.fixture
def landed(lake: Lake, vault: Vault) -> pa.Table:
    """Two refused rows of the first day, one that was not cut; one of the next."""
    rows = sealed(vault, refused_row(2), refused_row(3), uncut_row(4, "s4;g4;2026;1"))
    put(lake, rows)
    put(lake, sealed(vault, refused_row(2), file_sha256="cd" * 32, file="n.csv"), NEXT)
    return rows


def sent_back(
    lake: Lake, spec: UseCaseSpec, vault: Vault, path: Path, change: Any, **more: Any
) -> Correction:
    exported = export(spec.sources["stays"], open_rows(lake, spec, source="stays"))
    path.write_bytes(rewritten(exported, change))
    return correction(lake, spec, "stays", path, vault, **more)


def test_corrected_rows_go_with_the_file_of_their_day(
    spec: UseCaseSpec, lake: Lake, vault: Vault, landed: pa.Table, tmp_path: Path
) -> None:
    found = sent_back(
        lake,
        spec,
        vault,
        tmp_path / "s.csv",
        lambda row: row | {"price": "2,5"} if row["price"] and row["line"] == "2" else row,
    )
    ids = landed.column("quarantine_id").to_pylist()
    assert found.days == [DAY, NEXT]
    assert [row.quarantine_id for row in found.of_day(DAY)] == ids[:2]
    assert [row.line for row in found.rows] == [2, 3, 5]
    assert found.untouched == [ids[2]]
    # The masked cells are filled in, the rest is as the person wrote it.
    assert found.of_day(DAY)[0].cells == ("s2", "+49 2", "g2", "2026-03-01T10:00:00Z", "2,5", "")
    assert file_content(spec.sources["stays"], found.of_day(DAY)) == (
        "stay_id;phone;guest;arrived_at;price;rule\n"
        "s2;+49 2;g2;2026-03-01T10:00:00Z;2,5;\n"
        "s3;+49 3;g3;2026-03-01T10:00:00Z;-1,5;\n"
    ).encode("cp1252")


def test_deleted_rows_stay_and_others_may_go_into_another_day(
    spec: UseCaseSpec, lake: Lake, vault: Vault, landed: pa.Table, tmp_path: Path
) -> None:
    found = sent_back(
        lake,
        spec,
        vault,
        tmp_path / "s.csv",
        lambda row: row if row["stay_id"] == "s3" else None,
        into=NEXT,
    )
    (row,) = found.rows
    assert (row.from_day, row.day) == (DAY, NEXT)


def test_a_row_that_was_not_cut_is_taken_once_its_cells_are_written(
    spec: UseCaseSpec, lake: Lake, vault: Vault, landed: pa.Table, tmp_path: Path
) -> None:
    cells = {"stay_id": "s4", "guest": "g4", "price": "1"}
    found = sent_back(
        lake,
        spec,
        vault,
        tmp_path / "s.csv",
        lambda row: row | cells if row["rule_"] == "shape" else None,
    )
    assert found.rows[0].cells == ("s4", "", "g4", "", "1", "")
    with pytest.raises(CorrectionError, match=r"line 2: .*column 'guest'.*--with-personal"):
        sent_back(
            lake,
            spec,
            vault,
            tmp_path / "s.csv",
            lambda row: row | cells | {"guest": MASK} if row["rule_"] == "shape" else None,
        )


def test_what_cannot_be_replayed_is_said_with_file_line_and_row(
    spec: UseCaseSpec, lake: Lake, vault: Vault, landed: pa.Table, tmp_path: Path
) -> None:
    path = tmp_path / "s.csv"

    def refuses(change: Any, says: str) -> None:
        with pytest.raises(CorrectionError, match=says) as refused:
            sent_back(lake, spec, vault, path, change)
        assert str(path) in str(refused.value)

    refuses(lambda row: row | {"quarantine_id": "0" * 16}, "line 2: row '0{16}' is not in quarant")
    ids = landed.column("quarantine_id").to_pylist()
    refuses(lambda row: row | {"quarantine_id": ids[1]}, f"line 3: row '{ids[1]}' .*twice.*line 2")
    reviews = sealed(vault, refused_row(9), source="reviews", file_sha256="ef" * 32)
    put(lake, reviews, source="reviews")
    of_reviews = reviews.column("quarantine_id")[0].as_py()
    refuses(lambda row: row | {"quarantine_id": of_reviews}, "may be of another source")


def test_columns_that_are_gone_are_named(
    spec: UseCaseSpec, lake: Lake, vault: Vault, landed: pa.Table, tmp_path: Path
) -> None:
    path = tmp_path / "s.csv"
    for header, says in (
        ("quarantine_id;stay_id", r"lacks the column\(s\) phone, guest, arrived_at, price, rule"),
        ("stay_id;phone;guest;arrived_at;price;rule", r"lacks the column\(s\) quarantine_id"),
        ("quarantine_id;stay_id;phone;guest;arrived_at;price;rule;price", "price twice"),
    ):
        path.write_text(header + "\n")
        with pytest.raises(CorrectionError, match=says):
            correction(lake, spec, "stays", path, vault)
    with pytest.raises(CorrectionError, match="cannot be read"):
        correction(lake, spec, "stays", tmp_path / "none.csv", vault)
    with pytest.raises(QuarantineError, match="has no source 'x'"):
        correction(lake, spec, "x", path, vault)


def test_a_closed_row_is_not_taken_twice(
    spec: UseCaseSpec, lake: Lake, vault: Vault, landed: pa.Table, tmp_path: Path
) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(export(spec.sources["stays"], landed, vault))
    closure = Closure(landed.column("quarantine_id")[1].as_py(), DAY, "c.csv", "00")
    close_rows(lake, spec, "stays", [closure], at=AT, by="ada")
    with pytest.raises(CorrectionError, match=r"line 3: .* is closed already"):
        correction(lake, spec, "stays", path, vault)


def test_the_same_file_on_two_days_is_told_apart_by_the_name_of_the_file(
    spec: UseCaseSpec, lake: Lake, vault: Vault, tmp_path: Path
) -> None:
    put(lake, sealed(vault, refused_row(2)))
    put(lake, sealed(vault, refused_row(2), file="again_2026-03-02.csv"), NEXT)
    path = tmp_path / "s.csv"
    assert sent_back(lake, spec, vault, path, lambda row: row).days == [DAY, NEXT]
    with pytest.raises(CorrectionError, match=r"more than one day.*Keep the column 'file'"):
        sent_back(lake, spec, vault, path, lambda row: row | {"file": ""})


def test_a_forgotten_person_is_not_replayed(
    spec: UseCaseSpec, lake: Lake, vault: Vault, landed: pa.Table, tmp_path: Path
) -> None:
    vault.forget(token("g3", KEY), AT)
    path = tmp_path / "s.csv"
    with pytest.raises(CorrectionError, match=r"line 3: .*a person who is forgotten"):
        sent_back(lake, spec, vault, path, lambda row: row)
    found = sent_back(lake, spec, vault, path, lambda r: r if r["stay_id"] != "s3" else None)
    assert [row.cells[2] for row in found.rows] == ["g2", "g2"]
    shown = export(spec.sources["stays"], open_rows(lake, spec, source="stays"), vault)
    assert shown.count(b"(forgotten)") == 2


def test_a_character_the_source_cannot_write_is_named(
    spec: UseCaseSpec, lake: Lake, vault: Vault, landed: pa.Table, tmp_path: Path
) -> None:
    found = sent_back(
        lake, spec, vault, tmp_path / "s.csv", lambda row: row | {"stay_id": row["stay_id"] + "語"}
    )
    with pytest.raises(CorrectionError, match=r"line 2 .*column 'stay_id'.*number 3 .*cp1252"):
        file_content(spec.sources["stays"], found.rows)


def test_a_correction_of_a_parquet_source_is_parquet_of_text(
    spec: UseCaseSpec, lake: Lake, vault: Vault, tmp_path: Path
) -> None:
    row = refused_row(1, original=json.dumps({"author": MASK, "stars": "0"}), guest="g1")
    put(
        lake,
        sealed(vault, row | {"personal": '{"author": "g1"}'}, source="reviews"),
        source="reviews",
    )
    declared = spec.sources["reviews"]
    path = tmp_path / "s.csv"
    path.write_bytes(export(declared, open_rows(lake, spec, source="reviews")))
    path.write_text(path.read_text().replace(f"{MASK},0", f"{MASK},5"))
    content = file_content(declared, correction(lake, spec, "reviews", path, vault).rows)
    assert pq.read_table(pa.BufferReader(content)).to_pylist() == [{"author": "g1", "stars": "5"}]
    assert file_name("reviews", declared, DAY, content).endswith(".parquet")


def test_a_correction_is_dropped_whole_once_and_under_its_day(
    spec: UseCaseSpec, home: Home
) -> None:
    path = drop(home, spec, "stays", DAY, b"one")
    assert drop(home, spec, "stays", DAY, b"one") == path
    other = drop(home, spec, "stays", DAY, b"two")
    assert sorted(path.parent.iterdir()) == sorted([path, other])
    assert path.read_bytes() == b"one"
    assert path.stat().st_mode & 0o077 == 0
    assert path.name.startswith("stays_2026-03-01_correction_")
    assert is_correction(path.name)
    assert not is_correction("stays_2026-03-01.csv")
    # A date in the name of the source is not the day of its files.
    odd = file_name("plan20250101", spec.sources["stays"], DAY, b"x")
    assert file_day(Path(odd)) == DAY


# Forgetting


def test_forgetting_reaches_every_version_of_the_table(
    spec: UseCaseSpec, lake: Lake, vault: Vault
) -> None:
    put(
        lake, sealed(vault, refused_row(2, guest="Canary"), refused_row(3), uncut_row(4, "Canary;"))
    )
    before = lake.version("hotel", quarantine("stays"))
    put(lake, sealed(vault, refused_row(9, guest="Canary"), file_sha256="cd" * 32))
    person = token("Canary", KEY)
    found = sealed_rows(lake, spec, vault, person, "Canary")
    assert (len(found.own), len(found.nobodys), len(found.others)) == (2, 1, 0)
    for one in (person, *(f"row:{n}" for n in found.nobodys)):
        vault.forget(one, AT)
    for version in (before, None):
        rows = lake.read("hotel", quarantine("stays"), version=version)
        assert rows.num_rows
        assert "Canary" not in str(opened_cells(rows, vault))
    old = lake.read("hotel", quarantine("stays"), version=before)
    assert "g3" in str(opened_cells(old, vault))
    # The old landing file is read once more.
    again = sealed(vault, refused_row(2, guest="Canary"), refused_row(3), uncut_row(4, "Canary;"))
    assert [row["sealed"] == "" for row in again.to_pylist()] == [True, False, True]
    assert sealed_rows(lake, spec, vault, person, "Canary").own == set()


def test_rows_of_others_that_name_the_person_are_told(
    spec: UseCaseSpec, lake: Lake, vault: Vault
) -> None:
    put(lake, sealed(vault, refused_row(2, phone="g3"), refused_row(3), uncut_row(4, "g33;x")))
    found = sealed_rows(lake, spec, vault, token("g3", KEY), "g3")
    assert (len(found.own), len(found.nobodys), len(found.others)) == (1, 0, 1)


@pytest.mark.parametrize("block", [1, 3, 7, 1 << 20])
def test_landing_files_that_name_the_person_are_found(
    spec: UseCaseSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr("assets.ingestion.traces.BLOCK", block)
    text = "stay_id;guest\ns1;other\ns2;Zoë Müller\ns3;last"
    files = {
        "plain.csv": text.encode("cp1252"),
        "utf16.csv": text.encode("utf-16"),
        "packed.csv.gz": gzip.compress(text.encode("cp1252")),
        "ends.csv": b"s;Zo\xeb M\xfcller",
        "starts.csv": b"Zo\xeb M\xfcller;s",
        "sub/below.txt": text.encode("cp1252"),
        "not_longer.csv": b"s2;Zo\xeb M\xfcllers\ns2;xZo\xeb M\xfcller",
        "not_at_all.csv": b"s2;nobody",
        "empty.csv": b"",
        "broken.csv.gz": gzip.compress(text.encode() * 50)[:40],
        "broken.parquet": b"PAR1 and no more",
    }
    (tmp_path / "sub").mkdir()
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
        archive.writestr("stays.csv", text.encode("cp1252"))
    for name, guest in (("yes.parquet", "Zoë Müller"), ("no.parquet", "Zoë")):
        pq.write_table(pa.table({"guest": ["x", guest], "stay_id": ["1", "2"]}), tmp_path / name)
    naming, unreadable = naming_files(tmp_path, spec.sources["stays"], "Zoë Müller")
    assert {str(path.relative_to(tmp_path)) for path in naming} == {
        *("plain.csv", "utf16.csv", "packed.csv.gz", "ends.csv", "starts.csv", "sub/below.txt"),
        *("archive.zip", "yes.parquet"),
    }
    assert {path.name for path in unreadable} == {"broken.csv.gz", "broken.parquet"}
    assert naming_files(tmp_path / "none", spec.sources["stays"], "x") == ([], [])
