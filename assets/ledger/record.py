"""Writing checkpoints: of a night, of its reviews, of the releases.

Rows whose root is that of their newest checkpoint need none, so a re-run writes nothing. The table
comes first and the copy second; killed between the two, the next call completes the copy.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.compaction import compact
from assets.ledger.checkpoints import (
    Checkpoint,
    LedgerError,
    newest,
    read_checkpoints,
    signed,
)
from assets.ledger.covered import DECIDED, JUDGED, RELEASED, REVIEWED, Covered, covered_rows
from assets.ledger.evidence import decisions_evidence, gates_evidence, releases_evidence
from assets.ledger.lawful import before, objection
from assets.ledger.retention import ensure_retention
from assets.ledger.roots import root_of
from assets.ledger.second_copy import complete, copy_file, require_prefix
from assets.ledger.specs import keep_spec
from assets.release.one_writer import one_writer
from assets.spec import closes_at
from assets.tables import CHECKPOINTS, CHECKPOINTS_SCHEMA, RELEASE_EVENTS, REVIEWS, SPECS
from assets.training.manifest import installation_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

Wanted = tuple[Covered, date | None]


def checkpoint_day(
    lake: "Lake",
    home: "Home",
    spec: "UseCaseSpec",
    day: date,
    *,
    run_id: str,
) -> list[Checkpoint]:
    """Put a night on the ledger: its decisions, reviews and gates, and the release record.

    Returns the checkpoints written: those of rows whose root is not that of their newest one. The
    spec is kept, and the tables the ledger cites are kept readable for ``audit.retention``.

    Raises LedgerError when rows are not what they may have become since their last checkpoint (an
    edit, see ``assets/ledger/lawful.py``), after writing the others; and, writing nothing, when
    table and second copy do not agree.
    """
    wanted: list[Wanted] = [(RELEASED, None), (JUDGED, day), (DECIDED, day), (REVIEWED, day)]
    # Once a night, not with every review: it is a commit others may have to wait for.
    ensure_retention(lake, spec)
    for table in (REVIEWS, RELEASE_EVENTS):
        if lake.exists(spec.name, table):
            with one_writer(lake, spec.name, table):
                compact(lake, spec.name, table)
    return _written(lake, home, spec, wanted, run_id)


def checkpoint_gates(
    lake: "Lake",
    home: "Home",
    spec: "UseCaseSpec",
    days: Iterable[date],
    *,
    run_id: str,
) -> list[Checkpoint]:
    """Put gates that were judged after their night on the ledger, as :func:`checkpoint_day` does.

    Only of days that are on it: a night that did not come so far has nothing to show for.
    """
    there = newest(read_checkpoints(lake, spec.name))
    wanted: list[Wanted] = [
        (JUDGED, day) for day in sorted(set(days)) if (JUDGED.kind, day) in there
    ]
    return _written(lake, home, spec, wanted, run_id) if wanted else []


def checkpoint_reviews(
    lake: "Lake",
    home: "Home",
    spec: "UseCaseSpec",
    days: Iterable[date],
    *,
    run_id: str = "",
) -> list[Checkpoint]:
    """Put the reviews of these business days on the ledger, as :func:`checkpoint_day` does."""
    wanted: list[Wanted] = [(REVIEWED, day) for day in sorted(set(days))]
    return _written(lake, home, spec, wanted, run_id)


def checkpoint_releases(
    lake: "Lake", home: "Home", spec: "UseCaseSpec", *, run_id: str = ""
) -> list[Checkpoint]:
    """Put the release record on the ledger, as :func:`checkpoint_day` does."""
    return _written(lake, home, spec, [(RELEASED, None)], run_id)


def _written(
    lake: "Lake",
    home: "Home",
    spec: "UseCaseSpec",
    wanted: list[Wanted],
    run_id: str,
) -> list[Checkpoint]:
    key = installation_key(home)
    lake.ensure(spec.name, CHECKPOINTS, CHECKPOINTS_SCHEMA, partitioned=False, append_only=True)
    # Tables that may have come into being since the night.
    new_ones = {covered.table for covered, _ in wanted if covered.append_only}
    ensure_retention(lake, spec, (CHECKPOINTS, *sorted(new_ones)))
    file = copy_file(home, spec.name)
    with one_writer(lake, spec.name, CHECKPOINTS):
        compact(lake, spec.name, CHECKPOINTS)
        there = read_checkpoints(lake, spec.name)
        require_prefix(file, there)
        if keep_spec(lake, spec, run_id):
            ensure_retention(lake, spec, (SPECS,))
        new: list[Checkpoint] = []
        wrong: list[str] = []
        for covered, day in wanted:
            try:
                found = _next(lake, spec, key, [*there, *new], covered, day, run_id)
            except LedgerError as error:
                wrong.append(str(error))
                continue
            new += [found] if found else []
        if new:
            rows = [{name: getattr(one, name) for name in CHECKPOINTS_SCHEMA.names} for one in new]
            lake.append(
                spec.name,
                CHECKPOINTS,
                pa.Table.from_pylist(rows, schema=CHECKPOINTS_SCHEMA),
                {"run_id": run_id},
            )
        complete(file, [*there, *new])
    if wrong:
        raise LedgerError(
            f"{spec.name}: the ledger does not put its seal on {'; '.join(wrong)}. Somebody wrote "
            f"into the table: `nightshift audit verify {spec.name}` says since when. Restore the "
            "table as it was, and run this again"
        )
    return new


def _next(
    lake: "Lake",
    spec: "UseCaseSpec",
    key: "Ed25519PrivateKey",
    there: list[Checkpoint],
    covered: Covered,
    day: date | None,
    run_id: str,
) -> Checkpoint | None:
    """The checkpoint these rows need; None if they have it."""
    if not lake.exists(spec.name, covered.table):
        return None
    version = lake.version(spec.name, covered.table)
    rows = covered_rows(lake, spec.name, covered, day, version=version)
    last = newest(there).get((covered.kind, day))
    if last is None and not rows.num_rows and covered.kind != DECIDED.kind:
        return None
    root = root_of(rows, covered.keys)
    if last is not None and last.root == root.root:
        return None
    at = _at(covered, day, rows)
    evidence: dict[str, Any] = {}
    if covered.kind == DECIDED.kind and day is not None:
        evidence = decisions_evidence(lake, spec, day, rows)
    elif covered.kind == RELEASED.kind:
        evidence = releases_evidence(rows)
    elif covered.kind == JUDGED.kind:
        evidence = gates_evidence(rows)
    if last is not None:
        evidence["since"] = _since(lake, spec, covered, last, rows, at)
    return signed(
        spec.name,
        key,
        there[-1] if there else None,
        kind=covered.kind,
        day=day,
        revision=pc.max(rows.column("revision")).as_py() if covered.kind == DECIDED.kind else None,
        root=root,
        table_version=version,
        evidence=evidence,
        at=at,
        run_id=run_id,
    )


def _since(
    lake: "Lake",
    spec: "UseCaseSpec",
    covered: Covered,
    last: Checkpoint,
    rows: pa.Table,
    at: datetime,
) -> dict[str, Any]:
    """What became of the rows of the checkpoint before. Raises LedgerError for what may not."""
    then = before(lake, spec.name, covered, last)
    if then is None:
        if at - last.at < spec.audit.keep:
            raise LedgerError(
                f"{covered.table}: its version {last.table_version}, which {last.named} seals, "
                "cannot be read as it was, so nobody can say what became of its rows"
            )
        return {"checkpoint": last.sequence, "compared": False}
    found, wrong = objection(covered, last.day, then, rows)
    if wrong:
        raise LedgerError(wrong)
    return {
        "checkpoint": last.sequence,
        "compared": True,
        "added": len(found.added),
        "changed": len(found.changed_keys),
        "removed": len(found.removed),
    }


def _at(covered: Covered, day: date | None, rows: pa.Table) -> datetime:
    """Close of the day, or the time of the newest row where people act between nights."""
    if covered.append_only and rows.num_rows:
        newest_row: datetime = pc.max(rows.column("at")).as_py()
        return newest_row
    assert day is not None  # only releases have none, and they are never without rows here
    return closes_at(day)
