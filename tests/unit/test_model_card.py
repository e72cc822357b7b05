"""The model card: true to the figures, whole, escaped, and the same every time."""

import dataclasses
import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.durable import write_whole
from assets.home import Home
from assets.spec_files import load_specs
from assets.training.card import markdown
from assets.training.card.charts import ticks
from assets.training.card.facts import card_facts
from assets.training.card.html import render_html
from assets.training.card.markdown import render_markdown
from assets.training.card.measures import reliability, wilson
from assets.training.card.write import FACTS, PAGE, TEXT, CardError, renew_card, write_card
from assets.training.evidence import TrainedModel
from assets.training.gate_names import GATES
from tests.card_case import TASKS, gate, make_gates, make_registered, make_spec, make_trained


def facts_of(task: str = "binary", *, verdicts: Any = None, **changes: Any) -> dict[str, Any]:
    spec = make_spec(task, **changes)
    gates = make_gates(**(verdicts or {}))
    return card_facts(spec, make_trained(spec), make_registered(), gates)


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    return facts_of()


SNAPSHOT = {"task": "binary", "validation": "cross_validation"}
YES = {"name": "jo", "at": "2026-07-02T09:00:00+00:00", "reason": "figures hold", "decision": ""}


def approval(decision: str = "approve", **changes: str) -> dict[str, str]:
    return {**YES, "decision": decision, **changes}


