"""Deciding a night again from what it was decided from, and comparing it bit by bit.

The values are those of the table version on record, the model is the one each decision names (not
today's champion), the spec the one it was decided by. What cannot be had is said, never guessed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.outcomes import WITHDRAWN
from assets.decisions.policy import decide
from assets.errors import NightshiftError
from assets.ledger.checkpoints import Checkpoint, newest, read_checkpoints
from assets.ledger.covered import DECIDED, Unreadable, covered_rows, inputs_of, read
from assets.ledger.differences import differences
from assets.ledger.found import find
from assets.ledger.replayed_scores import CannotScore, predictions_again
from assets.ledger.roots import root_of
from assets.ledger.specs import KeptSpec, SpecNotKept, kept_spec
from assets.tables import DECISIONS_SCHEMA, SCORING_SET

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

RECORDED = ("run_id", "revision", "scoring_set_version")
"""Columns that say which run decided what for how many times: taken from the record."""


class NothingToReplay(NightshiftError):
    """There are no decisions of this day."""


@dataclass(frozen=True)
class Replay:
    """``verdict``: same (every byte), differs, or cannot (``problems`` say why)."""

    use_case: str
    day: date
    decision_id: str | None  # of which alone this speaks; None: of the whole day
    compared: int  # decisions
    changed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Column to the ids of the decisions in which it came out otherwise."""
    problems: Sequence[str] = ()
    notes: Sequence[str] = ()
    root: str = ""  # of what was computed now (columns of the record as they are)

    @property
    def verdict(self) -> Literal["same", "differs", "cannot"]:
        if self.problems:
            return "cannot"
        return "differs" if self.changed else "same"

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "use_case": self.use_case,
            "day": self.day.isoformat(),
            "decision_id": self.decision_id,
            "verdict": self.verdict,
            "compared": self.compared,
            "changed": {column: list(ids) for column, ids in self.changed.items()},
            "problems": list(self.problems),
            "notes": list(self.notes),
            "root": self.root,
        }

    def as_text(self) -> str:
        """For people."""
        what = f"decision {self.decision_id}" if self.decision_id else "decisions"
        lines = [f"{self.use_case}, {what} of {self.day}: {self._told()}"]
        lines += [f"  {problem}" for problem in self.problems]
        for column, ids in self.changed.items():
            more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
            lines.append(f"  {column} is another in {len(ids)}: {', '.join(ids[:3])}{more}")
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)

    def _told(self) -> str:
        if self.problems:
            return "cannot be replayed"
        count = "1 decision" if self.compared == 1 else f"{self.compared:,} decisions"
        if not self.changed:
            return f"{count} replayed, the same to the byte"
        ids = {one for found in self.changed.values() for one in found}
        return f"{count} replayed, {len(ids)} not the same"


def replay(
    lake: "Lake",
    home: "Home",
    spec: "UseCaseSpec",
    *,
    decision_id: str | None = None,
    day: date | None = None,
) -> Replay:
    """Decide a day, or the day of one decision, again; compare with the live decisions.

    Raises NoSuchDecision for an unknown id, NothingToReplay for a day without decisions, and
    ValueError unless exactly one of the two is given.
    """
    if (decision_id is None) == (day is None):
        raise ValueError("give a decision or a day")
    if decision_id is not None:
        found = find(lake, spec.name, decision_id)
        day = found.day
        if not found.live:
            return Replay(spec.name, day, decision_id, 0, problems=list(found.problems))
    assert day is not None
    rows = covered_rows(lake, spec.name, DECIDED, day)
    if not rows.num_rows:
        raise NothingToReplay(f"{spec.name} has no decisions of {day}")
    sealed = newest(read_checkpoints(lake, spec.name)).get((DECIDED.kind, day))
    notes: list[str] = []
    try:
        again = _again(lake, home, spec, day, rows, sealed, notes)
    except CannotReplay as error:
        return Replay(spec.name, day, decision_id, 0, problems=[str(error)], notes=notes)
    return _compared(spec, day, decision_id, rows, again, notes)


class CannotReplay(NightshiftError):
    """What a replay needs is not there any more, or is not what it was. Says what."""


