"""Section 7: what was measured, in pictures and tables."""

from collections.abc import Iterator, Mapping
from typing import Any

from assets.training.card import pictures, words
from assets.training.card.cascade import cascade
from assets.training.card.checks import against_others, behaviour, leaks
from assets.training.card.document import Block, Cell, Paragraph, Picture, Section, Table
from assets.training.card.fairness import groups

Facts = Mapping[str, Any]


def analyses(facts: Facts) -> tuple[Section, ...]:
    """The section and its parts, the gates first: they are what counts."""
    parts = (
        ("Gates", gates),
        ("Candidates", candidates),
        ("Against others", against_others),
        ("Telling cases apart", discrimination),
        ("Decisions it would have led to", decisions),
        ("Clear cases, decided by a cheaper model", cascade),
        ("Do the numbers mean what they say?", calibration),
        ("Over time", stability),
        ("Groups of people", groups),
        ("What it leans on", importance),
        ("Looking for leaks", leaks),
        ("Behaviour", behaviour),
    )
    built = [(title, tuple(make(facts))) for title, make in parts]
    return (
        Section("Quantitative analyses", ()),
        *(Section(title, blocks, level=3) for title, blocks in built if blocks),
    )


def gates(facts: Facts) -> Iterator[Block]:
    if not facts["gates"]:
        yield Paragraph("No gate has looked at this version.")
        return
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            words.gate(g["gate"]),
            words.verdict(g["verdict"]),
            g["message"],
            words.figures(g["threshold"]),
        )
        for g in facts["gates"]
    )
    columns = ("What it asks", "Verdict", "What was found", "Limits")
    yield Table("Gates a version must pass before anyone may approve it", columns, rows)
    stops = facts["gate_limits"]["insufficient"] == "stop"
    yield Paragraph(
        "“Not enough evidence” "
        + (
            "counts as failed here."
            if stops
            else "does not stop a version; whoever approves it is told, and that is on record."
        )
        + " The figures as recorded are in section 10."
    )


def candidates(facts: Facts) -> Iterator[Block]:
    metric = facts["metric"]["name"]
    names = words.measures(facts)
    rows = tuple(
        (
            c["name"].replace("_", " ") + (" (chosen)" if c["chosen"] else ""),
            *(_figure(c, name) for name in names),
            f"{c['trials']}",
            c["calibration"],
        )
        for c in facts["candidates"]
    )
    yield Paragraph(facts["why"])
    yield Paragraph(
        "Of candidates within one standard error of the best, the simplest is taken (Breiman et "
        "al. 1984): a difference within the reach of chance is no reason to take a model that is "
        "harder to explain."
    )
    drawn = [
        (c["name"].replace("_", " "), c["intervals"][metric], c["chosen"])
        for c in facts["candidates"]
        if metric in c["intervals"]
    ]
    if len(drawn) > 1:
        yield Picture(
            pictures.intervals(drawn, f"{words.metric(metric)}, 95 % interval"),
            "Candidates on the evaluation cases, the chosen one in bold.",
            "The table below has the same figures.",
        )
    yield Table(
        "Candidates",
        ("Candidate", *(words.metric(n) for n in names), "Settings tried", "Scores corrected"),
        rows,
        numbers=tuple(range(1, len(names) + 2)),
    )


def _figure(candidate: Facts, name: str) -> str:
    if name in candidate["intervals"]:
        return words.interval(candidate["intervals"][name])
    return words.fixed(candidate["metrics"].get(name))


def discrimination(facts: Facts) -> Iterator[Block]:
    found = facts["discrimination"]
    curves = [c for c in found.get("roc", ()) if c["x"]]
    if curves:
        best = curves[0]
        told = ", ".join(
            f"{words.percent(best['y'][k], 0)} at {words.percent(best['x'][k], 0)}"
            for k in (5, 10, 25)
        )
        yield Picture(
            pictures.roc(curves),
            "How many of the cases with the outcome are found when so many of those without are "
            "taken for them (ROC). The closer to the upper left, the better.",
            f"The chosen candidate finds {told} of those without.",
        )
    if classes := found.get("classes"):
        yield Picture(
            pictures.confusion(classes),
            "What the cases of each class were taken for.",
            "The table below has the share found and the share right of each class.",
        )
        rows = tuple(
            (
                f"{k + 1}. {r['class']}",
                f"{r['cases']:,}",
                words.share(r["found"]),
                words.share(r["right"]),
            )
            for k, r in enumerate(classes)
        )
        columns = ("Class", "Cases", "Found (recall)", "Right when named (precision)")
        yield Table("Classes", columns, rows, numbers=(1, 2, 3))


