"""Every way of tampering with what is on record, done for real, and what the audit says of it."""

import json
import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from assets.home import Home
from assets.lake import PARTITION, Lake
from assets.ledger.checkpoints import LedgerError, digest_of, read_checkpoints, signed
from assets.ledger.findings import Finding
from assets.ledger.record import checkpoint_day, checkpoint_reviews
from assets.ledger.roots import Root
from assets.ledger.verify import verify
from assets.signing import create_private_key, load_private_key
from assets.spec import UseCaseSpec
from assets.tables import (
    CHECKPOINTS,
    DECISIONS,
    GATE_RESULTS,
    RELEASE_EVENTS,
    REVIEWS,
    SCORING_SET,
    SPECS,
)
from tests.ledgers import DAY, NEXT, NOW, copied, decided, night, put_decisions, revised, two_nights
from tests.released import NAME

Edit = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, UseCaseSpec]:
    home = Home(tmp_path_factory.mktemp("begun") / "home")
    return home, two_nights(home)


@pytest.fixture
def spec(begun: tuple[Home, UseCaseSpec]) -> UseCaseSpec:
    return begun[1]


@pytest.fixture
def spoilt(begun: tuple[Home, UseCaseSpec], tmp_path: Path) -> tuple[Home, Lake]:
    """The two nights, for a test to spoil."""
    return copied(begun[0], tmp_path)


def findings(spoilt: tuple[Home, Lake], spec: UseCaseSpec, **more: Any) -> list[Finding]:
    home, lake = spoilt
    return list(verify(lake, home, spec, **({"now": NOW} | more)).findings)


def the_one(found: Iterable[Finding]) -> Finding:
    (one,) = found
    return one


def rewritten(lake: Lake, table: str, edit: Edit) -> datetime:
    """Rewrite a table behind the platform's back, as any Delta client could; when that was."""
    path = str(lake.path(NAME, table))
    delta = DeltaTable(path)
    # What is append-only is so by a property, which whoever may write may change.
    delta.alter.set_table_properties({"delta.appendOnly": "false"})
    rows = lake.read(NAME, table)
    told = sorted(rows.to_pylist(), key=lambda row: row.get("sequence") or 0)
    edited = pa.Table.from_pylist(edit(told), schema=rows.schema)
    before = datetime.now(UTC)
    write_deltalake(path, edited, mode="overwrite")
    return before


