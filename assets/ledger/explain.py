"""Why a case was decided as it was: one record, for people and as JSON.

Made of what is on record alone, and changes nothing. Holds no personal value: entities are the
tokens ingestion made of them, values are the features a model may see.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from assets.errors import NightshiftError
from assets.ledger.checkpoints import Checkpoint, is_genuine
from assets.ledger.covered import DECIDED, JUDGED, REVIEWED, Unreadable, covered_rows
from assets.ledger.explained_text import as_text
from assets.ledger.found import Found, Row, find
from assets.ledger.roots import root_of
from assets.ledger.rule_text import rule_text
from assets.ledger.specs import SpecNotKept, kept_spec
from assets.ledger.values_used import values_used
from assets.release.events import APPROVED, Event, entry_of, evidence_of, read_events
from assets.release.gate_record import short
from assets.release.people import read_people
from assets.release.statement import signed_by
from assets.signing import SigningKeyError, load_private_key, public_key

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

SHOWN = (
    "decision",
    "advice",
    "score",
    "prediction",
    "band",
    "overflow",
    "value_at_risk",
    "arm",
    "revision",
    "fallback",
    "spec_version",
    "run_id",
)


@dataclass(frozen=True)
class Explanation:
    """The record of one decision.

    ``record`` is plain JSON: ``use_case``, ``decision_id``, ``day``, ``live``, ``case`` (key,
    entity, event_timestamp), ``decision`` (see ``SHOWN``), ``rule`` (id, text), ``reasons``
    (feature, weight, text), ``values`` (see ``UsedValue``), ``model`` (version, digest, candidate,
    trained_as_of, card, stage, effective_from, requested_by, approvals, gates; null under a
    fallback), ``gates`` (of the night: gate, subject, verdict, message), ``reviews``,
    ``revisions`` (earlier ones), ``checkpoint`` (null where none covers it) and ``notes`` (what
    cannot be told, and what is wrong). Times are ISO 8601, UTC.
    """

    record: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The record."""
        return dict(self.record)

    def as_text(self) -> str:
        """The record in plain language."""
        return as_text(self.record)


def explain(lake: "Lake", home: "Home", spec: "UseCaseSpec", decision_id: str) -> Explanation:
    """Everything on record about one decision. Raises NoSuchDecision for an id nobody gave."""
    found = find(lake, spec.name, decision_id)
    row, day = found.row, found.day
    notes = list(found.problems)
    then = _spec_then(lake, spec, row, notes)
    values, problem = values_used(
        lake, home, then, day, str(row["case_key"]), row["scoring_set_version"]
    )
    notes += [problem] if problem else []
    record = {
        "use_case": spec.name,
        "decision_id": row["decision_id"],
        "day": day.isoformat(),
        "live": found.live,
        "case": {
            "key": row["case_key"],
            "entity": row["entity_key"],
            "event_timestamp": _iso(row["event_timestamp"]),
        },
        "decision": {name: row[name] for name in SHOWN},
        "rule": {"id": row["rule"], "text": rule_text(then, row)},
        "reasons": [dict(one) for one in row["reasons"] or []],
        "values": [value.as_json() for value in values],
        "model": _model(lake, home, spec, row, day, notes),
        "gates": _gates(lake, spec, day, notes),
        "reviews": _reviews(lake, spec, day, str(row["decision_id"]), notes),
        "revisions": [
            {name: one.row[name] for name in SHOWN}
            | {
                "rule": one.row["rule"],
                "model_version": one.row["model_version"],
                "table_version": one.checkpoint.table_version,
                "checkpoint": one.checkpoint.sequence,
            }
            for one in found.earlier
        ],
        "checkpoint": _checkpoint(lake, home, spec, found, notes),
    }
    return Explanation(record | {"notes": notes})


def _spec_then(lake: "Lake", spec: "UseCaseSpec", row: Row, notes: list[str]) -> "UseCaseSpec":
    """The spec it was decided by; today's, with a note, where that one was not kept."""
    if row["spec_version"] == spec.version:
        return spec
    try:
        return kept_spec(lake, spec.name, str(row["spec_version"])).spec
    except SpecNotKept as error:
        notes.append(f"{error}; rule and values are told by today's spec ({spec.version})")
        return spec


