"""Nights as their tables tell them: ninety of them, with what can happen to a night among them.

Counted from the first night (0): the first nights have too few matured outcomes; 20 to 25 moved
without harm; 40 never came; 50 had too few cases; 60 was stopped at the door; 70 to 77 moved and it
mattered, an incident was opened and closed; on the last three the model does worse, and an incident
is open. From night 45 on another version decides.
"""

import atexit
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa

from assets.alerts import Alert, raise_alert
from assets.home import Home
from assets.lake import PARTITION, Lake
from assets.release.events import append_events
from assets.spec import UseCaseSpec
from assets.tables import (
    COMPUTE,
    COMPUTE_SCHEMA,
    DECISIONS,
    DECISIONS_SCHEMA,
    DRIFT,
    ECONOMICS,
    FAIRNESS,
    GATE_RESULTS,
    GATE_RESULTS_SCHEMA,
    INCIDENTS,
    INCIDENTS_SCHEMA,
    MEASURES_SCHEMA,
    PERFORMANCE,
)

LAST = date(2026, 8, 28)
NIGHTS = 90
FEW, HARMLESS, MISSING, SMALL, STOPPED = range(12), range(20, 26), 40, 50, 60
HARM, OPEN, CHANGE = range(70, 78), range(87, 90), 45
HARM_ID, OPEN_ID = "0d0e4a52-64b1-5d0a-9d2f-5d1c2f0a7701", "7c3d2c7e-8d4c-5a43-9a0f-2a7ad6c0e902"
SIGNS = [
    "the scores moved (effect 0.62, band 0.25, 222 cases)",
    "other decisions are made: approved are 41%, on 40 quiet nights 62%",
]
WORSE = ["outcomes are worse: average precision 0.450 (0.414 to 0.486) on 3800 matured cases"]
WORDS = {"monthly_income": "median 1690, 3123 before", "channel": "'web' 40%, 62% before"}
GROUPS = {
    "region": ("north", "south", "east", "west"),
    "age": ("<30", "30-45", "45-60", ">=60"),
}
REASONS = ("utilisation", "monthly_income", "delinquencies_24m", "amount_to_income", "inquiries_6m")
RULE = "over_committed@1"
STAGES = {"ingestion": 2.1, "marts": 1.6, "quality": 0.9, "features": 1.1, "scoring": 0.8}

Row = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """The story of one lake: which use case, which nights."""

    spec: UseCaseSpec
    last: date
    nights: int

    @property
    def first(self) -> date:
        return self.last - timedelta(days=self.nights - 1)

    def day(self, number: int) -> date:
        """The night of this number; they count to 89 whatever there are of them."""
        return self.last - timedelta(days=NIGHTS - 1 - number)


@cache
def loans() -> UseCaseSpec:
    """The use case that ships, with limits and prices of its own."""
    from assets.spec_files import load_specs

    (spec,) = load_specs([Path(__file__).resolve().parents[1] / "orchestration" / "defs"])
    said = spec.model_dump(exclude_unset=True)
    said["economics"] = {
        "currency": "EUR",
        "value": "amount",
        "approve": {"good": 0.04, "bad": -0.6},
        "decline": {"good": 0.0, "bad": 0.0},
        "night_budget": 1200,
    }
    return UseCaseSpec.model_validate(said)


@cache
def kept() -> Home:
    """A home with all the nights, made once by a process: read it, or copy it."""
    folder = TemporaryDirectory(prefix="nights")
    atexit.register(folder.cleanup)
    home = Home(Path(folder.name) / "home")
    fill(home, loans())
    return home


