"""The floors of chance against what they are made to predict."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from assets.monitoring.chance import jensen_shannon, jensen_shannon_floor, wasserstein_floor


@pytest.mark.parametrize("rows", [50, 400])
def test_wasserstein_floor_is_exceeded_about_once_in_a_hundred(rows: int) -> None:
    draw = np.random.default_rng(11)
    reference = draw.lognormal(8, 0.5, 3000)
    floor = wasserstein_floor(reference, rows, seed=1)
    seen = [
        wasserstein_distance(reference, draw.lognormal(8, 0.5, rows)) / reference.std()
        for _ in range(300)
    ]
    assert np.mean(np.array(seen) > floor) < 0.04
    assert floor < 1.6 * np.quantile(seen, 0.95)


def test_jensen_shannon_floor_is_exceeded_about_once_in_a_hundred() -> None:
    draw = np.random.default_rng(12)
    counts = np.array([2000.0, 700.0, 290.0, 10.0])
    floor = jensen_shannon_floor(counts, 80, seed=1)
    now = draw.multinomial(80, counts / counts.sum(), size=500) / 80
    seen = jensen_shannon(now, counts / counts.sum())
    assert np.mean(seen > floor) < 0.04
    assert floor < 1.6 * np.quantile(seen, 0.95)


def test_jensen_shannon_is_scipys() -> None:
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.1, 0.2, 0.7])
    assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q))
    assert jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(
        np.sqrt(np.log(2))
    )


def test_floors_fall_with_rows_and_vanish_without() -> None:
    reference = np.random.default_rng(13).normal(size=2000)
    floors = [wasserstein_floor(reference, rows, seed=1) for rows in (50, 500, 5000)]
    assert floors == sorted(floors, reverse=True)
    assert wasserstein_floor(np.array([]), 50, seed=1) == 0.0
    assert wasserstein_floor(np.full(100, 3.0), 50, seed=1) == 0.0
    assert jensen_shannon_floor(np.array([]), 50, seed=1) == 0.0
