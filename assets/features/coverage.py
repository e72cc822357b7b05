"""The gate on what is known about the night's cases: a view that brought next to nothing stops it.

A join never loses a case; it gives nulls. So a delivery that stayed out, keys that changed, or a
ttl shorter than the facts are old look like a night of cases nobody knows anything about, and a
model scores them all the same. This gate is where that ends.
"""

from datetime import date
from typing import TYPE_CHECKING

from assets.content import content_digest
from assets.gate_results import GateResult, Verdict
from assets.tables import SCORING_SET

if TYPE_CHECKING:
    import pyarrow as pa

    from assets.spec import UseCaseSpec

GATE = "feature_coverage"


def view_coverage(spec: "UseCaseSpec", table: "pa.Table") -> dict[str, float]:
    """Per view, the share of rows (0 to 1) with a value in at least one of its columns.

    ``table`` is a scoring or a training set. Of no rows the share is 0.
    """
    import pyarrow.compute as pc

    shares = {}
    for view, declared in spec.features.views.items():
        known = pc.is_valid(table.column(declared.columns[0]))
        for column in declared.columns[1:]:
            known = pc.or_(known, pc.is_valid(table.column(column)))
        shares[view] = (pc.sum(known).as_py() or 0) / max(table.num_rows, 1)
    return shares


def judge_coverage(spec: "UseCaseSpec", day: date, scoring_set: "pa.Table") -> GateResult:
    """Judge whether enough is known about one day's cases.

    ``scoring_set`` has one column per view feature. The verdict is ``insufficient`` below
    ``quality.min_rows``, ``fail`` when a view has no value at all or its share of cases with any is
    below its ``min_coverage``, else ``pass``; a use case without views passes. Figures and
    thresholds are shares by view.
    """
    shares = view_coverage(spec, scoring_set)
    floors = {view: declared.min_coverage for view, declared in spec.features.views.items()}
    failed = [view for view, share in shares.items() if share == 0 or share < floors[view]]
    verdict: Verdict = "fail" if failed else "pass"
    if shares and scoring_set.num_rows < spec.quality.min_rows:
        verdict = "insufficient"
    return GateResult(
        gate=GATE,
        subject=SCORING_SET,
        verdict=verdict,
        message=_message(spec, day, scoring_set.num_rows, verdict, shares, failed),
        figures={view: round(share, 6) for view, share in shares.items()},
        threshold=floors,
        evidence_digest=content_digest(scoring_set),
    )


def _message(
    spec: "UseCaseSpec",
    day: date,
    rows: int,
    verdict: Verdict,
    shares: dict[str, float],
    failed: list[str],
) -> str:
    where = f"{spec.name} {day}"
    if not shares:
        return f"{where}: no feature views, so nothing to cover"
    if verdict == "insufficient":
        return (
            f"{where}: {rows} rows, fewer than quality.min_rows = {spec.quality.min_rows}, are too "
            "few to judge what is known about them. Check that the file of "
            f"'{spec.population.source}' for this day is complete and run the partition again"
        )
    if verdict == "pass":
        known = ", ".join(f"{view} {share:.1%}" for view, share in shares.items())
        return f"{where}: of {rows} cases, known by view: {known}"
    told = "; ".join(_complaint(spec, view, shares[view]) for view in failed)
    return (
        f"{where}: of {rows} cases too little is known: {told}. Check that the view's files "
        "arrived, that its keys are written as the population writes them, and that its ttl is "
        "longer than its facts are old; then run the days of the source and this partition again. "
        "If so few are right, lower min_coverage in defs.yaml"
    )


def _complaint(spec: "UseCaseSpec", view: str, share: float) -> str:
    declared = spec.features.views[view]
    source = spec.view_source(view)
    if share == 0:
        return f"view '{view}' (source '{source}', ttl {declared.ttl}) has no value for any of them"
    return (
        f"view '{view}' (source '{source}', ttl {declared.ttl}) has values for {share:.2%}, at "
        f"least {declared.min_coverage:.2%} are asked for"
    )