def fill(home: Home, spec: UseCaseSpec, last: date = LAST, nights: int = NIGHTS) -> Told:
    """Put the nights that end with ``last`` into the home's lake, all tables at once."""
    lake, told = Lake(home.lake), Told(spec, last, nights)
    numbers = [n for n in range(NIGHTS - nights, NIGHTS) if n != MISSING]
    lived = [n for n in numbers if n != STOPPED]
    writers = {
        DRIFT: _drift,
        PERFORMANCE: _performance,
        FAIRNESS: _fairness,
        ECONOMICS: _economics,
    }
    for table, rows in writers.items():
        measured = [_measure(told.day(n), row) for n in lived for row in rows(spec, n)]
        _put(lake, told, table, measured, MEASURES_SCHEMA)
    _put(lake, told, INCIDENTS, list(_incidents(told)), INCIDENTS_SCHEMA)
    _put(
        lake, told, GATE_RESULTS, [g for n in numbers for g in _gates(told, n)], GATE_RESULTS_SCHEMA
    )
    _put(lake, told, COMPUTE, [c for n in lived for c in _compute(told, n)], COMPUTE_SCHEMA)
    lake.ensure(spec.name, DECISIONS, DECISIONS_SCHEMA)
    decided = pa.concat_tables([_decisions(told, n) for n in lived])
    lake.replace_days(spec.name, DECISIONS, told.first, last, decided)
    stopped = told.day(STOPPED)
    raise_alert(
        home,
        lake,
        Alert(
            spec.name,
            stopped,
            "door: applications.unit_error",
            f"1 gate at the door of {spec.name} did not pass for {stopped}: amount looks "
            "multiplied by 100",
            "Stopped the night before its marts: nothing was scored or decided.",
            "Drop the right file into landing and run the day again.",
        ),
        "run",
    )
    append_events(lake, spec.name, lambda _: [_registered(told, v) for v in (1, 4)])
    return told


def cases_of(number: int) -> int:
    """How many cases a night has."""
    if number == SMALL:
        return 12
    weekend = 60 if number % 7 in (5, 6) else 0
    return 234 + int(18 * np.sin(number)) - weekend


def version_of(number: int) -> int:
    return 1 if number < CHANGE else 4


def approvals_of(number: int) -> int:
    """How many of them are approved."""
    share = 0.41 if number in HARM else 0.62 + 0.03 * np.sin(number * 1.7)
    return round(cases_of(number) * share)


