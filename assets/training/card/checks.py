"""Parts that rest on what a gate found: against others, looking for leaks, behaviour."""

from collections.abc import Iterator, Mapping
from typing import Any

from assets.training.card import words
from assets.training.card.document import Block, Paragraph, Table

Facts = Mapping[str, Any]

FEATURES = 5
"""Most telling features shown; the figures on record have more."""


def against_others(facts: Facts) -> Iterator[Block]:
    """The model against naive guesses and against the version in charge, on the same cases."""
    baseline, champion = _gate(facts, "training.baseline"), _gate(facts, "training.champion")
    rows = []
    if baseline:
        yield Paragraph(words.told(baseline))
        for name, found in sorted((baseline["figures"].get("baselines") or {}).items()):
            about = {"prior": "what was so before, on average", "last value": "the last outcome"}
            rows.append((f"guessing {about.get(name, name)}", found["value"], found["gain"]))
    if champion:
        yield Paragraph(words.told(champion))
        figures = champion["figures"]
        if figures.get("gain"):
            version = figures["champion_version"]
            rows.append((f"version {version}, in charge", figures["champion"], figures["gain"]))
    else:
        yield Paragraph("No version was in charge to be compared with.")
    if rows:
        metric = words.metric(facts["metric"]["name"])
        yield Table(
            "On the same cases",
            ("Compared with", f"Its {metric}", "This version is better by"),
            tuple((name, words.fixed(value), words.interval(gain)) for name, value, gain in rows),
            numbers=(1, 2),
        )


def leaks(facts: Facts) -> Iterator[Block]:
    """What the leak gate found, and how much the most telling features say alone."""
    gate = _gate(facts, "training.leak")
    if gate is None:
        return
    yield Paragraph(words.told(gate))
    found = gate["figures"].get("single_features") or []
    if found:
        yield Table(
            "What one feature tells alone (0.5 is nothing, 1 the whole outcome)"
            if facts["purpose"]["task"] != "regression"
            else "What one feature tells alone (0 is nothing, 1 the whole outcome)",
            ("Feature", "Discrimination"),
            tuple((one["feature"], words.fixed(one["value"])) for one in found[:FEATURES]),
            numbers=(1,),
        )
    control = gate["figures"].get("shuffled")
    if control:
        yield Paragraph(
            "Control: trained on shuffled outcomes, which nobody can predict, it reaches "
            f"{words.fixed(control['auc'])}; 0.5 is chance."
        )


def behaviour(facts: Facts) -> Iterator[Block]:
    """What the behaviour gate found."""
    gate = _gate(facts, "training.behaviour")
    if gate is not None:
        yield Paragraph(words.told(gate))


def _gate(facts: Facts, name: str) -> Facts | None:
    return next((gate for gate in facts["gates"] if gate["gate"] == name), None)
