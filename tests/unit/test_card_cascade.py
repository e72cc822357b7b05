"""The card's part on a cascade: there with one, silent without, true to the gate's figures."""

import dataclasses
import json
from typing import Any

from assets.training.card.facts import card_facts
from assets.training.card.html import render_html
from assets.training.card.markdown import render_markdown
from assets.training.evidence import Distilled
from assets.training.gates.cascade import cascade_gate
from tests.card_case import make_gates, make_registered, make_spec, make_trained
from tests.cascades import cascade_spec, fitted

TITLE = "Clear cases, decided by a cheaper model"
ASKED = {"band": [0.05, 0.6], "max_disagreement": 0.03, "sample": 1500}


def facts_of(*, declared: bool = True, cheap: bool = True) -> dict[str, Any]:
    spec = make_spec(model={"task": "binary", **({"cascade": ASKED} if declared else {})})
    gates = make_gates()
    registered = make_registered()
    trained = make_trained(spec)
    if declared:
        judged = cascade_gate(cascade_spec(), fitted()) if cheap else cascade_gate(spec, trained)
        gates.append(judged.result("cd" * 32))
    if cheap:
        trained = dataclasses.replace(trained, cheap=Distilled(None, trained.scores))
        registered = make_registered(cascade={"digest": "5e" * 32, "band": ASKED["band"]})
    return card_facts(spec, trained, registered, gates)


def test_a_cascade_has_a_part_with_what_its_gate_found() -> None:
    facts = facts_of()
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    (gate,) = [g for g in facts["gates"] if g["gate"] == "training.cascade"]
    for text in (render_markdown(facts, []), render_html(facts, [])):
        assert TITLE in text
        part = text.split(TITLE)[-1].split("Do the numbers mean what they say?")[0]
        assert f"{100 * gate['figures']['cheap_share']:.1f} %" in part
        assert "under 0.05 or over 0.6" in part
        assert "3.0 %" in part
        assert "1,500" in part
        assert "5e5e5e" in part
        assert "logistic regression" in part


def test_a_version_that_has_no_cheap_model_says_so() -> None:
    text = render_markdown(facts_of(cheap=False), [])
    assert TITLE in text
    assert "There is no cheaper model: this one scores every case" in text
    assert "nothing to save" in text


def test_without_a_cascade_there_is_no_such_part() -> None:
    facts = facts_of(declared=False, cheap=False)
    assert facts["cascade"] is None
    assert TITLE not in render_html(facts, [])
    older = {name: one for name, one in facts.items() if name != "cascade"}
    assert render_html(older, []) == render_html(facts, [])
