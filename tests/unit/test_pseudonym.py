"""Keyed pseudonyms: stable for joins, different under another key, and a key nobody else reads."""

import stat
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.ingestion.pseudonym import TOKEN_HEX, KeyRefused, load_key, pseudonymise

KEY, OTHER = b"k" * 32, b"o" * 32


@given(st.lists(st.none() | st.text(max_size=5), max_size=20), st.integers(1, 5))
@settings(max_examples=100, deadline=None)
def test_one_value_one_token_in_any_chunk_and_null_stays_null(
    values: list[str | None], size: int
) -> None:
    chunks = [values[n : n + size] for n in range(0, len(values), size)]
    tokens = pseudonymise(pa.chunked_array(chunks, pa.string()), KEY).to_pylist()
    assert [token is None for token in tokens] == [value is None for value in values]
    of: dict[str, str] = {}
    for value, token in zip(values, tokens, strict=True):
        if value is not None:
            assert len(token) == TOKEN_HEX
            assert of.setdefault(value, token) == token
    assert len(set(of.values())) == len(of)


def test_another_key_gives_other_tokens_and_no_token_shows_its_value() -> None:
    values = pa.chunked_array([["ada", "grace"]])
    mine, others = pseudonymise(values, KEY).to_pylist(), pseudonymise(values, OTHER).to_pylist()
    assert not set(mine) & set(others)
    assert not {"ada", "grace"} & set(mine)


def test_the_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "pseudonym.key"
    key = load_key(path)
    assert len(key) >= 32
    assert load_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert load_key(tmp_path / "another.key") != key


def test_a_key_from_the_environment_wins_and_writes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "pseudonym.key"
    assert load_key(path, "e" * 32) == b"e" * 32
    assert not path.exists()


@pytest.mark.parametrize("given_key", ["", "short"])
def test_a_short_key_from_the_environment_is_refused_without_being_shown(
    tmp_path: Path, given_key: str
) -> None:
    with pytest.raises(KeyRefused, match="under 32 characters") as refused:
        load_key(tmp_path / "pseudonym.key", given_key)
    assert not given_key or given_key not in str(refused.value)


def test_a_key_others_may_read_is_refused_with_the_cure(tmp_path: Path) -> None:
    path = tmp_path / "pseudonym.key"
    load_key(path)
    path.chmod(0o640)
    with pytest.raises(KeyRefused, match="chmod 600") as refused:
        load_key(path)
    assert str(path) in str(refused.value)
    path.chmod(0o600)
    assert load_key(path)


def test_a_key_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pseudonym.key"
    path.touch(mode=0o600)
    path.write_text("short\n")
    with pytest.raises(KeyRefused, match="restore the key from your backup"):
        load_key(path)