def _drift(spec: UseCaseSpec, number: int) -> "list[Row]":
    noise = np.random.default_rng([11, number])
    cases, few = cases_of(number), number == SMALL
    loud = {"monthly_income": 3.4, "utilisation": 1.6} if number in HARM else {}
    loud = {"channel": 1.9} if number in HARMLESS else loud
    rows, found = [], []
    for name in [*spec.feature_names, "score"]:
        number_like = name in spec.numeric_features or name == "score"
        band = 0.25 if number_like else 0.12
        times = loud.get(name, min(0.92, float(noise.gamma(4, 0.11))))
        verdict = "insufficient" if few else "drifted" if times > 1 else "stable"
        found += [name] if verdict == "drifted" else []
        kind = {"kind": "numeric" if number_like else "categorical", "nights": 1, "note": ""}
        if verdict == "drifted" and name in WORDS:
            kind["words"] = WORDS[name]
        rows.append(_row("drift", name, times * band, cases, limit=band, verdict=verdict, **kind))
        week = times * 0.5 + 0.05
        rows.append(
            _row(
                "drift_window", name, week * band, 7 * cases, limit=band,
                verdict="insufficient" if few else "drifted" if week > 1 else "stable", **kind,
            )
        )  # fmt: skip
    rows.append(_row("missing", "employment_years", 0.08, cases, limit=0.15, verdict="stable"))
    rows.append(_row("novelty", "purpose", 0.0, cases, limit=0.02, verdict="stable"))
    rows.append(_row("quarantined_share", "applications", 0.004, cases))
    largest = max(loud.values(), default=0.7)
    moved = "insufficient" if few else "moved" if found else "stable"
    impact: str = "none"
    against = ["the scores are where they were (effect 0.08, band 0.25, 222 cases)"]
    signs: list[str] = []
    if number in HARMLESS:
        impact = "harmless"
    if number in HARM:
        impact, signs = "matters", SIGNS
    if number in OPEN:
        impact, signs = "matters", WORSE
    if few:
        impact, against = "unknown", []
    detail = {
        "sentence": f"{impact}: {'; '.join(signs or against)}.",
        "signs": signs,
        "asked": against if not signs else [],
        "open": ["no outcome has matured yet"] if few else [],
    }
    report = f"reports/drift/{spec.name}/{LAST}.html" if not few else None
    rows.append(
        _row(
            "input_moved", "overall", None if few else largest, cases, limit=1.0, verdict=moved,
            drifted=found, rows=cases, words={c: WORDS[c] for c in found if c in WORDS},
            reference_rows=5000,
            reference_window=["2026-04-01", "2026-05-15"], report=report,
            snapshot="5f9c0c1e-0000-5000-8000-000000000000",
        )
    )  # fmt: skip
    rows.append(_row("impact", "overall", None, cases, verdict=impact, **detail))
    harm = number in HARM
    weighted = 1.8 if harm else 0.3 + 0.1 * noise.random()
    rows.append(_row("weighted_drift", "overall", weighted, cases))
    rows.append(
        _row("score_shift", "overall", 0.62 if harm else 0.08, cases, limit=0.25,
             verdict="insufficient" if few else "drifted" if harm else "stable", kind="numeric")
    )  # fmt: skip
    if not few:
        middle = 0.47 if harm else 0.6 + 0.02 * np.sin(number)
        rows.append(
            _row(f"estimated_{spec.model.metric_name}", "overall", middle, cases,
                 low=middle - 0.06, high=middle + 0.06, limit=0.55, confidence=0.99)
        )  # fmt: skip
    approved = approvals_of(number) / cases
    for name, share in (("approve", approved), ("refer", 1 - approved), ("decline", 0.0)):
        rows.append(_row("decision_share", name, share, cases))
    weights = noise.dirichlet([8, 14 if harm else 6, 5, 4, 2, 1])
    for name, share in zip([*REASONS, RULE], weights, strict=True):
        rows.append(_row("reason_share", name, float(share), cases))
    heights = np.array([46, 18, 10, 7, 5, 4, 3.5, 3, 2, 1.5]) * (1 + 0.1 * noise.random(10))
    heights += np.linspace(-2, 6, 10).clip(0) if harm else 0
    for place, share in enumerate(heights / heights.sum()):
        name = f"{place / 10:.1f}-{(place + 1) / 10:.1f}"
        rows.append(_row("confidence", name, float(share), cases))
    return rows