class Page(HTMLParser):
    """What a page is made of, for those who cannot see it."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "line", "circle", "rect", "polyline"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.words += data.split() if "style" not in self.open else []

    @property
    def text(self) -> str:
        return " ".join(self.words)


def shown(facts: dict[str, Any], *approvals: dict[str, str]) -> str:
    return Page(render_html(facts, approvals)).text


@pytest.mark.parametrize("task", TASKS)
def test_same_evidence_same_card(task: str) -> None:
    assert json.dumps(facts_of(task)) == json.dumps(facts_of(task))


def test_time_spent_is_no_fact() -> None:
    spec = make_spec()
    trained = make_trained(spec)
    slower = dataclasses.replace(trained, seconds=1e6)
    one, other = (card_facts(spec, t, make_registered(), make_gates()) for t in (trained, slower))
    assert one == other


@pytest.mark.parametrize("task", TASKS)
def test_facts_are_plain_json_without_a_row_or_a_path(task: str) -> None:
    told = json.dumps(facts_of(task), allow_nan=False)
    assert json.loads(told) == facts_of(task)
    for hidden in ("secret-", "Northam", str(Path.home()), str(Path(__file__).parents[2])):
        assert hidden not in told


def test_a_card_can_be_made_again_from_its_stored_facts(facts: dict[str, Any]) -> None:
    kept = json.loads(json.dumps(facts, sort_keys=True))
    assert render_html(kept, [approval()]) == render_html(facts, [approval()])
    assert render_markdown(kept, [approval()]) == render_markdown(facts, [approval()])


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("validation", ["time", "cross_validation"])
def test_every_task_has_a_whole_card(task: str, validation: str) -> None:
    found = facts_of(task, model={"task": task, "validation": validation})
    page = Page(render_html(found, []))
    assert page.open == []
    headings = [
        "Model details",
        "Intended use",
        "Factors",
        "Metrics",
        "Evaluation data",
        "Training data",
        "Quantitative analyses",
        "Ethical considerations",
        "Caveats and recommendations",
    ]
    below = page.text.split("11. Approval", 1)[1]  # of the contents
    places = [below.index(f"{k}. {name}") for k, name in enumerate(headings, 1)]
    assert places == sorted(places)
    text = render_markdown(found, [])
    assert [f"\n## {name}\n" in text for name in headings] == [True] * len(headings)
    assert "nan" not in page.text.lower().replace("financ", "").split()


def test_nothing_is_fetched_and_nothing_runs(facts: dict[str, Any]) -> None:
    page = render_html(facts, [approval()])
    found = Page(page)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|url\(|@import|javascript:", page)
    assert not {"script", "link", "iframe", "img", "object", "form"} & {t for t, _ in found.tags}
    for tag, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        assert str(attributes.get("href") or "#").startswith("#")
    policy = [a["content"] for t, a in found.tags if a.get("http-equiv")]
    assert "default-src 'none'" in str(policy[0])


def test_tables_and_pictures_are_for_everyone(facts: dict[str, Any]) -> None:
    found = Page(render_html(facts, []))
    heads = [a for t, a in found.tags if t == "th"]
    assert len(heads) > 50
    assert {a.get("scope") for a in heads} == {"row", "col"}
    pictures = [a for t, a in found.tags if t == "svg"]
    assert len(pictures) >= 6
    assert all(a["role"] == "img" and a["aria-label"] for a in pictures)
    anchors = {a["id"] for _, a in found.tags if "id" in a}
    assert {str(a["href"])[1:] for t, a in found.tags if t == "a"} <= anchors
    assert len(anchors) == len([a for _, a in found.tags if "id" in a])


HOSTILE = "</script><script>alert(1)</script> | `x` <img src=x onerror=alert(1)> [a](b) & \"'"


def test_everything_is_escaped() -> None:
    spec = make_spec(description=HOSTILE, owners=[HOSTILE])
    gates = [gate("leak", "fail", HOSTILE, figure=HOSTILE)]
    trained = dataclasses.replace(make_trained(spec), why=HOSTILE, notes=[HOSTILE])
    found = card_facts(spec, trained, make_registered(), gates)
    said = [approval("reject", name=HOSTILE, reason=HOSTILE)]
    page = Page(render_html(found, said))
    assert {t for t, _ in page.tags} & {"script", "img"} == set()
    assert page.open == []
    flat = " ".join(HOSTILE.split())
    assert page.text.count(flat) >= 6
    text = render_markdown(found, said)
    assert "<script" not in text
    assert "<img" not in text
    assert not re.search(r"(?<!\\)\[a(?<!\\)\]\(", text)
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    for table in tables:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1, table


@given(st.text(max_size=60))
def test_markdown_keeps_one_line_and_hides_nothing(text: str) -> None:
    made = markdown._escape(text)
    assert "\n" not in made
    assert html.unescape(re.sub(r"\\(.)", r"\1", made)) == " ".join(text.split())


def test_a_version_nobody_approved_says_what_to_type(facts: dict[str, Any]) -> None:
    words = shown(facts)
    assert "not approved" in words
    assert "Nobody has approved this version yet" in words
    assert words.count('nightshift approve widgets 3 --reason "..."') == 2
    assert "one named person, not the one who asked for the training" in words


def test_an_approved_version_says_by_whom_and_why(facts: dict[str, Any]) -> None:
    words = shown(facts, approval())
    assert "jo approved it on 2026-07-02 09:00 UTC: figures hold" in words
    assert "nightshift approve" not in words
    assert "Nobody" not in words.replace("Nobody is declined by the model alone", "")


def test_a_second_approval_is_asked_for_until_it_is_there() -> None:
    found = facts_of(release={"approvals": 2, "approvers": ["jo", "kim"]})
    assert "waits for 1 approval" in shown(found, approval())
    assert "nightshift approve widgets 3" in shown(found, approval())
    assert "2 named people (of jo and kim)" in shown(found)
    assert "waits for" not in shown(found, approval(), approval(name="kim"))


def test_a_rejection_outweighs_approvals(facts: dict[str, Any]) -> None:
    words = shown(facts, approval(), approval("reject", name="kim", reason="too few cases"))
    assert " rejected " in words
    assert "kim rejected it on 2026-07-02 09:00 UTC: too few cases" in words
    assert "nightshift approve" not in words


@pytest.mark.parametrize(
    ("verdict", "insufficient", "stopped"),
    [
        ("pass", "proceed", False),
        ("fail", "proceed", True),
        ("insufficient", "proceed", False),
        ("insufficient", "stop", True),
    ],
)
def test_a_version_its_gates_refused_cannot_be_approved(
    verdict: str, insufficient: str, stopped: bool
) -> None:
    model = {"task": "binary", "gates": {"insufficient": insufficient}}
    found = facts_of(verdicts={"leak": verdict}, model=model)
    words = shown(found)
    assert ("refused by its gates" in words) is stopped
    assert ("nightshift approve" in words) is not stopped
    assert ("leak is as it should be" in " ".join(limits_of(found))) is (verdict != "pass")


def limits_of(facts: dict[str, Any]) -> list[str]:
    return [limit["text"] for limit in facts["limits"]]


def some_limit(facts: dict[str, Any], words: str) -> bool:
    return any(words in limit for limit in limits_of(facts))


def test_limits_are_those_the_figures_show(facts: dict[str, Any]) -> None:
    assert some_limit(facts, "It has seen 180 days")
    assert some_limit(facts, "years >=60 (")
    assert some_limit(facts, "parts (6")
    assert not some_limit(facts, "Only ")
    assert not some_limit(facts, "It was worse from")
    assert not some_limit(facts, "do not read those scores")
    assert "years >=60" in shown(facts)[:2500]


def test_limits_of_a_thin_and_crooked_model() -> None:
    spec = make_spec(sensitive={})
    trained = make_trained(spec, rows=600)
    found = card_facts(spec, crooked(trained), make_registered(), [])
    assert some_limit(found, "do not read those scores as probabilities")
    assert some_limit(found, "no sensitive column")
    assert some_limit(found, "It was worse from")
    few = dataclasses.replace(
        trained, labels=np.where(np.arange(600) < 40, 1, 0), evaluation=trained.evaluation
    )
    assert some_limit(card_facts(spec, few, make_registered(), []), "Only 40 cases with the")


def crooked(trained: TrainedModel) -> TrainedModel:
    """Scores of half their size that know nothing any more in the latest third."""
    scores = trained.scores / 2
    third = len(scores) // 3
    scores[-third:] = np.random.default_rng(0).permutation(scores[-third:])
    winner = dataclasses.replace(trained.candidates[trained.winner], scores=scores)
    return dataclasses.replace(trained, candidates={**trained.candidates, winner.name: winner})


def test_data_without_time_is_said_plainly() -> None:
    found = facts_of(model=SNAPSHOT)
    words = shown(found)
    assert found["slices"] == []
    assert "The data is a snapshot: it says nothing about when a case arose" in words
    assert some_limit(found, "The data has no time")
    assert "First case" not in words
    assert "10 days before were left out" not in words


def test_data_with_time_says_what_was_left_out(facts: dict[str, Any]) -> None:
    words = shown(facts)
    assert "Cases of the 10 days before were left out" in words
    assert "10 days, 312 cases left out" in words
    assert "snapshot" not in words


def test_shares_of_the_policy_add_up_and_agree_with_the_rows(facts: dict[str, Any]) -> None:
    trained = make_trained(make_spec())
    by_advice = {o["advice"]: o for o in facts["outcomes"]}
    approved = trained.scores < 0.15
    assert by_advice["approve"]["outcome"]["cases"] == approved.sum()
    assert by_advice["approve"]["outcome"]["value"] == pytest.approx(
        trained.labels[approved].mean(), rel=1e-5
    )
    assert sum(o["outcome"]["cases"] for o in facts["outcomes"]) == len(trained.labels)
    assert sum(o["share"]["value"] for o in facts["outcomes"]) == pytest.approx(1)


def test_groups_agree_with_the_rows(facts: dict[str, Any]) -> None:
    trained = make_trained(make_spec())
    years = np.asarray(trained.evaluation.column("years"))
    groups = {g["group"]: g for g in facts["sensitive"][0]["groups"]}
    assert list(groups) == ["<30", "30-60"]
    young = years < 30
    assert groups["<30"]["cases"] == young.sum()
    assert groups["<30"]["approved"]["value"] == pytest.approx(
        (trained.scores[young] < 0.15).mean(), rel=1e-5
    )
    good = young & (trained.labels == 0)
    assert groups["<30"]["good_approved"]["cases"] == good.sum()
    small = facts["sensitive"][0]["small"]
    assert small == [{"group": ">=60", "cases": int((years >= 60).sum())}]


def test_a_rare_value_found_only_in_the_data_is_not_named() -> None:
    spec = make_spec(sensitive={"town": {}}, deny=[])
    trained = make_trained(spec)
    towns = trained.evaluation.column("town").to_pylist()
    towns[5], towns[6] = "Wharram-le-Street", None
    place = trained.evaluation.schema.get_field_index("town")
    rare = trained.evaluation.set_column(place, "town", pa.array(towns))
    found = card_facts(
        spec, dataclasses.replace(trained, evaluation=rare), make_registered(), make_gates()
    )
    assert "Wharram" not in json.dumps(found) + render_html(found, [])
    column = found["sensitive"][0]
    assert {g["group"] for g in column["groups"]} == {"Northam", "Southam"}
    assert column["small"] == [{"group": "not stated", "cases": 1}]
    assert column["unnamed"] == {"groups": 1, "cases": 1}
    assert some_limit(found, "1 rare value (1 case together)")


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_share_lies_in_its_interval(counts: tuple[int, int]) -> None:
    hits, cases = counts
    found = wilson(hits, cases)
    assert 0 <= found["low"] <= found["value"] <= found["high"] <= 1
    assert found["high"] > found["low"]


def test_wilson_is_scipys() -> None:
    from scipy.stats import binomtest

    theirs = binomtest(7, 60).proportion_ci(method="wilson")
    ours = wilson(7, 60)
    assert (ours["low"], ours["high"]) == pytest.approx((theirs.low, theirs.high))


@given(st.integers(1, 400), st.integers(2, 20), st.integers(0, 2**32 - 1))
def test_reliability_groups_hold_every_case_once(rows: int, bins: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    predicted = random.random(rows)
    observed = (random.random(rows) < predicted).astype("int64")
    points = reliability(predicted, observed, bins, binary=True)
    assert 1 <= len(points) <= bins
    assert sum(p["observed"]["cases"] for p in points) == rows
    total = sum(p["observed"]["cases"] * p["observed"]["value"] for p in points)
    assert total == pytest.approx(observed.sum())
    means = [p["predicted"] for p in points]
    assert means == sorted(means)


def test_slices_are_of_the_time_they_say(facts: dict[str, Any]) -> None:
    assert sum(s["cases"] for s in facts["slices"]) == facts["evaluation"]["rows"]
    times = [t for s in facts["slices"] for t in (s["first"], s["last"])]
    assert times == sorted(times)
    assert all(s["low"] <= s["value"] <= s["high"] for s in facts["slices"])


def test_one_outcome_only_still_gives_a_card() -> None:
    spec = make_spec()
    trained = dataclasses.replace(make_trained(spec, rows=400), labels=np.zeros(400, "int64"))
    found = card_facts(spec, trained, make_registered(), [])
    assert [s["value"] for s in found["slices"]] == [None] * 3
    assert Page(render_html(found, [])).open == []


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.7, 0.8513), (-3.0, 250.0), (5.0, 5.0)])
def test_ticks_are_few_round_and_within(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 1 <= len(found) <= 11
    assert all(low - 1e-9 <= t <= high + 1e-9 for t in found)


def test_features_say_where_they_come_from(facts: dict[str, Any]) -> None:
    by_name = {f["feature"]: f for f in facts["features"]}
    assert list(by_name) == make_spec().feature_names
    words = shown(facts)
    assert "checks.faults → features_checks" in words
    assert "weight / parts" in words
    assert "maker only as a keyed token, mail not at all" in words


def test_the_example_of_the_docs_is_a_use_case(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "defs.yaml").write_text(example)
    (spec,) = load_specs([tmp_path])
    assert spec.risk.tier == "high"
    gates = spec.model.gates
    assert gates == type(gates)(), "the example says that these are the defaults"
    for name in GATES:
        assert f"| `{name}` |" in page


def test_what_it_is_compared_with_is_what_the_gates_measured() -> None:
    gain = {"value": 0.412, "low": 0.38, "high": 0.44, "confidence": 0.95}
    less = {"value": -0.003, "low": -0.009, "high": 0.004, "confidence": 0.95}
    gates = [
        gate("baseline", baselines={"prior": {"value": 0.5, "gain": gain, "asked": 0.0}}),
        gate("champion", champion_version=2, champion=0.805, challenger=0.802, gain=less),
        gate("leak", single_features=[{"feature": "faults", "value": 0.731}], shuffled=None),
    ]
    spec = make_spec()
    words = shown(card_facts(spec, make_trained(spec), make_registered(), gates))
    assert "what was so before, on average 0.500 0.412 (0.380 to 0.440)" in words
    assert "version 2, in charge 0.805 -0.003 (-0.009 to 0.004)" in words
    assert "No version was in charge" not in words
    assert "faults 0.731" in words
    assert "No version was in charge" in shown(
        card_facts(spec, make_trained(spec), make_registered(), gates[:1])
    )


def test_a_card_is_written_where_people_and_mlflow_find_it(
    facts: dict[str, Any], tmp_path: Path
) -> None:
    home = Home(tmp_path)
    registered = make_registered(artifact_folder="models/widgets/run/artifacts")
    write_card(home, registered, facts, [])
    page = home.model_card("widgets", 3)
    artifacts = tmp_path / registered.artifact_folder
    assert page.read_text() == render_html(facts, [])
    assert (artifacts / PAGE).read_bytes() == page.read_bytes()
    assert (artifacts / TEXT).read_text() == render_markdown(facts, [])
    assert json.loads((artifacts / FACTS).read_text()) == facts

    before = (artifacts / FACTS).read_bytes()
    renew_card(home, registered, [approval()])
    assert page.read_text() == render_html(facts, [approval()])
    assert "jo approved it" in (artifacts / TEXT).read_text()
    assert (artifacts / FACTS).read_bytes() == before


def test_facts_of_another_version_are_not_written(facts: dict[str, Any], tmp_path: Path) -> None:
    other = make_registered(version=4, artifact_folder="models/widgets/run/artifacts")
    with pytest.raises(CardError, match=r"of version 3 .*not of version 4"):
        write_card(Home(tmp_path), other, facts, [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kept", [None, "", "[]", '{"schema": 0}', '{"purpose": 1}'])
def test_without_its_facts_a_card_is_not_made_again(kept: str | None, tmp_path: Path) -> None:
    registered = make_registered(artifact_folder="models/widgets/run/artifacts")
    if kept is not None:
        write_whole(tmp_path / registered.artifact_folder / FACTS, kept)
    with pytest.raises(CardError, match="Restore it from a backup"):
        renew_card(Home(tmp_path), registered, [])
    assert not Home(tmp_path).model_card("widgets", 3).exists()
