"""Sections 1 to 4: the model, what it is for, whom it touches, how it is measured."""

from collections.abc import Mapping
from typing import Any

from assets.training.card import approval, words
from assets.training.card.document import Bullets, Mono, Pairs, Paragraph, Section, Table
from assets.training.card.summary import policy

Facts = Mapping[str, Any]


def details(facts: Facts) -> Section:
    version, purpose = facts["version"], facts["purpose"]
    calibration = {
        "none": "none was needed",
        "sigmoid": "by a sigmoid (Platt 1999)",
        "isotonic": "by isotonic regression (Zadrozny and Elkan 2002)",
    }.get(version["calibration"], version["calibration"])
    rows: list[tuple[str, Any]] = [
        ("Use case and version", f"{purpose['use_case']}, version {version['number']}"),
        ("Answerable", words.listed(purpose["owners"]) or "nobody is named in the spec"),
        ("Trained with what was known at", words.instant(version["as_of"])),
        ("Asked for by", version.get("requested_by") or "-"),
        ("Kind of model", version["estimator"].replace("_", " ")),
        ("Scores corrected", calibration if purpose["task"] != "regression" else "does not apply"),
        ("Version of the code", Mono(version.get("code_version") or "-")),
        ("Version of the spec", Mono(version["spec_version"])),
        ("Digest of the model (SHA-256)", Mono(version["digest"])),
    ]
    parameters = tuple((name, words.parameter(v)) for name, v in version["parameters"].items())
    blocks: list[Any] = [Paragraph(words.estimator(version["estimator"])), Pairs("", tuple(rows))]
    if parameters:
        blocks.append(Pairs("Settings, as the search found them", parameters))
    return Section("Model details", tuple(blocks))


def intended_use(facts: Facts) -> Section:
    purpose, risk, label = facts["purpose"], facts["risk"], facts["purpose"]["label"]
    positive = "" if label["positive"] is None else f" is {label['positive']}"
    about = f" ({label['description'].rstrip('.')})" if label["description"] else ""
    seconds = label["matures_seconds"]
    wait = f"{words.duration(seconds)} after the case" if seconds else "at once"
    return Section(
        "Intended use",
        (
            Paragraph(purpose["description"] or f"Cases of {purpose['population']}."),
            Pairs(
                "",
                (
                    ("The cases", f"every row of {purpose['population']}, in the night of its day"),
                    (
                        "The outcome",
                        f"{label['column']} of {label['source']}{positive}{about}; believed {wait}",
                    ),
                    ("What a score does", policy(facts)),
                    (
                        "When no version may be trusted",
                        "every case of the night goes to a person (fallback); none is lost",
                    ),
                    (
                        "Who may be affected",
                        f"whoever a row of {purpose['population']} is about. "
                        f"Impact {risk['impact']}, volume {risk['volume']}, "
                        f"visibility {risk['visibility']}: risk tier {risk['tier']}.",
                    ),
                    ("What the tier asks for", approval.asked(facts)),
                ),
            ),
            Paragraph("Out of scope", strong=True),
            Bullets(tuple(x["text"] for x in facts["limits"] if x["about"] == "purpose")),
        ),
    )


def factors(facts: Facts) -> Section:
    withheld = facts["withheld"]
    named = [
        f"{c['column']} ({c['description'].rstrip('.') or 'no description'})"
        for c in facts["sensitive"]
    ]
    time = (
        "Time: it is measured in slices of time, to see whether it wears off."
        if facts["evaluation"]["validation"] == "time"
        else "Time: not looked at, the data has none."
    )
    items = [
        "Groups of people: "
        + (words.listed(named) if named else "none, the spec names no sensitive column")
        + ".",
        time,
    ]
    if withheld["denied"] or withheld["sensitive"]:
        kept = sorted({*withheld["denied"], *withheld["sensitive"]})
        items.append(f"Known, but kept from the model: {words.listed(kept)}.")
    return Section("Factors", (Bullets(tuple(items)),))


def metrics(facts: Facts) -> Section:
    names = words.measures(facts)
    rows = tuple(
        (
            words.metric(name),
            words.MEANINGS.get(name, "") + ("" if k else " The candidates are compared by it."),
        )
        for k, name in enumerate(names)
    )
    return Section(
        "Metrics",
        (
            Table("What is measured", ("Metric", "What it says"), rows),
            Paragraph(
                "Ranges in brackets are 95 % intervals: measured again on other cases of the same "
                "kind, the figure would mostly fall within. Metrics: bootstrap with a fixed seed; "
                "shares: Wilson 1927. Each limit of a gate is in the table of gates."
            ),
        ),
    )