def decisions(facts: Facts) -> Iterator[Block]:
    if not facts["outcomes"]:
        return
    binary = facts["purpose"]["task"] == "binary"
    if binary:
        rules = facts["policy"]
        yield Picture(
            pictures.scores(facts["discrimination"]["histogram"], rules),
            "Scores of the evaluation cases, and the lines the policy draws.",
            "The table below has the share of cases on each side of the lines.",
        )
    rows = tuple(
        (
            o["advice"],
            f"{o['share']['cases'] and o['outcome']['cases']:,}",
            words.share(o["share"]),
            words.share(o["outcome"]),
        )
        for o in facts["outcomes"]
    )
    last = "Of those, with the outcome" if binary else "Of those, class right"
    yield Table(
        "What the score alone would have advised",
        ("Advice", "Cases", "Share of cases", last),
        rows,
        numbers=(1, 2, 3),
    )


def calibration(facts: Facts) -> Iterator[Block]:
    points = facts["calibration"]["points"]
    if not points:
        return
    probability = facts["purpose"]["task"] != "regression"
    likeliest = " of the likeliest class" if facts["purpose"]["task"] == "multiclass" else ""
    yield from _gate(facts, "training.calibration")
    if error := facts["calibration"]["error"]:
        yield Paragraph(
            f"Expected calibration error: {words.interval(error)}, the mean distance of what was "
            "predicted from what happened, with its 95 % interval (Naeini, Cooper and Hauskrecht "
            "2015)."
        )
    yield Picture(
        pictures.reliability(points, probability=probability),
        f"Predicted {'probability' if probability else 'value'}{likeliest} against what happened, "
        f"in {len(points)} groups of equal size.",
        "The table below has the same figures.",
    )
    show = words.percent if probability else words.number
    seen = words.share if probability else words.interval
    rows = tuple(
        (f"{k + 1}", f"{p['observed']['cases']:,}", show(p["predicted"]), seen(p["observed"]))
        for k, p in enumerate(points)
    )
    yield Table("Groups by score", ("Group", "Cases", "Predicted", "Observed"), rows, (1, 2, 3))


def stability(facts: Facts) -> Iterator[Block]:
    slices, metric = facts["slices"], words.metric(facts["metric"]["name"])
    if not slices:
        yield Paragraph("The data has no time, so whether it wears off was not measured.")
        return
    yield from _gate(facts, "training.stability")
    drawn = [
        (f"{s['first'][:10]} to {s['last'][5:10]}", s, True)
        for s in slices
        if s["value"] is not None
    ]
    overall = next(c for c in facts["candidates"] if c["chosen"])["metrics"].get(
        facts["metric"]["name"]
    )
    if drawn and overall is not None and facts["slice_limit"] is not None:
        allowed = facts["slice_limit"]
        yield Picture(
            pictures.intervals(
                drawn,
                f"{metric}, 95 % interval",
                lines=(("all", overall, ""), ("limit", allowed, "5 3")),
            ),
            f"{metric[0].upper()}{metric[1:]} in stretches of time, earliest first.",
            f"Over all it is {words.fixed(overall)}; the limit is {words.fixed(allowed)}.",
        )
    rows = tuple(
        (words.day(s["first"]), words.day(s["last"]), f"{s['cases']:,}", words.interval(s))
        for s in slices
    )
    yield Table("Stretches of time", ("From", "To", "Cases", metric), rows, numbers=(2, 3))


def importance(facts: Facts) -> Iterator[Block]:
    found, metric = facts["importance"], facts["metric"]["name"]
    if not found["features"]:
        return
    first = words.listed([f["feature"] for f in found["features"][:3]])
    yield Picture(
        pictures.importance(found["features"], metric),
        f"How much worse it gets when the values of one feature are shuffled among "
        f"{words.counted(found['rows'], 'case')} (permutation importance, Breiman 2001). It tells "
        "what the model uses, not what causes the outcome.",
        f"It leans most on {first}.",
    )


def _gate(facts: Facts, name: str) -> Iterator[Block]:
    for gate in facts["gates"]:
        if gate["gate"] == name:
            yield Paragraph(words.told(gate))
