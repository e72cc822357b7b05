"""A night of monitoring as rows: did the input move, does it matter, what was the night made of."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.lake import PARTITION
from assets.monitoring.columns import SCORE
from assets.monitoring.drift import ColumnDrift, DriftResult
from assets.monitoring.impact import Approvals, Judged
from assets.release.non_inferiority import compared_by
from assets.tables import DRIFT, MEASURES_SCHEMA, PERFORMANCE

if TYPE_CHECKING:
    from assets.lake import Lake
    from assets.spec import UseCaseSpec
    from assets.training.evidence import Interval

Row = dict[str, Any]

OVERALL = "overall"
BACK = 60
"""Days in which quiet nights of a version are looked for."""


def measures(rows: Sequence[Row], run_id: str, version: int | None) -> pa.Table:
    """Rows (any of the columns of MEASURES_SCHEMA) as a table; nothing said is null or empty."""
    empty: Row = dict.fromkeys(MEASURES_SCHEMA.names)
    empty |= {"arm": "", "verdict": "", "subject": OVERALL, "detail": "{}"}
    known = {"run_id": run_id, "model_version": version}
    return pa.Table.from_pylist([{**empty, **row, **known} for row in rows], schema=MEASURES_SCHEMA)


def night_rows(
    spec: "UseCaseSpec",
    result: DriftResult,
    judged: Judged,
    *,
    words: Mapping[str, str],
    weighted: float | None,
    estimate: "Interval | None",
    scores: int,
    worst: float | None,
    report: str | None,
    snapshot: str | None,
) -> list[Row]:
    """The comparison and the judgement as rows of MEASURES_SCHEMA (without run and version).

    ``scores``: so many the estimate rests on.
    """
    rows = [_column("drift", one, words) for one in result.night]
    rows += [_column("drift_window", one, words) for one in result.window]
    rows += _missing(result.night)
    rows += _shift(result)
    if weighted is not None:
        rows.append({"measure": "weighted_drift", "value": round(weighted, 6), "n": result.rows})
    if estimate is not None:
        rows.append(
            {
                "measure": f"estimated_{spec.model.metric_name}",
                "value": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
                "n": scores,
                "limit": worst,
                "detail": _json({"confidence": estimate.confidence}),
            }
        )
    window = [d.isoformat() for d in result.reference_window] if result.reference_window else None
    rows.append(
        {
            "measure": "input_moved",
            "value": None if result.largest is None else round(result.largest, 6),
            "limit": 1.0,
            "n": result.rows,
            "verdict": result.verdict,
            "detail": _json(
                {
                    "drifted": result.drifted,
                    "words": {name: words[name] for name in result.drifted if name in words},
                    "rows": result.rows,
                    "reference_rows": result.reference_rows,
                    "reference_days": result.reference_days,
                    "reference_window": window,
                    "report": report,
                    "snapshot": snapshot,
                }
            ),
        }
    )
    rows.append(
        {
            "measure": "impact",
            "n": result.rows,
            "verdict": judged.verdict,
            "detail": _json(
                {
                    "sentence": judged.sentence,
                    "signs": list(judged.signs),
                    "asked": list(judged.against),
                    "open": list(judged.open),
                }
            ),
        }
    )
    return rows


def _column(measure: str, one: ColumnDrift, words: Mapping[str, str]) -> Row:
    detail: dict[str, Any] = {"kind": one.kind, "nights": one.nights, "note": one.note}
    if one.column in words and one.drifted:
        detail["words"] = words[one.column]
    return {
        "measure": measure,
        "subject": one.column,
        "value": one.effect,
        "limit": one.band,
        "n": one.rows,
        "verdict": "insufficient" if not one.known else "drifted" if one.drifted else "stable",
        "detail": _json(detail),
    }


def _missing(columns: Sequence[ColumnDrift]) -> list[Row]:
    """Shares of what is missing and what is new, where there is any."""
    rows: list[Row] = []
    for one in columns:
        if one.column == SCORE:
            continue
        for measure, share in (("missing", one.missing), ("novelty", one.novelty)):
            if share:
                rows.append(
                    {"measure": measure, "subject": one.column, "value": share, "n": one.rows}
                )
    return rows


def _shift(result: DriftResult) -> list[Row]:
    known = [one for one in result.scores if one.known]
    if not known:
        return []
    one = max(known, key=lambda found: found.times)
    return [{**_column("score_shift", one, {}), "subject": OVERALL}]


def approvals(
    lake: "Lake", use_case: str, day: date, version: int, tonight: Sequence[Row]
) -> Approvals | None:
    """Tonight's approvals beside those of earlier quiet nights of the same version.

    ``tonight``: rows of the mixes. Quiet is a night whose input had not moved. None where nothing
    was decided tonight, or nothing is on record.
    """
    own = [r for r in tonight if (r["measure"], r["subject"]) == ("decision_share", "approve")]
    if not own or not lake.exists(use_case, DRIFT):
        return None
    rows = lake.read(
        use_case,
        DRIFT,
        columns=["measure", "subject", "value", "verdict", "model_version", PARTITION],
        first=day - timedelta(days=BACK),
        last=day - timedelta(days=1),
    )
    rows = rows.filter(pc.equal(rows.column("model_version"), pa.scalar(version, pa.int64())))
    moved = rows.filter(pc.equal(rows.column("measure"), "input_moved"))
    quiet = moved.filter(pc.equal(moved.column("verdict"), "stable")).column(PARTITION)
    shares = rows.filter(
        pc.and_(
            pc.and_(
                pc.equal(rows.column("measure"), "decision_share"),
                pc.equal(rows.column("subject"), "approve"),
            ),
            pc.is_in(rows.column(PARTITION), quiet.combine_chunks()),
        )
    )
    values = shares.column("value")
    if not shares.num_rows:
        return Approvals(own[0]["value"], own[0]["value"], 0.0, 0, own[0]["n"])
    spread = pc.stddev(values, ddof=1).as_py() if shares.num_rows > 1 else 0.0
    return Approvals(
        tonight=own[0]["value"],
        usual=pc.mean(values).as_py(),
        spread=spread or 0.0,
        nights=shares.num_rows,
        cases=own[0]["n"],
    )


def judged_outcomes(lake: "Lake", spec: "UseCaseSpec", day: date) -> list[Row]:
    """What the night's performance table judges, of the champion and overall."""
    if not lake.exists(spec.name, PERFORMANCE):
        return []
    rows: list[Row] = lake.read(spec.name, PERFORMANCE, first=day, last=day).to_pylist()
    wanted = (compared_by(spec), "calibration_error")
    return [
        row
        for row in rows
        if row["measure"] in wanted and row["subject"] == OVERALL and row["verdict"]
    ]


def _json(found: Mapping[str, Any]) -> str:
    return json.dumps(found, sort_keys=True)
