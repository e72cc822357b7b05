"""The part on groups of people."""

from collections.abc import Iterator, Mapping
from typing import Any

from assets.training.card import pictures, words
from assets.training.card.document import Block, Cell, Paragraph, Picture, Table

Facts = Mapping[str, Any]

HEADS = {
    "binary": (
        "With the outcome",
        "Mean score",
        "Approved",
        "Approved, of those without the outcome",
    ),
    "multiclass": ("Class right",),
    "regression": ("Observed", "Predicted", "Off by"),
}


def groups(facts: Facts) -> Iterator[Block]:
    """A picture and a table per sensitive column."""
    if not facts["sensitive"]:
        yield Paragraph(
            "No group was looked at: the spec names no sensitive column. Name one under "
            "“sensitive” in defs.yaml to have it audited."
        )
        return
    for gate in facts["gates"]:
        if gate["gate"] == "training.fairness":
            yield Paragraph(words.told(gate))
    limits = facts["gate_limits"]["fairness"]
    if facts["purpose"]["task"] == "binary":
        yield Paragraph(
            f"Allowed: the smallest share approved is at least {limits['min_ratio']:g} of the "
            "largest (the four-fifths rule, 29 CFR 1607.4 D), and among cases without the outcome "
            f"the shares approved differ by at most {100 * limits['max_difference']:g} points "
            "(equal opportunity, Hardt, Price and Srebro 2016)."
        )
    for column in facts["sensitive"]:
        yield from _column(facts["purpose"]["task"], column, limits["min_ratio"])


def _column(task: str, column: Facts, ratio: float) -> Iterator[Block]:
    name = column["column"]
    if task == "binary":
        drawn = [
            (f"{g['group']} ({g['cases']:,})", g["approved"], True)
            for g in column["groups"]
            if g["approved"]["value"] is not None
        ]
        if drawn:
            least = ratio * max(found["value"] for _, found, _ in drawn)
            yield Picture(
                pictures.intervals(
                    drawn,
                    "approved, percent, 95 % interval",
                    within=(0, 1),
                    percent=True,
                    lines=((f"{ratio:g} of the largest", least, "5 3"),),
                ),
                f"Share approved by {name} (cases in brackets).",
                "The table below has the same figures.",
            )
    heads = HEADS[task]
    rows: list[tuple[Cell, ...]] = [
        (g["group"], f"{g['cases']:,}", *_figures(task, g)) for g in column["groups"]
    ]
    blank = ("too few to say",) + ("",) * (len(heads) - 1)
    rows += [(g["group"], f"{g['cases']:,}", *blank) for g in column["small"]]
    if rare := column["unnamed"]["groups"]:
        rows.append((words.counted(rare, "rare value"), f"{column['unnamed']['cases']:,}", *blank))
    about = f": {column['description']}" if column["description"] else ""
    numbers = tuple(range(1, len(heads) + 2))
    yield Table(f"By {name}{about}", ("Group", "Cases", *heads), tuple(rows), numbers)


def _figures(task: str, group: Facts) -> tuple[str, ...]:
    if task == "regression":
        return tuple(words.interval(group[name]) for name in ("observed", "predicted", "miss"))
    if task == "multiclass":
        return (words.share(group["right"]),)
    return (
        words.share(group["outcome"]),
        words.percent(group["score"]),
        words.share(group["approved"]),
        words.share(group["good_approved"]),
    )
