"""Arms of a canary: a stable share of entities, drawn anew for every version."""

import hashlib
import hmac
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2_contingency

from assets.home import Home
from assets.ingestion.pseudonym import KeyRefused
from assets.release.arms import arm_key, canary_arm, in_share
from tests.released import make_spec

KEYS = st.binary(min_size=32, max_size=64)
ENTITIES = st.lists(st.one_of(st.none(), st.text(max_size=12)), max_size=30)
SHARES = st.floats(min_value=0, max_value=1, exclude_min=True)
MANY = pa.chunked_array([[f"e{i}" for i in range(20_000)]])
KEY = arm_key(b"k" * 32)


def arm(key: bytes, context: str, share: float, entities: pa.ChunkedArray) -> np.ndarray:
    found = in_share(key, context, share, entities)
    assert found.null_count == 0
    return np.array(found.to_pylist(), dtype=bool)


def texts(values: list[str | None]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.string())])


@settings(max_examples=40, deadline=None)
@given(key=KEYS, entities=ENTITIES, share=SHARES)
def test_it_is_the_hmac_of_each_entity_and_nothing_else(
    key: bytes, entities: list[str | None], share: float
) -> None:
    def inside(entity: str | None) -> bool:
        if entity is None:
            return False
        digest = hmac.new(key, f"boats|3|{entity}".encode(), hashlib.sha256).digest()
        return int.from_bytes(digest[:8], "big") / 2**64 < share

    # Rows, chunks and repetition have no say: an entity is in one arm on every night.
    found = arm(key, "boats|3", share, texts(entities))
    assert found.tolist() == [inside(entity) for entity in entities]
    again = pa.chunked_array(
        [texts(entities[::-1]).combine_chunks(), pa.array(entities[:1], pa.string())]
    )
    assert arm(key, "boats|3", share, again).tolist()[: len(entities)] == found.tolist()[::-1]


@settings(max_examples=25, deadline=None)
@given(entities=ENTITIES, shares=st.tuples(SHARES, SHARES))
def test_a_larger_share_keeps_those_who_were_in(
    entities: list[str | None], shares: tuple[float, float]
) -> None:
    few = arm(KEY, "boats|3", min(shares), texts(entities))
    more = arm(KEY, "boats|3", max(shares), texts(entities))
    assert not (few & ~more).any()


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("context", ["boats|1", "boats|2", "planes|1"])
def test_the_share_is_that_of_chance(context: str, share: float) -> None:
    inside = arm(KEY, context, share, MANY)
    assert binomtest(int(inside.sum()), len(inside), share).pvalue > 1e-4


@pytest.mark.parametrize("other", ["boats|4", "planes|3"])
def test_another_version_or_use_case_meets_other_entities(other: str) -> None:
    one, two = arm(KEY, "boats|3", 0.3, MANY), arm(KEY, other, 0.3, MANY)
    cells = np.array(
        [[(one & two).sum(), (one & ~two).sum()], [(~one & two).sum(), (~one & ~two).sum()]]
    )
    assert chi2_contingency(cells).pvalue > 1e-4


def test_another_key_draws_other_arms_and_is_no_key_of_pseudonyms() -> None:
    one, two = arm(KEY, "boats|3", 0.3, MANY), arm(arm_key(b"l" * 32), "boats|3", 0.3, MANY)
    assert 0.3 < (one != two).mean() < 0.54  # 0.42 of chance
    assert arm_key(b"k" * 32) == KEY != b"k" * 32


def test_the_arm_of_a_version_by_the_key_in_the_home(home: Home) -> None:
    spec = make_spec(canary={"share": 0.2})
    entities = texts([f"e{i}" for i in range(500)])
    found = canary_arm(home, spec, 3, entities)
    assert home.pseudonym_key.stat().st_mode & 0o077 == 0
    key = home.pseudonym_key.read_bytes()
    assert found.equals(canary_arm(home, spec, 3, entities))
    assert found.equals(canary_arm(home, spec, 3, entities, key=key))
    assert found.equals(in_share(arm_key(key), f"{spec.name}|3", 0.2, entities))
    assert not found.equals(canary_arm(home, spec, 4, entities))


def test_without_a_canary_nobody_is_in_it_and_no_key_is_made(home: Home) -> None:
    found = canary_arm(home, make_spec(canary=None), 3, texts(["a", None]))
    assert found.to_pylist() == [False, False]
    assert not home.root.exists()


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.pseudonym_key.parent.mkdir(parents=True)
    home.pseudonym_key.write_text("k" * 64)
    home.pseudonym_key.chmod(0o644)
    with pytest.raises(KeyRefused, match="may be read by others"):
        canary_arm(home, make_spec(), 3, texts(["a"]))
