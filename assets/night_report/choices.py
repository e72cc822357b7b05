"""What the night decided and why, how sure the model was, and how that compares with before."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from assets.night_report.before import NIGHTS, before
from assets.night_report.charts import bars, whisker
from assets.night_report.measures import Measure
from assets.night_report.names import reason_words
from assets.night_report.page import (
    NOTHING,
    Block,
    Grid,
    Picture,
    Reading,
    Readings,
    Says,
    Section,
)
from assets.night_report.panels import panels
from assets.night_report.trends import alike, ends, of_subject
from assets.night_report.words import count, counted, figure, named, sure
from assets.tables import DRIFT

if TYPE_CHECKING:
    from assets.night_report.reading import Record

MIX = {"approve": "Approved", "refer": "For people", "decline": "Declined"}
RULES = {
    "approve_below": "score low enough to approve",
    "between": "score in between: a person decides",
    "decline_above": "score high enough to advise declining",
    "accept_above": "class probable enough to be taken",
    "below_accept": "no class probable enough: a person decides",
    "missing": "too many values missing: a person decides",
    "no_score": "a case without a score",
    "fallback": "no model could be trusted: a person decides",
}
"""What the policy's own rules say; others are those of the spec."""

REASONS = 8
"""Reasons a page lists; and of them so many are followed over the nights."""
FOLLOWED = 6


def decisions(record: "Record") -> Section:
    """The mix of the night, its reasons, the rules that decided."""
    return Section("decisions", "Decisions and reasons", tuple(_decisions(record)))


def confidence(record: "Record") -> Section:
    """How sure the model was: the night's scores in ten bins."""
    return Section("confidence", "How sure the model was", tuple(_confidence(record)))


def explanations(record: "Record") -> Section:
    """What was named first as a reason, night by night."""
    return Section("explanations", "Explanations over time", tuple(_explanations(record)))


def _decisions(record: "Record") -> Iterator[Block]:
    decided = record.decided
    mix = record.measures.all_of(DRIFT, "decision_share", record.day)
    if decided is None and not mix:
        yield Says("No decision of this night is on record.")
        return
    if not mix and decided is not None and decided.cases:
        counts = {"approve": decided.approved, "refer": decided.referred}
        counts["decline"] = decided.declined
        mix = [
            Measure(DRIFT, record.day, "decision_share", name, value=n / decided.cases,
                    n=decided.cases)
            for name, n in counts.items()
        ]  # fmt: skip
    if mix:
        order = list(MIX)
        mix = sorted(mix, key=lambda m: order.index(m.subject) if m.subject in order else 9)
        items = [_share(record, m, MIX.get(m.subject, named(m.subject))) for m in mix]
        yield Readings("Tonight's mix", items, _key(record, mix, "the share of the night's cases"))
    if decided is not None and decided.advised_decline:
        alone = counted(decided.advised_decline, "case")
        yield Says(f"The score alone would decline {alone}; a person confirms each of them.")
    if decided is not None and decided.overflow:
        yield Says(
            f"{counted(decided.overflow, 'case')} of those for people are beyond what they can "
            "look at in a night.",
            "warn",
        )
    if decided is not None and decided.fallback:
        yield Says(
            f"{counted(decided.fallback, 'case')} had no score: {decided.why_fallback}", "warn"
        )
    reasons = record.measures.all_of(DRIFT, "reason_share", record.day)
    reasons = sorted(reasons, key=lambda m: (-(m.value or 0.0), m.subject))
    if reasons:
        items = [_share(record, m, reason_words(record.spec, m.subject)) for m in reasons[:REASONS]]
        left = len(reasons) - len(items)
        more = f" {counted(left, 'rarer reason')} not shown." if left else ""
        yield Readings(
            "Named first as a reason", items,
            _key(record, reasons, "the share of cases not approved with it as first reason") + more,
        )  # fmt: skip
    if decided is not None and len(decided.rules) > 1:
        rows = [
            (RULES.get(rule, f"rule: {named(rule)}"), count(n)) for rule, n in decided.rules.items()
        ]
        yield Grid("What decided, and how many cases", ("Decided by", "Cases"), rows, (1,))


def _key(record: "Record", found: list[Measure], what: str) -> str:
    said = f"Dot: {what}, with its 95 % interval."
    if any(before(record, m.table, m.measure, m.subject)[1] for m in found):
        said += f" Upright line: the middle of the {NIGHTS} nights before."
    return said


def _share(record: "Record", one: Measure, name: str) -> Reading:
    """A share of the night beside what it was before."""
    was, nights = before(record, one.table, one.measure, one.subject)
    low, high = ends(one, "share")
    value, known = figure(one.value, "share"), sure(low, high, one.n, "share")
    if was is not None:
        known += f"; before {figure(was, 'share')} ({counted(nights, 'night')})"
    plot = NOTHING
    if one.value is not None:
        said = f"{value} ({known})"
        plot = whisker(one.value, low, high, within=(0.0, 1.0), before=was, title=name, said=said)
    return Reading(name, value, known, plot=plot)


def _confidence(record: "Record") -> Iterator[Block]:
    found = record.measures.all_of(DRIFT, "confidence", record.day)
    shares = []
    for one in found:
        if one.value is not None:
            was, _ = before(record, DRIFT, "confidence", one.subject)
            shares.append((one.subject, one.value, was))
    if not shares:
        yield Says("No scores of this night are on record.")
        return
    cases = next((m.n for m in found if m.n is not None), None)
    nights = max(before(record, DRIFT, "confidence", m.subject)[1] for m in found)
    policy = record.spec.policy
    most = max(shares, key=lambda one: one[1])
    said = f"{figure(most[1], 'share')} of the scores lie from {most[0].replace('-', ' to ')}"
    said += f" ({counted(cases, 'case')})." if cases is not None else "."
    if record.spec.model.task == "binary":
        said += (
            f" Below {policy.approve_below:g} the policy approves, above {policy.decline_above:g} "
            "it advises to decline, between them a person decides."
        )
    if nights:
        said += f" Lines: the middle of the {nights} nights before."
    yield Picture(
        "Scores of the night", said,
        bars(
            shares, title="Share of the night's scores in each tenth", below="score",
            said="; ".join(
                f"{name} {figure(share, 'share')}"
                + (f", before {figure(was, 'share')}" if was is not None else "")
                for name, share, was in shares
            ),
        ),
    )  # fmt: skip


def _explanations(record: "Record") -> Iterator[Block]:
    subjects = record.measures.subjects(DRIFT, "reason_share")
    if not subjects:
        yield Says("No reasons of these nights are on record.")
        return

    def weight(subject: str) -> float:
        over = record.measures.over(DRIFT, "reason_share", subject)
        return sum(m.value or 0.0 for m in over.values())

    ordered = sorted(subjects, key=lambda s: (-weight(s), s))
    shown = [
        of_subject(record, DRIFT, "reason_share", name, reason_words(record.spec, name))
        for name in ordered[:FOLLOWED]
    ]
    yield panels(
        record,
        "Share of cases not approved that have it as their first reason",
        alike(shown),
        "All on one scale. A reason that grows without a change in the input means that the model, "
        "not the world, has changed.",
    )
