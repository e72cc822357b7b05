"""What a night was made of: decisions, first reasons, confidence, and rows the door kept."""

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.policy import APPROVE, DECLINE, REFER
from assets.tables import DECISIONS, PREDICTIONS, profile
from assets.training.gates.shares import Share

if TYPE_CHECKING:
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

Row = dict[str, Any]

CONFIDENCE = 0.95
TENTHS = 10


def mixes(spec: "UseCaseSpec", lake: "Lake", day: date) -> list[Row]:
    """Shares of the night as rows of MEASURES_SCHEMA (without run), with Wilson intervals.

    ``decision_share`` by decision, ``reason_share`` by the reason named first of what was not
    approved, ``confidence`` by tenth of the score, ``quarantined_share`` by source.
    """
    decisions = lake.read(
        spec.name, DECISIONS, columns=["decision", "reasons", "rule"], first=day, last=day
    )
    scores = lake.read(spec.name, PREDICTIONS, columns=["score"], first=day, last=day)
    return [
        *_decisions(decisions),
        *_reasons(decisions),
        *_confidence(scores.column("score").drop_null()),
        *_quarantined(spec, lake, day),
    ]


def share_row(measure: str, subject: str, hits: int, of: int) -> Row:
    """A share as a row."""
    found = Share(hits, of).interval(CONFIDENCE)
    return {
        "measure": measure,
        "subject": subject,
        "value": round(found.value, 6),
        "low": round(found.low, 6),
        "high": round(found.high, 6),
        "n": of,
    }


def _decisions(decisions: pa.Table) -> Iterator[Row]:
    live = decisions.filter(pc.not_equal(decisions.column("rule"), "withdrawn"))
    if live.num_rows:
        counts = _counts(live.column("decision"))
        for name in (APPROVE, REFER, DECLINE):
            yield share_row("decision_share", name, counts.get(name, 0), live.num_rows)


def _reasons(decisions: pa.Table) -> Iterator[Row]:
    adverse = decisions.filter(pc.greater(pc.list_value_length(decisions.column("reasons")), 0))
    if adverse.num_rows:
        first = pc.list_element(adverse.column("reasons"), 0)
        counts = _counts(pc.struct_field(first, "feature"))
        for name in sorted(counts):
            yield share_row("reason_share", name, counts[name], adverse.num_rows)


def _confidence(scores: pa.ChunkedArray) -> Iterator[Row]:
    import numpy as np

    values = scores.to_numpy()
    if not len(values) or values.min() < 0 or values.max() > 1:
        return  # a regression's values are no probabilities
    counts, _ = np.histogram(values, bins=TENTHS, range=(0.0, 1.0))
    for tenth, count in enumerate(counts.tolist()):
        subject = f"{tenth / TENTHS:.1f}-{(tenth + 1) / TENTHS:.1f}"
        yield share_row("confidence", subject, count, len(values))


def _quarantined(spec: "UseCaseSpec", lake: "Lake", day: date) -> Iterator[Row]:
    for source in sorted(spec.sources):
        if not lake.exists(spec.name, profile(source)):
            continue
        columns = ["landed", "quarantined"]
        found = lake.read(spec.name, profile(source), columns=columns, first=day, last=day)
        landed = int(pc.sum(found.column("landed")).as_py() or 0)
        if landed:
            refused = int(pc.sum(found.column("quarantined")).as_py() or 0)
            yield share_row("quarantined_share", source, refused, landed)


def _counts(values: pa.ChunkedArray) -> dict[str, int]:
    return {one["values"]: one["counts"] for one in pc.value_counts(values).to_pylist()}