def on(day: Any, change: dict[str, Any], column: str = "") -> Edit:
    """Change the first row of a day; with ``column`` the first that has a value there."""

    def edit(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        place = next(
            n
            for n, row in enumerate(rows)
            if row.get(PARTITION, day) == day and (not column or row[column])
        )
        return [*rows[:place], rows[place] | change, *rows[place + 1 :]]

    return edit


def test_two_nights_as_they_were_made_are_sound(
    begun: tuple[Home, UseCaseSpec], spec: UseCaseSpec
) -> None:
    home = begun[0]
    found = verify(Lake(home.lake), home, spec, now=NOW)
    assert found.sound, found.as_text()
    assert (found.days, found.decisions, found.notes) == (2, 12, [])
    kinds = [one.kind for one in read_checkpoints(Lake(home.lake), NAME)]
    assert kinds == ["releases", "gates", "decisions", "reviews", "gates", "decisions"]
    assert "sound" in found.as_text()
    assert json.loads(json.dumps(found.as_json()))["sound"] is True


def test_an_edited_decision(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    was = day_decisions(spoilt[1])
    before = rewritten(
        spoilt[1], DECISIONS, on(DAY, {"decision": "approve", "score": 0.01}, "reasons")
    )
    one = the_one(findings(spoilt, spec))
    (row,) = [r for r in day_decisions(spoilt[1]) if r not in was]
    assert (one.check, one.where) == ("rows", f"decisions of {DAY}")
    assert f"1 row changed in decision, score: {row['decision_id']}" in one.what
    assert one.since is not None
    assert before - timedelta(seconds=1) <= one.since <= datetime.now(UTC)


def day_decisions(lake: Lake) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = lake.read_day(NAME, DECISIONS, DAY).to_pylist()
    return rows


@pytest.mark.parametrize(
    "change",
    [
        {"reasons": []},
        {"reasons": [{"feature": "wind", "weight": 0.4, "text": "something else"}]},
        {"run_id": "another run"},
        {"band": "low"},
        {"event_timestamp": datetime(2026, 3, 5, 1, tzinfo=UTC)},
        {"entity_key": None},
    ],
    ids=["reasons gone", "a reason's text", "run", "band", "time", "entity"],
)
def test_no_column_can_be_edited(
    spoilt: tuple[Home, Lake], spec: UseCaseSpec, change: dict[str, Any]
) -> None:
    rewritten(spoilt[1], DECISIONS, on(NEXT, change, "reasons"))
    one = the_one(findings(spoilt, spec))
    assert f"1 row changed in {next(iter(change))}: " in one.what
    assert one.where == f"decisions of {NEXT}"


def test_a_removed_decision(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    gone = day_decisions(spoilt[1])[3]["decision_id"]
    DeltaTable(str(spoilt[1].path(NAME, DECISIONS))).delete(f"decision_id = '{gone}'")
    one = the_one(findings(spoilt, spec))
    assert f"1 row removed: {gone}" in one.what
    assert one.since is not None


def test_a_day_of_decisions_removed(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    DeltaTable(str(spoilt[1].path(NAME, DECISIONS))).delete(f"{PARTITION} = '{DAY}'")
    assert "6 rows removed" in the_one(findings(spoilt, spec)).what


def test_all_decisions_removed(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    shutil.rmtree(spoilt[1].path(NAME, DECISIONS))
    found = findings(spoilt, spec)
    assert [one.where for one in found] == [f"decisions of {DAY}", f"decisions of {NEXT}"]
    assert "0 rows, not 6" in found[0].what


def test_a_second_decision_for_a_case(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    rewritten(spoilt[1], DECISIONS, lambda rows: [*rows, rows[0] | {"revision": 2}])
    assert {one.check for one in findings(spoilt, spec)} == {"rows", "case"}


def test_decisions_nobody_sealed(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    day = NEXT + timedelta(days=1)
    night(spoilt[1], spec, day)
    one = the_one(findings(spoilt, spec))
    assert one.where == f"decisions of {day}"
    assert "6 rows without a checkpoint" in one.what


def test_a_file_edited_in_place(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    """Below Delta: its log knows nothing of it, and the version on record is spoilt as well."""
    folder = spoilt[1].path(NAME, DECISIONS) / f"{PARTITION}={DAY}"
    (file,) = folder.glob("*.parquet")
    with pq.ParquetFile(file) as parquet:
        rows = parquet.read()
    place = rows.schema.get_field_index("advice")
    pq.write_table(rows.set_column(place, "advice", pa.array(["approve"] * 6)), file)
    one = the_one(findings(spoilt, spec))
    assert "other values in advice" in one.what
    assert "files of the table were changed" in one.what


def test_a_damaged_file(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    (file,) = (spoilt[1].path(NAME, DECISIONS) / f"{PARTITION}={DAY}").glob("*.parquet")
    file.write_bytes(file.read_bytes()[:200])
    one = the_one(findings(spoilt, spec))
    assert one.where == f"decisions of {DAY}"
    assert "cannot be read" in one.what


def test_an_edited_review(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    rewritten(spoilt[1], REVIEWS, on(DAY, {"outcome": "decline"}))
    one = the_one(findings(spoilt, spec))
    assert one.where == f"reviews of {DAY}"
    assert "1 row changed in outcome: review of " in one.what


def test_an_edited_release_event(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    rewritten(spoilt[1], RELEASE_EVENTS, on(None, {"reason": "nobody had to approve it"}))
    one = the_one(findings(spoilt, spec))
    assert one.where == RELEASE_EVENTS
    assert "1 row changed in reason: 1" in one.what


def test_an_edited_gate_of_the_night(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    def edit(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [r | ({"verdict": "fail"} if r[PARTITION] == NEXT else {}) for r in rows]

    rewritten(spoilt[1], GATE_RESULTS, edit)
    one = the_one(findings(spoilt, spec))
    assert one.where == f"gate_results of {NEXT}"
    assert "verdict: scoring_population scoring_set" in one.what


def test_values_that_were_decided_by_edited_afterwards(
    spoilt: tuple[Home, Lake], spec: UseCaseSpec
) -> None:
    """A later version of the scoring set is nothing to the ledger; the one on record is."""
    lake = spoilt[1]
    rewritten(lake, SCORING_SET, on(DAY, {"wind": 99.0}))
    assert findings(spoilt, spec) == []
    (file,) = [
        file
        for file in (lake.path(NAME, SCORING_SET) / f"{PARTITION}={DAY}").glob("*.parquet")
        if 99.0 not in pq.read_table(file, columns=["wind"]).column("wind").to_pylist()
    ]
    rows = pq.ParquetFile(file).read()
    pq.write_table(rows.set_column(3, "wind", pa.array([1.0] * 6)), file)
    one = the_one(findings(spoilt, spec))
    assert (one.check, one.where) == ("inputs", f"scoring_set version 3, day {DAY}")


def test_a_swapped_model_digest(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    def edit(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row | {"model_digest": "b" * 64} for row in rows]

    rewritten(spoilt[1], DECISIONS, edit)
    found = {one.check: one for one in findings(spoilt, spec)}
    assert set(found) == {"rows", "model"}
    assert "12 decisions cite version 1 with the digest bbbbbbbbbbbb…" in found["model"].what


def test_a_swapped_model_digest_that_was_sealed(
    spoilt: tuple[Home, Lake], spec: UseCaseSpec
) -> None:
    """Whoever has the installation's key can seal what they like, but not make a model of it."""
    home, lake = spoilt
    day = NEXT + timedelta(days=1)
    night(lake, spec, day)
    put_decisions(lake, spec, day, decided(lake, spec, day, model_digest="b" * 64))
    checkpoint_day(lake, home, spec, day, run_id="x")
    one = the_one(findings(spoilt, spec))
    assert (one.check, one.where) == ("model", f"decisions of {day}")


@pytest.mark.parametrize("what", ["changed", "gone"])
def test_the_model_file(spoilt: tuple[Home, Lake], spec: UseCaseSpec, what: str) -> None:
    home, _ = spoilt
    file = home.root / f"models/{NAME}/1/model.skops"
    if what == "gone":
        shutil.rmtree(file.parent)
    else:
        file.write_bytes(b"another model")
    one = the_one(findings(spoilt, spec))
    assert (one.check, one.where) == ("model", "model version 1")
    told = "changed after registration" if what == "changed" else "not there"
    assert told in one.what


def test_a_model_nobody_registered(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    rewritten(spoilt[1], DECISIONS, on(DAY, {"model_version": 7}))
    found = {one.check: one for one in findings(spoilt, spec)}
    assert "model version 7, which is not on release record" in found["model"].what


def test_the_text_of_a_spec(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    def edit(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            r | {"spec": r["spec"].replace('"approve_below":0.1', '"approve_below":0.9')}
            for r in rows
        ]

    rewritten(spoilt[1], SPECS, edit)
    one = the_one(findings(spoilt, spec))
    assert (one.check, one.where) == ("spec", f"spec version {spec.version}")


# ------------------------------------------------------------------ the checkpoints themselves


def test_the_last_checkpoint_removed(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    rewritten(spoilt[1], CHECKPOINTS, lambda rows: rows[:-1])
    found = findings(spoilt, spec)
    assert [one.check for one in found] == ["copy", "rows"]
    assert f"checkpoint 6 (decisions of {NEXT}) was taken out of the table" in found[0].what
    assert "6 rows without a checkpoint" in found[1].what
    # Nor does the ledger go on as if nothing had happened.
    with pytest.raises(LedgerError, match="was taken out of the table"):
        checkpoint_day(spoilt[1], spoilt[0], spec, NEXT, run_id="later")


def test_all_checkpoints_removed(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    shutil.rmtree(spoilt[1].path(NAME, CHECKPOINTS))
    found = findings(spoilt, spec)
    assert found[0].check == "copy"
    assert "has 6 checkpoints, the table 0" in found[0].what
    assert {one.where for one in found[1:]} == {
        f"decisions of {DAY}",
        f"decisions of {NEXT}",
        f"reviews of {DAY}",
        RELEASE_EVENTS,
    }


def test_a_checkpoint_in_the_middle_removed(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    rewritten(spoilt[1], CHECKPOINTS, lambda rows: rows[:2] + rows[3:])
    told = [one.told for one in findings(spoilt, spec)]
    assert any("checkpoint 3 is missing before checkpoint 4" in one for one in told)
    assert any("checkpoint 4 (reviews" in one and "does not follow" in one for one in told)
    assert any("line 3 of the second copy" in one for one in told)


def test_a_chain_in_another_order(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    def edit(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        by = {row["sequence"]: row for row in rows}
        by[2], by[3] = by[3] | {"sequence": 2}, by[2] | {"sequence": 3}
        return list(by.values())

    rewritten(spoilt[1], CHECKPOINTS, edit)
    chain = [one for one in findings(spoilt, spec) if one.check == "chain"]
    moved = [one.where for one in chain if "moved to another place" in one.what]
    assert moved == [f"checkpoint 2 (decisions of {DAY})", f"checkpoint 3 (gates of {DAY})"]


def test_a_checkpoint_changed(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    rewritten(spoilt[1], CHECKPOINTS, lambda rows: [r | {"rows": r["rows"] + 1} for r in rows])
    found = findings(spoilt, spec)
    assert [one.check for one in found] == ["chain"] * 6 + ["copy"]


@pytest.mark.parametrize("column", ["at", "run_id", "evidence", "table_version", "day"])
def test_no_column_of_a_checkpoint_can_be_edited(
    spoilt: tuple[Home, Lake], spec: UseCaseSpec, column: str
) -> None:
    values = {
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "run_id": "x",
        "evidence": "{}",
        "table_version": 0,
        "day": DAY - timedelta(days=1),
    }

    def edit(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [*rows[:-1], rows[-1] | {column: values[column]}]

    rewritten(spoilt[1], CHECKPOINTS, edit)
    assert "it says something else than its digest" in findings(spoilt, spec)[0].what


def test_a_chain_made_anew_with_another_key(
    spoilt: tuple[Home, Lake], spec: UseCaseSpec, tmp_path: Path
) -> None:
    """Everything fits, the second copy included; only nobody here signed it."""
    home, lake = spoilt
    create_private_key(tmp_path / "another.key")
    key, made = load_private_key(tmp_path / "another.key"), []
    for one in read_checkpoints(lake, NAME):
        root = Root(one.root, one.rows, one.columns)
        made.append(
            signed(
                NAME,
                key,
                made[-1] if made else None,
                kind=one.kind,
                day=one.day,
                revision=one.revision,
                root=root,
                table_version=one.table_version,
                evidence=one.said,
                at=one.at,
                run_id=one.run_id,
            )
        )
    rewritten(lake, CHECKPOINTS, lambda rows: [vars(one) for one in made])
    lines = [json.dumps(one.as_json(), sort_keys=True, separators=(",", ":")) for one in made]
    (home.ledger_copy / f"{NAME}.jsonl").write_text("\n".join(lines) + "\n")
    found = findings(spoilt, spec)
    assert [one.check for one in found] == ["signature"] * 6
    assert "signed by another key" in found[0].what


def test_a_digest_computed_anew_is_not_signed(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    def edit(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        from dataclasses import replace

        from assets.ledger.checkpoints import Checkpoint

        last = replace(Checkpoint(**rows[-1]), rows=5)
        return [*rows[:-1], vars(replace(last, digest=digest_of(NAME, last)))]

    rewritten(spoilt[1], CHECKPOINTS, edit)
    found = findings(spoilt, spec)
    assert [one.check for one in found] == ["signature", "copy"]


def test_an_older_state_of_the_whole_table(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    DeltaTable(str(spoilt[1].path(NAME, CHECKPOINTS))).restore(2)
    assert the_one(one for one in findings(spoilt, spec) if one.check == "copy").what.startswith(
        "the second copy has 6 checkpoints, the table"
    )


# ------------------------------------------------------------------------------ the second copy


def copy_of(home: Home) -> Path:
    return home.ledger_copy / f"{NAME}.jsonl"


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda text: text.replace('"rows":6', '"rows":7'), "line 3 of the second copy is"),
        (lambda text: "".join(text.splitlines(True)[:-1]), "it ends 1 checkpoint before"),
        (lambda text: "".join(text.splitlines(True)[1:]), "line 1 of the second copy is"),
        (lambda text: text + text.splitlines(True)[0], "has 7 checkpoints, the table 6"),
        (lambda text: text + "torn", "ends in something that is no checkpoint"),
        (lambda text: "no json\n" + text, "line 1 of the second copy is no checkpoint"),
    ],
    ids=["edited", "shortened", "first gone", "lengthened", "something after it", "no JSON"],
)
def test_the_second_copy(
    spoilt: tuple[Home, Lake], spec: UseCaseSpec, edit: Callable[[str], str], says: str
) -> None:
    file = copy_of(spoilt[0])
    file.write_text(edit(file.read_text()))
    one = the_one(findings(spoilt, spec))
    assert (one.check, one.where) == ("copy", f"second copy {NAME}.jsonl")
    assert says in one.what


def test_no_second_copy(spoilt: tuple[Home, Lake], spec: UseCaseSpec, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    other = Home(spoilt[0].root, elsewhere), spoilt[1]
    one = the_one(findings(other, spec))
    assert "it is not there" in one.what
    shutil.copytree(spoilt[0].ledger_copy, elsewhere)
    assert findings(other, spec) == []


# ------------------------------------------------------------- nothing is sealed that was edited


def test_an_edit_is_not_sealed_by_the_next_run(
    spoilt: tuple[Home, Lake], spec: UseCaseSpec
) -> None:
    home, lake = spoilt
    rewritten(lake, DECISIONS, on(DAY, {"decision": "approve"}, "reasons"))
    with pytest.raises(LedgerError, match=r"1 row changed in decision: .* without a higher rev"):
        checkpoint_day(lake, home, spec, DAY, run_id="next")
    assert len(read_checkpoints(lake, NAME)) == 6


def test_a_removed_decision_is_not_sealed(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    home, lake = spoilt
    rewritten(lake, DECISIONS, lambda rows: rows[1:])
    (day,) = {DAY, NEXT} - {
        day for day in (DAY, NEXT) if lake.read_day(NAME, DECISIONS, day).num_rows == 6
    }
    with pytest.raises(LedgerError, match="1 row removed"):
        checkpoint_day(lake, home, spec, day, run_id="next")


@pytest.mark.parametrize("table", [REVIEWS, RELEASE_EVENTS])
def test_an_edit_of_what_is_append_only_is_not_sealed(
    spoilt: tuple[Home, Lake], spec: UseCaseSpec, table: str
) -> None:
    home, lake = spoilt
    column = "rationale" if table == REVIEWS else "reason"
    rewritten(lake, table, on(DAY, {column: "something else"}))
    with pytest.raises(LedgerError, match=f"{table}.* is append-only, but 1 row changed"):
        checkpoint_day(lake, home, spec, DAY, run_id="next")
    # What is not touched is sealed all the same.
    assert [one.kind for one in read_checkpoints(lake, NAME)][6:] == []


def test_what_cannot_be_compared_is_not_sealed(
    spoilt: tuple[Home, Lake], spec: UseCaseSpec
) -> None:
    """Editing, and deleting the version on record: nobody can say what was changed."""
    home, lake = spoilt
    rewritten(lake, REVIEWS, on(DAY, {"rationale": "something else"}))
    delta = DeltaTable(str(lake.path(NAME, REVIEWS)))
    delta.vacuum(0, dry_run=False, enforce_retention_duration=False)
    with pytest.raises(LedgerError, match="cannot be read as it was"):
        checkpoint_reviews(lake, home, spec, [DAY])
    told = [one.told for one in findings(spoilt, spec)]
    assert len(told) == 1
    assert "other values in rationale" in told[0]


def test_a_revision_is_sealed(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    home, lake = spoilt
    rows = lake.read_day(NAME, DECISIONS, DAY)
    put_decisions(lake, spec, DAY, revised(rows, 2, decision="refer", revision=2, run_id="two"))
    (one,) = checkpoint_day(lake, home, spec, DAY, run_id="two")
    assert (one.kind, one.revision, one.sequence) == ("decisions", 2, 7)
    since = one.said["since"]
    assert (since["changed"], since["added"], since["removed"]) == (1, 0, 0)
    assert findings(spoilt, spec) == []
    # The revision before can be read for as long as the audit needs it; gone, it is missed.
    delta = DeltaTable(str(lake.path(NAME, DECISIONS)))
    delta.vacuum(0, dry_run=False, enforce_retention_duration=False)
    gone = the_one(findings(spoilt, spec))
    assert gone.check == "history"
    assert "gone within the audit retention" in gone.what
    late = verify(lake, home, spec, now=NOW + timedelta(days=4000))
    assert late.sound
    assert "older than the audit retention" in late.notes[0]


def test_pc_is_what_counts(spoilt: tuple[Home, Lake], spec: UseCaseSpec) -> None:
    """The same rows in another file and another order are the same rows."""
    home, lake = spoilt
    rows = lake.read(NAME, DECISIONS)
    order = pc.sort_indices(rows, [("score", "descending"), ("decision_id", "descending")])
    write_deltalake(str(lake.path(NAME, DECISIONS)), rows.take(order), mode="overwrite")
    assert findings(spoilt, spec) == []
    assert checkpoint_day(lake, home, spec, DAY, run_id="again") == []