def _again(
    lake: "Lake",
    home: "Home",
    spec: "UseCaseSpec",
    day: date,
    rows: pa.Table,
    sealed: Checkpoint | None,
    notes: list[str],
) -> pa.Table:
    """The decisions computed anew. Raises CannotReplay."""
    withdrawn = pc.equal(rows.column("rule"), WITHDRAWN)
    gone, standing = rows.filter(withdrawn), rows.filter(pc.invert(withdrawn))
    kept = _spec_of(lake, spec, standing, notes)
    cases = _cases(lake, kept.spec, day, standing, sealed, notes)
    if gone.num_rows:
        notes.append(f"{gone.num_rows} withdrawn cases are as on record: nothing decided them")
    try:
        predictions = predictions_again(lake, home, kept.spec, cases, standing)
        again = decide(kept.spec, predictions, cases, day, "", there=gone)
    except CannotScore as error:
        raise CannotReplay(str(error)) from error
    except NightshiftError as error:
        raise CannotReplay(f"the night cannot be decided again: {error}") from error
    if kept.parsed_version != kept.version:
        # The platform has learnt fields since, which the spec of then leaves at their defaults.
        place = DECISIONS_SCHEMA.get_field_index("spec_version")
        versions = pc.replace_substring(
            again.column("spec_version"), kept.parsed_version, kept.version
        )
        again = again.set_column(place, DECISIONS_SCHEMA.field(place), versions)
        notes.append(f"spec {kept.version} was read by a later version of the platform")
    return again


def _spec_of(lake: "Lake", spec: "UseCaseSpec", rows: pa.Table, notes: list[str]) -> KeptSpec:
    versions = [str(v) for v in pc.unique(rows.column("spec_version")).to_pylist()]
    if len(versions) > 1:
        raise CannotReplay(
            f"its decisions cite {len(versions)} versions of the spec ({', '.join(versions)}), and "
            "a night has one: somebody wrote into the table"
        )
    version = versions[0] if versions else spec.version
    if version != spec.version:
        notes.append(f"decided by spec {version}; today's is {spec.version}")
    try:
        return kept_spec(lake, spec.name, version)
    except SpecNotKept as error:
        if version == spec.version:
            return KeptSpec(version, "", spec)
        raise CannotReplay(f"{error}; today's ({spec.version}) is another") from error


def _cases(
    lake: "Lake",
    spec: "UseCaseSpec",
    day: date,
    rows: pa.Table,
    sealed: Checkpoint | None,
    notes: list[str],
) -> pa.Table:
    """The night's scoring set as it was."""
    said = (sealed.said.get("inputs") or {}).get(SCORING_SET) if sealed else None
    cited = [v for v in pc.unique(rows.column("scoring_set_version")).to_pylist() if v is not None]
    if said is None and not cited:
        raise CannotReplay(
            f"neither the decisions nor a checkpoint name a version of {SCORING_SET}"
        )
    version = int(said["version"]) if said else max(cited)
    try:
        cases = read(lake, spec.name, SCORING_SET, day, version)
    except Unreadable as error:
        raise CannotReplay(f"{error}: its files were deleted or its log was cut") from error
    if said is None:
        notes.append("no checkpoint says what the values were: they are taken as they are")
    elif root_of(cases, inputs_of(spec)[SCORING_SET]).root != said["root"]:
        raise CannotReplay(
            f"{SCORING_SET} version {version} of {day} is not what the checkpoint says it was: its "
            "files were changed"
        )
    return cases


def _compared(
    spec: "UseCaseSpec",
    day: date,
    decision_id: str | None,
    rows: pa.Table,
    again: pa.Table,
    notes: list[str],
) -> Replay:
    if decision_id is not None:
        mine = pa.scalar(decision_id)
        rows = rows.filter(pc.equal(rows.column("decision_id"), mine))
        again = again.filter(pc.equal(again.column("decision_id"), mine))
    # By id, and with the columns of the record: what is left is what the policy says.
    rows, again = rows.sort_by("decision_id"), again.sort_by("decision_id")
    if rows.column("decision_id").equals(again.column("decision_id")):
        for name in RECORDED:
            place = DECISIONS_SCHEMA.get_field_index(name)
            again = again.set_column(place, DECISIONS_SCHEMA.field(place), rows.column(name))
    found = differences(rows, again, DECIDED.keys)
    changed = {c: ids for c, ids in found.changed.items() if c not in RECORDED}
    if found.removed or found.added:
        changed["decision_id"] = [*found.removed, *found.added]
    return Replay(
        spec.name,
        day,
        decision_id,
        rows.num_rows,
        changed=changed,
        notes=notes,
        root=root_of(again, DECIDED.keys).root,
    )
