"""The tables beside the decisions of :mod:`tests.nights_on_record`: values, outcomes, training set,
spec, a challenger. For whoever reads cases.
"""

import json
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns import LABEL, LABEL_OBSERVED, label_type
from assets.features.sets import set_schema
from assets.home import Home
from assets.lake import PARTITION, Lake
from assets.ledger.specs import keep_spec
from assets.spec import UseCaseSpec
from assets.tables import (
    CHALLENGER_SCORES,
    CHALLENGER_SCORES_SCHEMA,
    DECISIONS,
    LABELS,
    RELEASE_CHECKS,
    RELEASE_CHECKS_SCHEMA,
    SCORING_SET,
    TIMESTAMP,
    TRAINING_SET,
)

EARLY, LATE = timedelta(days=5), timedelta(days=14)
"""After a case its outcome is known: a bad one early, a good one once it has matured."""


def fill_case_tables(home: Home, spec: UseCaseSpec, seed: int = 6) -> None:
    """Put them into a home whose decisions are there."""
    lake, random = Lake(home.lake), np.random.default_rng(seed)
    wanted = ["case_key", "entity_key", "event_timestamp", "score", PARTITION]
    decided = lake.read(spec.name, DECISIONS, columns=wanted)
    cases = decided.num_rows
    days = decided.column(PARTITION).to_pylist()
    keys, times = decided.column("case_key"), decided.column("event_timestamp")
    bad = random.random(cases) < np.asarray(decided.column("score"))
    values = _values(spec, decided, random)
    _put(lake, spec, SCORING_SET, _typed(spec, values, label=False, extra={PARTITION: days}))
    observed = [
        at + (EARLY if one else LATE) for at, one in zip(times.to_pylist(), bad, strict=True)
    ]
    known = pa.table(
        {
            spec.population.key: keys,
            LABEL: _labels(spec, bad),
            "observed_at": pa.array(observed, TIMESTAMP),
            PARTITION: pa.array([at.date() for at in observed], pa.date32()),
        }
    )
    # What comes after the last night has not come yet.
    _put(lake, spec, LABELS, known.filter(np.array([at.date() <= max(days) for at in observed])))
    extra = {
        LABEL: _labels(spec, bad),
        LABEL_OBSERVED: observed,
        PARTITION: [min(days)] * cases,
    }
    _put(lake, spec, TRAINING_SET, _typed(spec, values, label=True, extra=extra))
    _challenger(lake, spec, decided, max(days))
    keep_spec(lake, spec, "run")


def _values(spec: UseCaseSpec, decided: pa.Table, random: np.random.Generator) -> dict[str, Any]:
    cases = decided.num_rows
    values: dict[str, Any] = {
        spec.population.event_timestamp: decided.column("event_timestamp"),
        spec.population.entity: decided.column("entity_key"),
        spec.population.key: decided.column("case_key"),
    }
    for name in set_schema(spec, label=False).names:
        column = spec.sources[spec.population.source].columns.get(name)
        if name in values:
            continue
        kind = column.type if column is not None else ""
        if name in spec.numeric_features or kind in ("int", "float"):
            values[name] = np.round(random.gamma(4.0, 12.0, cases))
        else:
            kinds = (column.values if column is not None else None) or ["north", "south", "west"]
            values[name] = random.choice([str(kind) for kind in kinds], cases)
    return values


def _typed(spec: UseCaseSpec, values: dict[str, Any], *, label: bool, extra: Any) -> pa.Table:
    schema = set_schema(spec, label=label).append(pa.field(PARTITION, pa.date32()))
    given = values | extra
    arrays = []
    for field in schema:
        one = given[field.name]
        held = one if isinstance(one, pa.ChunkedArray) else pa.array(one)
        arrays.append(held.cast(field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _labels(spec: UseCaseSpec, bad: "np.ndarray") -> pa.Array:
    if label_type(spec) == pa.string():
        return pa.array(np.where(bad, "late", "in time").tolist())
    return pa.array(bad.astype("int64")).cast(label_type(spec))


def _challenger(lake: Lake, spec: UseCaseSpec, decided: pa.Table, last: date) -> None:
    """Version 9, in shadow on the last night."""
    tonight = decided.filter(pc.equal(decided.column(PARTITION), pa.scalar(last, pa.date32())))
    given = {name: tonight.column(name) for name in ("case_key", "entity_key", "event_timestamp")}
    told = {"stage": "shadow", "arm": "champion", "version": 9, "champion_version": 4}
    rows = [
        {**told, "score": score, "champion_score": score, PARTITION: last}
        for score in tonight.column("score").to_pylist()
    ]
    table = pa.Table.from_pylist(rows, schema=_nightly(CHALLENGER_SCORES_SCHEMA))
    for name, column in given.items():
        table = table.set_column(table.column_names.index(name), name, column)
    _put(lake, spec, CHALLENGER_SCORES, table)
    checks = [("days", "insufficient"), ("scores", "pass"), ("approval", "fail"), ("move", "hold")]
    asked = [
        {"version": 9, "stage": "shadow", "check": name, "verdict": verdict, "message": name,
         "figures": "{}", "threshold": json.dumps({}), "run_id": "run", PARTITION: last}
        for name, verdict in checks
    ]  # fmt: skip
    table = pa.Table.from_pylist(asked, schema=_nightly(RELEASE_CHECKS_SCHEMA))
    _put(lake, spec, RELEASE_CHECKS, table)


def _nightly(schema: pa.Schema) -> pa.Schema:
    return schema.append(pa.field(PARTITION, pa.date32()))


def _put(lake: Lake, spec: UseCaseSpec, name: str, rows: pa.Table) -> None:
    lake.ensure(spec.name, name, rows.schema)
    days = rows.column(PARTITION).to_pylist()
    if days:
        lake.replace_days(spec.name, name, min(days), max(days), rows)