def _performance(spec: UseCaseSpec, number: int) -> "list[Row]":
    metric, version = spec.model.metric_name, version_of(number)
    own: Row = {"arm": "champion", "model_version": version}
    matured = 120 if number in FEW else 200 + 60 * min(number - 10, 60)
    worse = 0.16 if number in OPEN else 0.01 * np.cos(number * 0.7)
    value, reach = 0.61 - worse, 2.2 / np.sqrt(matured)
    few = number in FEW
    verdict = "insufficient" if few else "fail" if number in OPEN else "pass"
    rows = [
        _row(metric, "overall", value, matured, low=value - reach, high=value + reach,
             limit=0.56, verdict=verdict, trained=0.61, confidence=0.99, **own),
        _row("roc_auc", "overall", 0.84 - worse / 2, matured, low=0.84 - reach / 2,
             high=min(1.0, 0.84 + reach / 2), **own),
        _row("calibration_error", "overall", 0.03 + abs(worse) / 4, matured,
             low=0.01, high=0.06 + abs(worse) / 4, limit=0.1,
             verdict="insufficient" if few else "pass", **own),
        _row("cost_per_case", "overall", 14.2 + 40 * worse, matured, low=9.0, high=24.0, **own),
        _row("label_delay_days", "p50", 14.0, matured, **own),
        _row("label_delay_days", "p90", 16.0, matured, **own),
        _row("label_rate", "overall", 0.11, matured, low=0.09, high=0.13, training=0.117, **own),
        _row("matured_share", "overall", 0.93, matured, **own),
        _row("override_rate", "overall", 0.14, 180, low=0.1, high=0.2),
    ]  # fmt: skip
    if number % 7 == 0:
        rows.append(_row(f"holdout_{metric}", "overall", 0.612, 900, low=0.57, high=0.65, **own))
    for place in range(10):
        said, size = (place + 0.5) / 10, max(8, matured // (2 + 3 * place))
        seen = min(1.0, said * (1.02 if number not in OPEN else 0.8))
        half = 1.96 * np.sqrt(max(seen * (1 - seen), 0.01) / size)
        name = f"{place / 10:.1f}-{(place + 1) / 10:.1f}"
        rows.append(
            _row("calibration", name, seen, size, low=max(0.0, seen - half),
                 high=min(1.0, seen + half), predicted=said, **own)
        )  # fmt: skip
    for channel, part in (("branch", 0.3), ("partner", 0.2), ("web", 0.5)):
        part_value = value + (0.05 if channel == "branch" else -0.02)
        rows.append(
            _row(metric, f"channel={channel}", part_value, int(matured * part),
                 low=part_value - 2 * reach, high=part_value + 2 * reach, **own)
        )  # fmt: skip
    if number > 80:
        rows.append(
            _row("champion_gain", "overall", 0.02, 800, low=-0.01, high=0.05,
                 arm="challenger", model_version=5)
        )  # fmt: skip
    return rows


def _fairness(spec: UseCaseSpec, number: int) -> "list[Row]":
    from assets.training.gates.shares import Share

    rows = []
    for column, groups in GROUPS.items():
        rates = []
        for place, group in enumerate(groups):
            n = 300 + 140 * place
            hits = round(n * (0.62 - 0.03 * place + 0.01 * np.sin(number + place)))
            found = Share(hits, n).interval(0.95)
            rates.append(found.value)
            rows.append(
                _row("approval_rate", f"{column}={group}", found.value, n, low=found.low,
                     high=found.high)
            )  # fmt: skip
            if number not in FEW:
                rows.append(
                    _row("true_positive_rate", f"{column}={group}", 0.7 + 0.02 * place,
                         40 + 10 * place, low=0.55, high=0.86)
                )  # fmt: skip
        value = min(rates) / max(rates)
        rows.append(
            _row("approval_ratio", column, value, 4 * 300, low=value - 0.07, high=value + 0.06,
                 limit=0.8, verdict="insufficient" if number in FEW else "pass")
        )  # fmt: skip
    return rows


def _economics(spec: UseCaseSpec, number: int) -> "list[Row]":
    cases, approved = cases_of(number), approvals_of(number)
    referred, seconds = cases - approved, 8.0 + 0.5 * np.sin(number)
    review = referred * 12 / 60 * 45
    rows = [
        _row("compute_seconds", stage, part, cases) for stage, part in STAGES.items()
    ]  # fmt: skip
    rows += [_row("compute_cost", s, part / 3600 * 0.1, cases) for s, part in STAGES.items()]
    over = review + 0.01 > 1200
    backlog = 40 + (number % 9) * 6 + (60 if number in HARM else 0)
    return [
        *rows,
        _row("compute_seconds", "overall", seconds, cases),
        _row("compute_cost", "overall", seconds / 3600 * 0.1, cases),
        _row("cost_per_prediction", "overall", seconds / 3600 * 0.1 / cases, cases),
        _row("review_minutes", "overall", referred * 12.0, referred),
        _row("review_cost", "overall", review, referred),
        _row("night_cost", "overall", review + 0.01, cases, limit=1200.0,
             verdict="fail" if over else "pass"),
        _row("cases", "overall", float(cases), cases),
        _row("approval_rate", "overall", approved / cases, cases),
        _row("referral_rate", "overall", referred / cases, cases),
        _row("automation_rate", "overall", approved / cases, cases),
        _row("expected_value", "overall", 180.0 * approved, approved),
        _row("realised_value", "overall", 140.0 * approved - 9000 if number not in FEW else None,
             approved if number not in FEW else 0),
        _row("queue_open", "overall", float(backlog), backlog),
        _row("queue_overdue", "overall", float(backlog // 40 - 1), backlog, limit=0.0,
             verdict="fail" if backlog // 40 > 1 else "pass"),
        _row("queue_oldest_days", "overall", 1.0 + backlog / 60, backlog),
    ]  # fmt: skip


def _incidents(told: Told) -> "list[Row]":
    rows = []
    for number in range(HARM[0] + 1, HARM[-1] + 3):
        over = number == HARM[-1] + 2
        rows.append(
            {
                "incident_id": HARM_ID,
                "kind": "drift",
                "subject": "overall",
                "state": "closed" if over else "open",
                "opened_on": told.day(HARM[0] + 1),
                "last_seen_on": told.day(min(number, HARM[-1])),
                "closed_on": told.day(number) if over else None,
                "nights": min(number, HARM[-1]) - HARM[0],
                "quiet": max(0, number - HARM[-1]),
                "happened": (
                    "The input of loan_approval moved, and it matters: monthly_income, utilisation "
                    "(222 cases); the largest move is 3.4 times what quiet nights show."
                ),
                "road_did": "Asked for a training with what was known on that night; decisions "
                "went on by the champion.",
                "person_should": "Look at the drift report; if the change is real, approve the "
                "version the training makes.",
                "model_version": version_of(number),
                "training_asked_on": told.day(HARM[0] + 1),
                "evidence": _evidence(
                    {"measure": "input_moved", "value": 3.4, "limit": 1.0, "n": 222},
                    {"measure": "impact", "verdict": "matters", "detail": {"sentence": SIGNS[0]}},
                ),
                "run_id": "run",
                PARTITION: told.day(number),
            }
        )
    for number in OPEN:
        rows.append(
            {
                "incident_id": OPEN_ID,
                "kind": "performance",
                "subject": told.spec.model.metric_name,
                "state": "open",
                "opened_on": told.day(OPEN[0]),
                "last_seen_on": told.day(number),
                "closed_on": None,
                "nights": number - OPEN[0] + 1,
                "quiet": 0,
                "happened": (
                    "Average precision of version 4 on 3 800 matured cases is 0.450 (0.414 to "
                    "0.486), less than 0.560 it may fall to."
                ),
                "road_did": "Asked for a training; nothing was rolled back, for no canary decides.",
                "person_should": "Read the night's page, then look at the versions waiting under "
                "Approvals.",
                "model_version": 4,
                "training_asked_on": told.day(OPEN[0]),
                "evidence": _evidence(
                    {
                        "measure": told.spec.model.metric_name, "value": 0.45, "low": 0.414,
                        "high": 0.486, "limit": 0.56, "n": 3800, "verdict": "fail",
                    }
                ),
                "run_id": "run",
                PARTITION: told.day(number),
            }
        )  # fmt: skip
    return [row for row in rows if row[PARTITION] >= told.first]


def _evidence(*measures: Row) -> str:
    said = [{"subject": "overall", **one} for one in measures]
    return json.dumps({"night": "2026-08-01", "says": "it happened", "measures": said})


def _gates(told: Told, number: int) -> "list[Row]":
    stopped = number == STOPPED
    found = {
        "applications.volume": ("pass", "216 rows, the median of 8 such days before is 231.5"),
        "applications.null_share": ("pass", "15 columns judged: no share of nulls has risen"),
        "applications.unit_error": (
            ("fail", "amount looks multiplied by 100 (median 870000 now, 8200 before)")
            if stopped
            else ("pass", "5 columns judged: no other unit, no lost decimals")
        ),
        "bureau.volume": ("pass", "391 rows, the median of 8 such days before is 391.5"),
    }
    if not stopped:
        found["feature_coverage"] = ("pass", "of 234 cases, known by view: bureau 98.3%")
        found["scoring_population"] = ("pass", "all 41 expectations hold on 234 rows")
    if number == CHANGE - 1:
        found["training.leak"] = ("pass", "no feature knows too much")
    return [
        {
            "gate": gate,
            "subject": "scoring_set",
            "verdict": verdict,
            "message": message,
            "figures": "{}",
            "threshold": "{}",
            "evidence_digest": "d" * 64,
            "spec_version": told.spec.version,
            "run_id": "run",
            PARTITION: told.day(number),
        }
        for gate, (verdict, message) in found.items()
    ]


def _compute(told: Told, number: int) -> "list[Row]":
    day = told.day(number)
    began = datetime(day.year, day.month, day.day, 2, tzinfo=UTC) + timedelta(days=1)
    return [
        {
            "job": f"{told.spec.name}_nightly",
            "stage": stage,
            "step": f"{stage} step",
            "seconds": seconds,
            "started": began,
            "run_id": "run",
            PARTITION: day,
        }
        for stage, seconds in STAGES.items()
    ]


def _decisions(told: Told, number: int) -> pa.Table:
    cases, approved, day = cases_of(number), approvals_of(number), told.day(number)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    said = ["approve"] * approved + ["refer"] * (cases - approved)
    given: dict[str, Any] = {
        "decision_id": [f"{day}-{n}" for n in range(cases)],
        "revision": [1] * cases,
        "case_key": [f"SECRET-case-{number}-{n}" for n in range(cases)],
        "entity_key": [f"SECRET-entity-{n}" for n in range(cases)],
        "event_timestamp": [noon] * cases,
        "score": np.linspace(0.01, 0.9, cases),
        "decision": said,
        "advice": [*said[:-17], *["decline"] * 17] if cases > 20 else said,
        "rule": ["score"] * cases,
        "reasons": [[]] * cases,
        "overflow": [False] * cases,
        "arm": ["champion"] * cases,
        "model_version": [version_of(number)] * cases,
        "model_digest": ["d" * 64] * cases,
        "scoring_set_version": [1] * cases,
        "spec_version": [told.spec.version] * cases,
        "run_id": ["run"] * cases,
        PARTITION: [day] * cases,
    }
    schema = DECISIONS_SCHEMA.append(pa.field(PARTITION, pa.date32()))
    columns = [pa.array(given.get(f.name, [None] * cases), f.type) for f in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _registered(told: Told, version: int) -> Row:
    at = datetime(2026, 5, 20, tzinfo=UTC) if version == 1 else datetime(2026, 7, 10, tzinfo=UTC)
    metric = told.spec.model.metric_name
    record = {
        "version": version,
        "metrics": {metric: 0.61, "roc_auc": 0.845, "calibration_error": 0.02},
        "mlflow_run_id": f"{version}" * 32,
        "as_of": at.isoformat(),
        "candidate": "explainable_boosting",
    }
    return {
        "at": at,
        "model_version": version,
        "stage": "registered",
        "effective_from": at.date(),
        "model_digest": "d" * 64,
        "manifest_digest": "e" * 64,
        "actor": "system:nightshift",
        "reason": "passed its gates",
        "evidence": json.dumps({"record": record, "gates": {}}),
        "spec_version": told.spec.version,
        "run_id": "run",
    }


def _row(measure: str, subject: str, value: float | None, n: int, **given: Any) -> Row:
    """A measure's row; what no column has goes into its detail."""
    row: Row = {"measure": measure, "subject": subject, "value": value, "n": n}
    row |= {"arm": "", "model_version": None, "low": None, "high": None, "limit": None}
    row |= {"verdict": ""}
    detail = {k: v for k, v in given.items() if k not in MEASURES_SCHEMA.names}
    row |= {k: v for k, v in given.items() if k in MEASURES_SCHEMA.names}
    return row | {"detail": json.dumps(detail, sort_keys=True), "run_id": "run"}


def _measure(day: date, row: Row) -> Row:
    return row | {PARTITION: day}


def _put(lake: Lake, told: Told, table: str, rows: "list[Row]", schema: pa.Schema) -> None:
    lake.ensure(told.spec.name, table, schema)
    whole = schema.append(pa.field(PARTITION, pa.date32()))
    lake.replace_days(
        told.spec.name, table, told.first, told.last, pa.Table.from_pylist(rows, schema=whole)
    )
