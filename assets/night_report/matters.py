"""Does it matter? Signs that come at once, then performance as outcomes become known."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from assets.model_spec import METRICS
from assets.night_report.charts import band, reliability, whisker
from assets.night_report.measures import OVERALL
from assets.night_report.names import (
    ESTIMATED,
    HOLDOUT,
    name_of,
    smaller_is_better,
    subject_words,
)
from assets.night_report.page import (
    NOTHING,
    Block,
    Picture,
    Points,
    Reading,
    Readings,
    Says,
    Section,
)
from assets.night_report.panels import KEY, panels
from assets.night_report.trends import BROKEN, at_training, ends, model, point, told
from assets.night_report.verdicts import badge
from assets.night_report.words import counted, figure, named, sentence
from assets.release.non_inferiority import compared_by
from assets.tables import DRIFT, PERFORMANCE
from assets.training.card.charts import padded

if TYPE_CHECKING:
    from markupsafe import Markup

    from assets.night_report.measures import Measure
    from assets.night_report.page import Tone
    from assets.night_report.reading import Record

REASONS = {
    "signs": "What says that it does harm",
    "asked": "What says that it does not",
    "open": "What cannot be asked yet",
}
"""What a judgement rests on, by its key in the detail."""

ANSWERS: dict[str, tuple[str, "Tone"]] = {
    "none": ("No sign of it.", "good"),
    "harmless": ("Not so far: the input moved, and nothing shows that it does harm.", "good"),
    "matters": ("Yes. Find out whether a source is at fault or the world has changed.", "bad"),
    "unknown": ("That cannot be said yet.", ""),
}


def matters(record: "Record") -> Section:
    """The section of the second question."""
    return Section("matters", "Does it matter?", tuple(_blocks(record)))


def _blocks(record: "Record") -> Iterator[Block]:
    impact = record.of(DRIFT, "impact")
    if impact is None:
        yield Says("Nothing is on record that would answer it for this night.")
    else:
        yield from _answer(impact)
    yield Readings("Signs that need no outcome", list(_at_once(record)))
    yield Readings("On outcomes that are known by now", list(_known(record)))
    shown = [t for t in model(record) if t.key != "input_moved" and not t.empty]
    if shown:
        yield panels(record, "Over the last nights", shown, KEY)
    yield from _calibration(record)
    yield from _slices(record)


def _answer(impact: "Measure") -> Iterator[Block]:
    """The answer, and what speaks for it, against it, and what cannot be asked yet."""
    answer, tone = ANSWERS.get(impact.verdict, (sentence(impact.verdict), ""))
    told = [(title, _lines(impact, key)) for key, title in REASONS.items()]
    if any(lines for _, lines in told):
        yield Says(answer, tone)
        yield Points([(title, lines) for title, lines in told if lines])
    else:
        said = sentence(str(impact.detail.get("sentence") or ""))
        yield Says(f"{answer} {said}".strip(), tone)


def _lines(impact: "Measure", key: str) -> list[str]:
    found = impact.detail.get(key)
    return [sentence(named(str(one))) for one in found] if isinstance(found, list) else []


def _at_once(record: "Record") -> Iterator[Reading]:
    metric = compared_by(record.spec)
    for measure in ("weighted_drift", "score_shift", f"{ESTIMATED}{metric}"):
        yield reading(record, DRIFT, measure, record.of(DRIFT, measure))


def _known(record: "Record") -> Iterator[Reading]:
    spec = record.spec
    metric = compared_by(spec)
    found = record.of(PERFORMANCE, metric)
    yield reading(record, PERFORMANCE, metric, found, note=_training(record, metric, found))
    always = ["calibration_error"] if spec.model.task == "binary" else []
    for measure in always:
        yield reading(record, PERFORMANCE, measure, record.of(PERFORMANCE, measure))
    others: list[str] = [name for name in METRICS[spec.model.task] if name != metric]
    others += ["cost_per_case", "label_rate", "matured_share", "override_rate"]
    for measure in [*others, f"{HOLDOUT}{metric}"]:
        if (one := record.of(PERFORMANCE, measure)) is not None:
            note = _label_note(one) if measure == "label_rate" else ""
            yield reading(record, PERFORMANCE, measure, one, note=note)
    delays = {
        m.subject: m for m in record.measures.all_of(PERFORMANCE, "label_delay_days", record.day)
    }
    if delays:
        half, most = delays.get("p50"), delays.get("p90")
        n = next(iter(delays.values())).n
        yield Reading(
            name="Days until the outcome is known",
            small="Half of them are known after the first figure, nine in ten after the second.",
            value=" and ".join(figure(one.value, "days") for one in (half, most) if one),
            sure=counted(n, "known outcome") if n is not None else "",
        )
    for one in record.measures.all_of(PERFORMANCE, "champion_gain", record.day):
        if one.subject == OVERALL:
            version = f"version {one.model_version}" if one.model_version is not None else ""
            yield reading(record, PERFORMANCE, "champion_gain", one, note=version)


def reading(
    record: "Record", table: str, measure: str, one: "Measure | None", *, note: str = ""
) -> Reading:
    """A measure on a line, drawn against its limit where it has one."""
    named = name_of(measure)
    value, known = told(record, one, named)
    currency = record.spec.economics.currency
    parts = [known]
    if one is not None and one.limit is not None:
        word = "at most" if _is_ceiling(one) else "at least"
        parts.append(f"{word} {figure(one.limit, named.unit, currency)}")
    parts.append(note)
    return Reading(
        name=named.title,
        small=named.meaning,
        value=value,
        sure="; ".join(part for part in parts if part),
        plot=_drawn(one, named.title, value, known),
        badge=badge(one),
    )


CEILINGS = ("score_shift", "cost_per_case", "night_cost", "queue_overdue")
"""Measures whose limit is the most they may be."""


def _is_ceiling(one: "Measure") -> bool:
    return smaller_is_better(one.measure) or one.measure in CEILINGS


def _drawn(one: "Measure | None", title: str, value: str, known: str) -> "Markup":
    """The figure against its limit; nothing where there is none."""
    if one is None or one.value is None or one.limit is None:
        return NOTHING
    beyond, said = one.verdict in BROKEN, f"{value} ({known})"
    low, high = ends(one, name_of(one.measure).unit)
    if low is None or high is None:
        if not _is_ceiling(one) or one.times is None:
            return NOTHING
        return band(one.times, None, beyond=beyond, title=title, said=said)
    within = padded([one.value, low, high, one.limit])
    return whisker(
        one.value, low, high, within=within, limit=one.limit, beyond=beyond, title=title, said=said
    )


def _training(record: "Record", metric: str, one: "Measure | None") -> str:
    version = one.model_version if one is not None else record.version
    found = at_training(record, metric, version, one)
    if found is None:
        return ""
    return f"at the training of version {version} {figure(found, 'metric')}"


def _label_note(one: "Measure") -> str:
    before = one.detail.get("training")
    return (
        f"in training {figure(float(before), 'share')}" if isinstance(before, int | float) else ""
    )


def _calibration(record: "Record") -> Iterator[Block]:
    found = [
        (float(m.detail["predicted"]), m, p)
        for m in record.measures.all_of(PERFORMANCE, "calibration", record.day)
        if m.own and isinstance(m.detail.get("predicted"), int | float)
        if (p := point(m, "share")) is not None
    ]
    if len(found) < 2:
        return
    found.sort(key=lambda one: one[0])
    inside = sum(
        1 for x, _, p in found if p.low is not None and p.high is not None and p.low <= x <= p.high
    )
    cases = sum(m.n or 0 for _, m, _ in found)
    fewest = min(m.n or 0 for _, m, _ in found)
    said = (
        f"In {inside} of {len(found)} groups of scores the share that came true agrees with what "
        f"the score said, as far as its 95 % interval can tell ({counted(cases, 'known outcome')}, "
        f"at least {fewest} in a group). On the dashed line a score of 30 % is right in 30 of 100."
    )
    yield Picture(
        "Do the scores mean what they say?", said,
        reliability(
            [(x, p) for x, _, p in found],
            title="Share that came true against what the score said",
            said="; ".join(
                f"said {figure(x, 'share')}, came true {figure(p.value, 'share')}"
                for x, _, p in found
            ),
        ),
    )  # fmt: skip


def _slices(record: "Record") -> Iterator[Block]:
    """The primary metric by slices, all on one scale."""
    metric = compared_by(record.spec)
    named = name_of(metric)
    found = [
        m
        for m in record.measures.all_of(PERFORMANCE, metric, record.day)
        if m.own and m.group and m.value is not None
    ]
    if not found:
        return
    overall = record.of(PERFORMANCE, metric)
    whole = overall.value if overall is not None else None
    drawn = [v for m in found for v in (m.value, m.low, m.high) if v is not None]
    within = padded(drawn + ([whole] if whole is not None else []))
    items = []
    for one in found:
        value, known = told(record, one, named)
        assert one.value is not None
        items.append(
            Reading(
                subject_words(one.subject),
                value,
                known,
                plot=whisker(
                    one.value,
                    one.low,
                    one.high,
                    within=within,
                    before=whole,
                    title=subject_words(one.subject),
                    said=f"{value} ({known})",
                ),
            )
        )
    line = (
        f" The upright line is all cases, {figure(whole, 'metric')}." if whole is not None else ""
    )
    yield Readings(f"{named.title} by slice", items, f"All on one scale.{line}")
