"""A cascade of no particular trade: boosted trees and what was distilled of them."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from assets.scoring.loader import VerifiedModel
from assets.spec import UseCaseSpec
from assets.training.distil import CHEAP_SCORE
from assets.training.evidence import TrainedModel
from assets.training.frame import feature_frame
from assets.training.train import train
from tests.judged_models import kiln, kiln_spec

BAND = (0.1, 0.75)


def cascade_spec(band: tuple[float, float] = BAND, **cascade: Any) -> UseCaseSpec:
    """The firings of a kiln, scored by boosted trees; fields of the cascade besides its band."""
    return kiln_spec(
        model__cascade={"band": band, **cascade},
        model__candidates=["hist_gradient_boosting"],
        model__search={"trials": 1},
        model__golden_rows=40,
    )


@cache
def fitted() -> TrainedModel:
    return train(cascade_spec(), kiln(rows=4000).table)


@cache
def released() -> VerifiedModel:
    """The model as the loader gives it."""
    return verified(fitted())


def verified(trained: TrainedModel, band: tuple[float, float] = BAND) -> VerifiedModel:
    assert trained.cheap is not None
    return VerifiedModel(
        trained.pipeline,
        trained.golden.drop_columns([CHEAP_SCORE]),
        trained.cheap.pipeline,
        trained.golden.column(CHEAP_SCORE).to_numpy(),
        band,
    )


def firings(rows: int, seed: int = 9, nulls: float = 0.0) -> pa.Table:
    """Cases of a night; so many of their values are missing."""
    random = np.random.default_rng(seed)
    table = kiln(rows=rows, seed=seed).table
    for name in ("heat", "damp", "clay"):
        values = pa.array(table.column(name).to_pylist(), mask=random.random(rows) < nulls)
        table = table.set_column(table.column_names.index(name), name, values)
    return table


def cases(rows: int, seed: int = 9, nulls: float = 0.0) -> pd.DataFrame:
    return feature_frame(cascade_spec(), firings(rows, seed, nulls))
