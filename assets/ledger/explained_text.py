"""The record of a decision in plain language."""

from collections.abc import Iterator, Mapping
from typing import Any

Record = Mapping[str, Any]


def as_text(record: Record) -> str:
    """For people: ``record`` as of :class:`assets.ledger.explain.Explanation`."""
    lines = [
        f"Decision {record['decision_id']} of {record['use_case']}, {record['day']}",
        *_decided(record),
        *_section("Why", _why(record)),
        *_section("Values used", map(_value, record["values"])),
        *_section("Model", _model(record["model"])),
        *_section("Gates of the night", map(_gate, record["gates"])),
        *_section("Reviews", map(_review, record["reviews"])),
        *_section("Earlier revisions", map(_revision, record["revisions"])),
        *_section("Ledger", _ledger(record["checkpoint"])),
        *_section("Notes", record["notes"]),
    ]
    return "\n".join(lines)


def _section(title: str, lines: Any) -> Iterator[str]:
    told = [f"  {line}" for line in lines]
    if told:
        yield ""
        yield title
        yield from told


def _decided(record: Record) -> Iterator[str]:
    case, said = record["case"], record["decision"]
    yield f"Case {case['key']} about {case['entity']}, of {case['event_timestamp']}"
    yield f"Decision: {said['decision']} (revision {said['revision']})"
    if said["advice"] != said["decision"]:
        yield f"The score alone would say: {said['advice']}; a person must confirm"
    if said["score"] is not None:
        band = f", band {said['band']}" if said["band"] else ""
        predicted = f", class {said['prediction']}" if said["prediction"] else ""
        yield f"Score: {said['score']:.6g}{predicted}{band}"
    if said["overflow"]:
        yield "Referred beyond what people can look at in a night; ordered by value at risk"
    if said["fallback"]:
        yield f"No model scored it: {said['fallback']}"


def _why(record: Record) -> Iterator[str]:
    rule = record["rule"]
    yield f"rule {rule['id']}: {rule['text']}" if rule["text"] else f"rule {rule['id']}"
    for one in record["reasons"]:
        weight = f" ({one['feature']}, {one['weight']:+.3g} log-odds)" if one["weight"] else ""
        yield f"- {one['text']}{weight}"


def _value(value: Record) -> str:
    shown = "no value" if value["value"] is None else _plain(value["value"])
    unit = f" {value['unit']}" if value["unit"] and value["value"] is not None else ""
    when = f"of {value['known_at']}" if value["known_at"] else (value["note"] or "time not known")
    return f"{value['name']} = {shown}{unit}  [{value['source']}, {when}]"


def _plain(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _model(model: Record | None) -> Iterator[str]:
    if model is None:
        return
    kind = f", {model['candidate'].replace('_', ' ')}" if model.get("candidate") else ""
    yield f"version {model['version']}{kind}, SHA-256 {model['digest']}"
    if model.get("trained_as_of"):
        yield f"trained as of {model['trained_as_of']}, asked for by {model['requested_by']}"
    if model.get("stage"):
        yield f"{model['stage']} from {model['effective_from']}"
    for one in model["approvals"]:
        yield f"approved by {one['name']} at {one['at']}: {one['reason']}"
    if not model["approvals"]:
        yield "approved by nobody"
    for gate in model["gates"]:
        yield f"gate {gate['gate']}: {gate['verdict']}"
    if model.get("card"):
        yield f"model card: {model['card']}"


def _gate(gate: Record) -> str:
    return f"{gate['gate']} on {gate['subject']}: {gate['verdict']}. {gate['message']}"


def _review(review: Record) -> str:
    return (
        f"{review['sequence']}. {review['kind']} by {review['reviewer']} at {review['at']}: "
        f"{review['outcome']} (the machine: {review['machine']}; revision {review['revision']}). "
        f"{review['rationale']}"
    )


def _revision(one: Record) -> str:
    score = "no score" if one["score"] is None else f"score {one['score']:.6g}"
    return (
        f"revision {one['revision']}: {one['decision']} by rule {one['rule']}, {score}, model "
        f"version {one['model_version']}, spec {one['spec_version']} (checkpoint "
        f"{one['checkpoint']}, table version {one['table_version']})"
    )


def _ledger(one: Record | None) -> Iterator[str]:
    if one is None:
        return
    signed = "signed by this installation" if one["signed"] else "NOT signed by this installation"
    yield f"checkpoint {one['sequence']} over {one['rows']} decisions, of {one['at']}, {signed}"
    yield f"root {one['root']}"
    yield "the decisions are what it says" if one["holds"] else "the decisions are NOT what it says"