def _model(
    lake: "Lake", home: "Home", spec: "UseCaseSpec", row: Row, day: date, notes: list[str]
) -> dict[str, Any] | None:
    version = row["model_version"]
    if version is None:
        return None
    events = [e for e in read_events(lake, spec.name) if int(e["model_version"]) == int(version)]
    entry = entry_of(events, int(version))
    if entry is None:
        notes.append(f"model version {version} is not on the release record")
        return {"version": version, "digest": row["model_digest"], "approvals": [], "gates": []}
    if entry["model_digest"] != row["model_digest"]:
        notes.append(
            f"the decision names another model digest than the release record of version {version}"
        )
    evidence = evidence_of(entry)
    record = evidence.get("record") or {}
    effective = [e for e in events if e["effective_from"] <= day]
    card = home.model_card(spec.name, int(version))
    return {
        "version": version,
        "digest": row["model_digest"],
        "candidate": record.get("candidate"),
        "trained_as_of": record.get("as_of"),
        "requested_by": record.get("requested_by"),
        "card": card.relative_to(home.root).as_posix() if card.is_file() else None,
        "stage": effective[-1]["stage"] if effective else None,
        "effective_from": effective[-1]["effective_from"].isoformat() if effective else None,
        "approvals": _approvals(lake, home, spec, events),
        "gates": [
            {"gate": short(gate), **said} for gate, said in (evidence.get("gates") or {}).items()
        ],
    }


def _approvals(
    lake: "Lake", home: "Home", spec: "UseCaseSpec", events: list[Event]
) -> list[dict[str, str]]:
    """Who approved, when and why: what people really signed."""
    people = read_people(lake, home)
    return [
        {key: str(evidence_of(event)["statement"][key]) for key in ("name", "at", "reason")}
        for event in events
        if event["stage"] == APPROVED and signed_by(spec.name, event, people)[0]
    ]


def _gates(lake: "Lake", spec: "UseCaseSpec", day: date, notes: list[str]) -> list[dict[str, Any]]:
    try:
        rows = covered_rows(lake, spec.name, JUDGED, day).to_pylist()
    except Unreadable as error:
        notes.append(str(error))
        return []
    told = ("gate", "subject", "verdict", "message")
    return sorted(({name: row[name] for name in told} for row in rows), key=lambda g: g["gate"])


def _reviews(
    lake: "Lake", spec: "UseCaseSpec", day: date, decision_id: str, notes: list[str]
) -> list[dict[str, Any]]:
    try:
        rows = covered_rows(lake, spec.name, REVIEWED, day).to_pylist()
    except Unreadable as error:
        notes.append(str(error))
        return []
    mine = [row | {"at": _iso(row["at"])} for row in rows if row["decision_id"] == decision_id]
    return sorted(mine, key=lambda row: int(row["sequence"]))


def _checkpoint(
    lake: "Lake", home: "Home", spec: "UseCaseSpec", found: Found, notes: list[str]
) -> dict[str, Any] | None:
    """The checkpoint that covers the decision, and whether what stands is what it says."""
    if not found.checkpoints:
        notes.append("no checkpoint covers this decision: its night did not come to the ledger")
        return None
    one = found.checkpoints[-1]
    signed, holds = _signed(home, one), _holds(lake, spec, one)
    if not signed:
        notes.append(f"{one.named} is not signed by this installation's key")
    if not holds:
        notes.append(
            f"the decisions of {found.day} are not what {one.named} says: run `nightshift audit "
            f"verify {spec.name}`"
        )
    return {
        "sequence": one.sequence,
        "digest": one.digest,
        "root": one.root,
        "rows": one.rows,
        "table_version": one.table_version,
        "at": _iso(one.at),
        "signed": signed,
        "holds": holds,
    }


def _signed(home: "Home", one: Checkpoint) -> bool:
    try:
        return is_genuine(one, public_key(load_private_key(home.signing_key)))
    except SigningKeyError:
        return False


def _holds(lake: "Lake", spec: "UseCaseSpec", one: Checkpoint) -> bool:
    try:
        rows = covered_rows(lake, spec.name, DECIDED, one.day, columns=list(one.columns) or None)
    except NightshiftError:
        return False
    return root_of(rows, DECIDED.keys).root == one.root


def _iso(time: datetime | None) -> str | None:
    return time.astimezone(UTC).isoformat() if time is not None else None
