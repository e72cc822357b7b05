"""Sections 5 and 6: what it was measured on and what it learnt from."""

from collections.abc import Mapping
from typing import Any

from assets.training.card import words
from assets.training.card.document import Block, Cell, Mono, Pairs, Paragraph, Section, Table

Facts = Mapping[str, Any]


def evaluation(facts: Facts) -> Section:
    found = facts["evaluation"]
    rows: list[tuple[str, Cell]] = [("Cases", f"{found['rows']:,}")]
    if found["positives"] is not None:
        rows.append(
            (
                "With the outcome",
                f"{found['positives']:,} ({words.percent(found['outcome']['value'])})",
            )
        )
    if found["validation"] == "time":
        rows += [
            ("From", words.instant(found["split_at"])),
            ("To", words.instant(facts["training"]["last"])),
            (
                "Embargo before it",
                f"{words.duration(found['embargo_seconds'])}, "
                f"{words.counted(found['embargoed_rows'], 'case')} left out",
            ),
        ]
    else:
        rows.append(("Parts", f"{found['folds']}"))
    return Section("Evaluation data", (Paragraph(scheme(facts)), Pairs("", tuple(rows))))


def scheme(facts: Facts) -> str:
    """How it was measured, for a reader who never heard of a hold-out."""
    found, fitted = facts["evaluation"], facts["training"]["fitted_rows"]
    if found["validation"] == "cross_validation":
        return (
            "The data is a snapshot: it says nothing about when a case arose. So the cases were "
            f"cut into {found['folds']} parts by chance, and each part was scored by a model that "
            f"learnt from the others (cross-validation, {fitted:,} cases each). Every figure is "
            "of cases the model had not seen. But it learnt from cases of the same time as those "
            "it was measured on: if the world changes, it will do worse than these figures, and "
            "nobody can say from this data by how much."
        )
    gap = found["embargo_seconds"]
    embargo = (
        f"Cases of the {words.duration(gap)} before were left out, because their outcome was not "
        "known yet when the later cases came. "
        if gap
        else ""
    )
    return (
        f"The cases were put in the order of time. It learnt from the {fitted:,} earlier ones and "
        f"was measured on the {found['rows']:,} latest, which it had not seen, as it will be used: "
        f"on cases later than any it knows. {embargo}"
    ).strip()


def training(facts: Facts) -> Section:
    found = facts["training"]
    rows: list[tuple[str, Cell]] = [("Cases with a known outcome", f"{found['rows']:,}")]
    if facts["purpose"]["task"] == "binary":
        share = found["positives"] / found["rows"] if found["rows"] else None
        rows.append(("With the outcome", f"{found['positives']:,} ({words.percent(share)})"))
    if found["classes"] and facts["purpose"]["task"] == "multiclass":
        rows.append(("Classes", ", ".join(found["classes"])))
        rows.append(("Cases of the rarest class", f"{found['positives']:,}"))
    if facts["evaluation"]["validation"] == "time":
        rows.append(("First case", words.instant(found["first"])))
        rows.append(("Latest case", words.instant(found["last"])))
        window = f"the latest {found['window']}" if found["window"] else "all there are"
        rows.append(("Window asked for", window))
    rows += [
        ("Table", Mono(f"{found['table']}, version {found['table_version']}")),
        ("Digest of the rows (SHA-256)", Mono(found["digest"])),
    ]
    return Section("Training data", (Pairs("", tuple(rows)), *_features(facts)))


def _features(facts: Facts) -> tuple[Block, ...]:
    withheld = facts["withheld"]
    rows = tuple(
        (
            one["feature"],
            one["description"] or "no description in the spec",
            one["unit"] or "",
            _origin(one),
            {"increasing": "rises", "decreasing": "falls"}.get(one["monotone"] or "", ""),
            words.percent(one["null_share"]),
        )
        for one in facts["features"]
    )
    personal = []
    if withheld["pseudonymised"]:
        personal.append(f"{words.listed(withheld['pseudonymised'])} only as a keyed token")
    if withheld["dropped"]:
        personal.append(f"{words.listed(withheld['dropped'])} not at all")
    return (
        Table(
            f"The {words.counted(len(rows), 'feature')} it sees",
            ("Feature", "What it is", "Unit", "Where it comes from", "Score", "Empty"),
            rows,
            numbers=(5,),
        ),
        Paragraph(
            "Score: how the score was made to follow the feature, where that is declared. Empty: "
            "share of the evaluation cases."
            + (f" Personal data: {', '.join(personal)}." if personal else "")
        ),
    )


def _origin(one: Facts) -> str:
    if one["source"] is None:  # derived: the formula
        return str(one["source_column"])
    steps = [f"{one['source']}.{one['source_column']}", one["mart"]]
    return " → ".join(str(step) for step in [*steps, one["view"]] if step)
