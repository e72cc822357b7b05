"""Does everything on record still say what it said when it was sealed?"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from assets.lake import PARTITION
from assets.ledger.chain import chain_findings, copy_findings
from assets.ledger.checkpoints import Checkpoint, newest, read_checkpoints
from assets.ledger.covered import (
    DECIDED,
    JUDGED,
    RELEASED,
    REVIEWED,
    Covered,
    Unreadable,
    covered_rows,
)
from assets.ledger.evidence import models_in
from assets.ledger.findings import Finding, Verification
from assets.ledger.models_check import model_findings
from assets.ledger.retention import CITED, undercut
from assets.ledger.rows_check import case_findings, history_findings, live_findings
from assets.ledger.second_copy import copy_file
from assets.ledger.specs import digests
from assets.signing import SigningKeyError, load_private_key, public_key

if TYPE_CHECKING:
    import pyarrow as pa

    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec


def verify(
    lake: "Lake",
    home: "Home",
    spec: "UseCaseSpec",
    *,
    now: datetime,
) -> Verification:
    """Check the whole ledger of a use case against itself and everything it covers.

    Signatures and chain; the second copy; the rows of
    every day as they are, against their newest checkpoint; earlier versions and the inputs of
    decisions as they were; rows without a checkpoint; one live decision per case; models cited,
    against release record and disk; specs cited; the settings that keep it all readable.

    ``now`` (UTC) tells what the audit retention still covers. Changes nothing. Raises
    SigningKeyError only if the installation's key is there and cannot be used.
    """
    checkpoints = read_checkpoints(lake, spec.name)
    findings: list[Finding] = []
    notes: list[str] = []
    findings += _chain(home, spec, checkpoints)
    findings += copy_findings(copy_file(home, spec.name), checkpoints)
    counted = _Counted()
    findings += _live(lake, spec, newest(checkpoints), counted)
    for found in history_findings(lake, spec, checkpoints, now):
        if isinstance(found, str):
            notes.append(found)
        else:
            findings.append(found)
    findings += model_findings(lake, home, spec, counted.models)
    findings += _specs(lake, spec, checkpoints, counted)
    findings += _retention(lake, spec)
    return Verification(
        use_case=spec.name,
        at=now,
        checkpoints=len(checkpoints),
        days=counted.days,
        decisions=counted.decisions,
        findings=findings,
        notes=notes,
    )


class _Counted:
    """What was come by on the way through the decisions."""

    def __init__(self) -> None:
        self.days = 0
        self.decisions = 0
        self.models: dict[tuple[int | None, str | None], tuple[date, int]] = {}
        self.specs: dict[str, date] = {}

    def add(self, day: date, rows: "pa.Table") -> None:
        self.days += 1
        self.decisions += rows.num_rows
        for one in models_in(rows):
            key = one["model_version"], one["model_digest"]
            first, count = self.models.get(key, (day, 0))
            self.models[key] = first, count + one["decisions"]
        for version in pc.unique(rows.column("spec_version")).to_pylist():
            self.specs.setdefault(str(version), day)


def _chain(home: "Home", spec: "UseCaseSpec", there: Sequence[Checkpoint]) -> Iterator[Finding]:
    if not there:
        return
    try:
        installation = public_key(load_private_key(home.signing_key))
    except SigningKeyError as error:
        yield Finding("signature", "installation", f"no signature can be checked: {error}")
        return
    yield from chain_findings(spec.name, there, installation)


def _live(
    lake: "Lake",
    spec: "UseCaseSpec",
    last: dict[tuple[str, date | None], Checkpoint],
    counted: _Counted,
) -> Iterator[Finding]:
    for covered in (DECIDED, REVIEWED, RELEASED, JUDGED):
        sealed = {day: one for (kind, day), one in last.items() if kind == covered.kind}
        for day in sorted({*sealed, *_days(lake, spec, covered)}, key=str):
            one = sealed.get(day)
            if one is None and covered.kind == JUDGED.kind:
                continue  # of a night that was stopped, or of history: nothing was decided
            # Those the checkpoint was made over: the platform's may have grown since.
            columns = list(one.columns) or None if one else None
            try:
                rows = covered_rows(lake, spec.name, covered, day, columns=columns)
            except Unreadable as error:
                yield Finding("rows", f"{covered.table} of {day}", str(error))
                continue
            if covered.kind == DECIDED.kind and day is not None:
                counted.add(day, rows)
                yield from case_findings(day, rows)
            if one is None:
                yield _unsealed(covered, day, rows)
            else:
                yield from live_findings(lake, spec.name, covered, day, one, rows)


def _days(lake: "Lake", spec: "UseCaseSpec", covered: Covered) -> list[date | None]:
    if not lake.exists(spec.name, covered.table):
        return []
    if not covered.daily:
        return [None]
    import pyarrow.dataset as ds

    # The day is in the name of each file's folder: a file that is damaged has one too.
    return [
        ds.get_partition_keys(fragment.partition_expression)[PARTITION]
        for fragment in lake.dataset(spec.name, covered.table).get_fragments()
    ]


def _unsealed(covered: Covered, day: date | None, rows: "pa.Table") -> Finding:
    of = f" of {day}" if day else ""
    return Finding(
        "rows",
        f"{covered.table}{of}",
        f"{rows.num_rows} row{'s' if rows.num_rows != 1 else ''} without a checkpoint: written by "
        "hand, or by a run that was stopped before the ledger (run the day again)",
    )


def _specs(
    lake: "Lake", spec: "UseCaseSpec", checkpoints: Sequence[Checkpoint], counted: _Counted
) -> Iterator[Finding]:
    kept = digests(lake, spec.name)
    sealed: dict[str, str] = {}
    for one in checkpoints:
        if one.kind == DECIDED.kind:
            sealed |= {str(v): str(d) for v, d in (one.said.get("specs") or {}).items() if d}
    for version, day in sorted(counted.specs.items()):
        text = kept.get(version)
        where = f"spec version {version}"
        if text is None:
            yield Finding("spec", where, f"decisions of {day} cite it, and its text was not kept")
        elif text != sealed.get(version, text) or not text.startswith(version):
            yield Finding(
                "spec",
                where,
                f"its text is not what decisions of {day} were made by: it was "
                f"changed (SHA-256 {text[:12]}…)",
            )


def _retention(lake: "Lake", spec: "UseCaseSpec") -> Iterator[Finding]:
    for table in CITED:
        short = undercut(lake, spec, table)
        if short:
            told = ", ".join(f"{name} is {value}" for name, value in sorted(short.items()))
            yield Finding(
                "retention",
                table,
                f"{told}; audit.retention asks for {spec.audit.retention}. The next night "
                "lengthens it; do not vacuum before",
            )
