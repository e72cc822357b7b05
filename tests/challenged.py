"""Nights of two models: cases a challenger scored beside the champion, and what became of them."""

from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns import LABEL
from assets.lake import PARTITION, Lake
from assets.release.compared import Compared, read_compared
from assets.release.events import Champion
from assets.spec import UseCaseSpec
from assets.tables import (
    CHALLENGER_SCORES,
    CHALLENGER_SCORES_SCHEMA,
    LABELS,
    SCORING_SET,
    TIMESTAMP,
)
from tests.released import ATTRIBUTES

FIRST = date(2026, 3, 2)
VERSION, DIGEST = 7, "7" * 64
CHALLENGER = Champion("boats", VERSION, DIGEST, FIRST, datetime(2026, 3, 1, tzinfo=UTC), {})
Stage = Literal["shadow", "canary"]


def ladder_spec(
    *,
    task: str = "binary",
    sensitive: bool = True,
    metric: str | None = None,
    **release: Any,
) -> UseCaseSpec:
    """Boats that approve a score below 0.3; outcomes are known after a day. ``release``: its block,
    where a dict."""
    attributes = deepcopy(ATTRIBUTES)
    attributes["sources"]["trips"]["columns"]["flag"] = {"type": "string", "values": ["a", "b"]}
    attributes["label"]["matures_after"] = "1d"
    attributes["policy"] = {"approve_below": 0.3, "decline_above": 0.6, "accept_above": 0.3}
    attributes["sensitive"] = {"flag": {}} if sensitive else {}
    attributes["model"] = {"task": task, "metric": metric}
    if task != "binary":
        attributes["label"]["positive"] = None
        kind = "string" if task == "multiclass" else "float"
        attributes["sources"]["returns"]["columns"]["late"]["type"] = kind
    return UseCaseSpec.model_validate({**attributes, "release": release})


def cases(
    spec: UseCaseSpec,
    number: int,
    *,
    day: date = FIRST,
    stage: Stage = "canary",
    share: float = 0.5,
    noise: float = 0.1,
    shift: float = 0.0,
    more_approved: float = 0.0,
    entities: int | None = None,
    seed: int = 0,
) -> pa.Table:
    """Cases of one night, and columns ``flag`` and ``happened`` (0/1) for what is beside them.

    The champion's scores are right. The challenger's are ``noise`` away from them in log-odds, and
    ``shift`` on top; ``more_approved`` of the cases it would not approve get a score of 0.01.
    """
    random = np.random.default_rng([seed, day.toordinal()])
    odds = random.normal(-0.6, 1.2, number)
    theirs = odds + noise * random.normal(size=number) + shift
    champion, challenger = 1 / (1 + np.exp(-odds)), 1 / (1 + np.exp(-theirs))
    # So many points more of all cases.
    others = np.flatnonzero(challenger >= spec.policy.approve_below)
    chosen = random.choice(others, min(len(others), round(more_approved * number)), replace=False)
    challenger[chosen] = 0.01
    boats = random.integers(0, entities, number) if entities else np.arange(number)
    arm = np.where(random.random(entities or number)[boats] < share, "canary", "champion")
    happened = (random.random(number) < champion).astype("int64")
    at = datetime.combine(day, time(12), UTC)
    rows = {
        "case_key": [f"{day:%m%d}-{i:06}" for i in range(number)],
        "entity_key": [f"b{day:%d}{i}" if not entities else f"b{i}" for i in boats],
        "event_timestamp": pa.array([at] * number, TIMESTAMP),
        "stage": [stage] * number,
        "arm": arm if stage == "canary" else ["champion"] * number,
        "version": [VERSION] * number,
        "digest": [DIGEST] * number,
        "score": challenger,
        "prediction": pa.nulls(number, pa.string()),
        "advice": advice(spec, challenger),
        "champion_version": [1] * number,
        "champion_score": champion,
        "champion_prediction": pa.nulls(number, pa.string()),
        "champion_advice": advice(spec, champion),
        PARTITION: pa.array([day] * number, pa.date32()),
        "flag": random.choice(["a", "b"], number),
        "happened": happened,
    }
    return pa.table(rows)


def advice(spec: UseCaseSpec, scores: np.ndarray) -> pa.Array:
    policy = spec.policy
    declined = np.where(scores > policy.decline_above, "decline", "refer")
    return pa.array(np.where(scores < policy.approve_below, "approve", declined))


def days(number: int, first: date = FIRST) -> list[date]:
    return [first + timedelta(days=n) for n in range(number)]


def compared(nights: Sequence[pa.Table], stage: Stage = "canary") -> Compared:
    """The nights as they are read, without a lake."""
    schema = CHALLENGER_SCORES_SCHEMA.append(pa.field(PARTITION, pa.date32()))
    rows = pa.concat_tables(nights).select(schema.names).cast(schema)
    last = pc.max(rows.column(PARTITION)).as_py()
    of_stage = pc.equal(rows.column("stage"), stage)
    return Compared(VERSION, stage, last, rows.filter(of_stage), rows.filter(pc.invert(of_stage)))


def put_on_record(
    lake: Lake, spec: UseCaseSpec, nights: Sequence[pa.Table], *, labels: bool = True
) -> None:
    """The nights in the lake: the challenger's scores, scoring sets, and outcomes a day later."""
    lake.ensure(spec.name, CHALLENGER_SCORES, CHALLENGER_SCORES_SCHEMA)
    for night in nights:
        day = night.column(PARTITION)[0].as_py()
        scores = night.select([*CHALLENGER_SCORES_SCHEMA.names]).cast(CHALLENGER_SCORES_SCHEMA)
        lake.replace_day(spec.name, CHALLENGER_SCORES, day, scores)
        keyed = night.rename_columns({"case_key": "trip"})
        scoring = keyed.select(["trip", *spec.sensitive])
        lake.ensure(spec.name, SCORING_SET, scoring.schema)
        lake.replace_day(spec.name, SCORING_SET, day, scoring)
        if labels:
            put_labels(lake, spec, keyed, day + timedelta(days=1))


def put_labels(lake: Lake, spec: UseCaseSpec, keyed: pa.Table, day: date) -> None:
    """Outcomes of the cases, all observed at the very beginning of ``day``."""
    observed = pa.array([datetime.combine(day, time(0), UTC)] * keyed.num_rows, TIMESTAMP)
    rows = pa.table(
        {"trip": keyed.column("trip"), LABEL: keyed.column("happened"), "observed_at": observed}
    )
    lake.ensure(spec.name, LABELS, rows.schema)
    lake.replace_day(spec.name, LABELS, day, rows)


def read(lake: Lake, spec: UseCaseSpec, day: date, stage: Stage = "canary") -> Compared:
    return read_compared(lake, spec.name, CHALLENGER, stage, day)
