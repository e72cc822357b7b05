"""What a version must not be used for, or was not shown to do: read off the figures."""

from collections.abc import Iterator, Mapping
from typing import Any

from assets.training.card import words

Facts = Mapping[str, Any]

YEAR = 365
"""Days below which no season has been seen twice, and most not once."""

FEW_POSITIVES = 100
"""Fewer evaluation rows with the outcome: Collins et al. 2016 (Stat. Med. 35) ask for at least a
hundred events, and as many without, to validate a prediction model."""

MANY_NULLS = 0.5
"""Share of nulls from which a feature speaks of fewer cases than it is silent on."""


def limits(facts: Facts) -> list[dict[str, Any]]:
    """What to know before use: ``about``, ``text``, and ``whom``: is it about people or cases of
    which it is not known that the version serves them? In the order of weight."""
    found = [
        *_gates(facts),
        *_people(facts),
        *_evidence(facts),
        *_calibration(facts),
        *_features(facts),
        *_always(facts),
    ]
    return [{"about": about, "text": text, "whom": whom} for about, text, whom in found]


Limit = tuple[str, str, bool]


def _gates(facts: Facts) -> Iterator[Limit]:
    for verdict, says in (("fail", "It failed"), ("insufficient", "There was not enough evidence")):
        for gate in facts["gates"]:
            if gate["verdict"] == verdict:
                title = words.gate(gate["gate"])
                yield "gate", f"{says} on “{title}”: {gate['message']}", verdict == "insufficient"


def _people(facts: Facts) -> Iterator[Limit]:
    if not facts["sensitive"]:
        yield (
            "groups",
            "No group of people was looked at: the spec names no sensitive column. Whether it "
            "serves groups alike is not known.",
            True,
        )
    for column in facts["sensitive"]:
        name, fewest = column["column"], column["min_group"]
        small = [f"{g['group']} ({words.counted(g['cases'], 'case')})" for g in column["small"]]
        unnamed = column["unnamed"]
        if unnamed["groups"]:
            cases = words.counted(unnamed["cases"], "case")
            small.append(f"{words.counted(unnamed['groups'], 'rare value')} ({cases} together)")
        if small:
            yield (
                "groups",
                f"Too few cases to say anything about {name} {words.listed(small)}: under {fewest} "
                "each. For them nothing was shown, good or bad.",
                True,
            )


def _evidence(facts: Facts) -> Iterator[Limit]:
    evaluation, training = facts["evaluation"], facts["training"]
    if evaluation["validation"] == "cross_validation":
        yield (
            "time",
            "The data has no time. How it does on later cases than it learnt from was not "
            "measured, nor whether it wears off; watch the first nights closely.",
            False,
        )
    elif training["days"] < YEAR:
        yield (
            "time",
            f"It has seen {training['days']:.0f} days. Seasons outside them are new to it.",
            False,
        )
    positives = evaluation["positives"]
    rare = None if positives is None else min(positives, evaluation["rows"] - positives)
    if rare is not None and rare < FEW_POSITIVES:
        which = "with" if rare == positives else "without"
        yield (
            "evidence",
            f"Only {words.counted(rare, 'case')} {which} the outcome to measure on: all figures "
            "here are uncertain, and those of parts more so.",
            False,
        )
    slices = [s for s in facts["slices"] if s["value"] is not None]
    if len(slices) > 1:
        worst = min(slices, key=lambda s: facts["metric"]["sign"] * s["value"])
        best = max(slices, key=lambda s: facts["metric"]["sign"] * s["value"])
        if worst["low"] > best["high"] or worst["high"] < best["low"]:
            yield (
                "time",
                f"It was worse from {words.day(worst['first'])} to {words.day(worst['last'])} than "
                f"at its best, by more than chance: {words.metric(facts['metric']['name'])} "
                f"{words.fixed(worst['value'])} against {words.fixed(best['value'])}.",
                False,
            )


def _calibration(facts: Facts) -> Iterator[Limit]:
    if facts["purpose"]["task"] == "regression":
        return
    allowed = facts["gate_limits"]["calibration"]["max_error"]
    for point in facts["calibration"]["points"]:
        seen = point["observed"]
        outside = not seen["low"] <= point["predicted"] <= seen["high"]
        if outside and abs(seen["value"] - point["predicted"]) > allowed:
            yield (
                "calibration",
                f"Where it says about {words.percent(point['predicted'], 0)}, it was "
                f"{words.percent(seen['value'], 0)} ({words.counted(seen['cases'], 'case')}): do "
                "not read those scores as probabilities.",
                False,
            )


def _features(facts: Facts) -> Iterator[Limit]:
    sparse = [f for f in facts["features"] if f["null_share"] > MANY_NULLS]
    if sparse:
        named = [f"{f['feature']} ({words.percent(f['null_share'], 0)})" for f in sparse]
        yield "features", f"Empty for more than half of the cases: {words.listed(named)}.", False


def _always(facts: Facts) -> Iterator[Limit]:
    purpose = facts["purpose"]
    yield (
        "purpose",
        f"Made for the cases of {purpose['population']} in {purpose['use_case']} and this question "
        "only. Not for other people, other decisions, or as a rating of a person.",
        False,
    )
    yield (
        "outcomes",
        "It learnt from cases whose outcome became known. If an outcome shows only where a case "
        "was accepted, nothing here speaks of those that were turned away.",
        False,
    )
    yield (
        "refit",
        "The figures were measured on a model that had not seen the evaluation rows; the version "
        "itself was then fitted again on all rows, which cannot be measured any more.",
        False,
    )
