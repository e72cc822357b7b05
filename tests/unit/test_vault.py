"""The vault: what it seals opens for whoever has key and vault, until the person is forgotten."""

import hashlib
import hmac
import multiprocessing
import os
import secrets
import signal
import sqlite3
import stat
import time
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.ingestion.pseudonym import TOKEN_HEX, hmac_pads, pseudonymise, token, token_sql
from assets.ingestion.vault import Vault, VaultError

KEY, OTHER = b"k" * 32, b"o" * 64
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "vault.db"


@given(key=st.binary(min_size=1, max_size=200), values=st.lists(st.none() | st.text(), max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_token_is_the_same_in_sql_and_python_and_is_an_hmac(
    key: bytes, values: list[str | None]
) -> None:
    import pyarrow as pa

    rows = pa.table({"n": range(len(values)), "value": pa.array(values, pa.string())})
    with duckdb.connect() as connection:
        connection.register("given_rows", rows)
        found = connection.execute(
            f"SELECT {token_sql('value')} FROM given_rows ORDER BY n", hmac_pads(key)
        ).fetchall()
    expected = [
        None if v is None else hmac.new(key, v.encode(), hashlib.sha256).hexdigest()[:TOKEN_HEX]
        for v in values
    ]
    assert [one for (one,) in found] == expected
    assert [None if v is None else token(v, key) for v in values] == expected
    assert pseudonymise(rows.column("value"), key).to_pylist() == expected


@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["p1", "p2", "row:1"]), st.text(), st.text()), max_size=10
    )
)
@settings(max_examples=40, deadline=None)
def test_what_is_sealed_opens_and_sealing_again_gives_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    path = tmp_path_factory.mktemp("home") / "vault.db"
    sealed = Vault(path, KEY).seal(rows)
    assert Vault(path, KEY).seal(rows) == sealed
    opened = Vault(path, KEY).unseal_all(
        [(who, one, context) for (who, _, context), one in zip(rows, sealed, strict=True)]
    )
    assert opened == [text for _, text, _ in rows]
    assert path.exists() == bool(rows)


def test_nothing_of_the_value_is_in_the_sealed_text_or_the_vault(path: Path) -> None:
    plain = "Unmistakable Canary, +49 170 1234567"
    (sealed,) = Vault(path, KEY).seal([("p1", plain, "r1")])
    for word in ("Unmistakable", "Canary", "1234567"):
        assert word.encode() not in b64decode(sealed)
        assert word not in sealed
        assert word.encode() not in path.read_bytes()
    assert KEY not in path.read_bytes()


def test_equal_values_of_two_persons_or_two_rows_do_not_look_equal(path: Path) -> None:
    vault = Vault(path, KEY)
    assert len(set(vault.seal([("p1", "x", "r1"), ("p2", "x", "r1"), ("p1", "x", "r2")]))) == 3


def test_it_opens_only_with_its_key_its_context_and_its_vault(path: Path, tmp_path: Path) -> None:
    (sealed,) = Vault(path, KEY).seal([("p1", "secret", "r1")])
    assert Vault(path, KEY).unseal("p1", sealed, "r1") == "secret"
    with pytest.raises(VaultError, match="row r1 does not open: the installation's key is another"):
        Vault(path, OTHER).unseal("p1", sealed, "r1")
    with pytest.raises(VaultError, match="row r2 does not open"):
        Vault(path, KEY).unseal("p1", sealed, "r2")
    with pytest.raises(VaultError, match=r"no key for .* Restore it from your backup") as refused:
        Vault(tmp_path / "new.db", KEY).unseal("p1", sealed, "r1")
    assert "secret" not in str(refused.value)
    assert not (tmp_path / "new.db").exists()
    assert Vault(path, KEY).readable([("p1", sealed, "r2"), ("p1", sealed, "r1")]) == [
        None,
        "secret",
    ]


def test_a_forgotten_person_is_unreadable_for_good_and_others_are_not(path: Path) -> None:
    vault = Vault(path, KEY)
    mine, theirs = vault.seal([("p1", "secret", "r1"), ("p2", "other", "r2")])
    assert vault.forget("p1", AT)
    assert vault.unseal("p1", mine, "r1") is None
    assert vault.unseal("p2", theirs, "r2") == "other"
    # The old landing file is read again.
    assert vault.seal([("p1", "secret", "r1"), ("p2", "other", "r2")]) == ["", theirs]
    assert vault.unseal("p1", "", "r1") is None
    assert vault.forgotten(["p1", "p2", "p3"]) == {"p1"}
    assert not vault.forget("p1", AT)


def test_a_person_can_be_forgotten_before_anything_was_sealed(path: Path) -> None:
    vault = Vault(path, KEY)
    assert not vault.forget("p1", AT)
    assert vault.seal([("p1", "secret", "r1")]) == [""]


def test_the_file_keeps_no_salt_of_the_forgotten(path: Path) -> None:
    vault = Vault(path, KEY)
    # Enough of them, and in no order, for SQLite to split pages.
    persons = [secrets.token_hex(16) for _ in range(2000)]
    for start in range(0, len(persons), 200):
        vault.seal([(person, "x", "r") for person in persons[start : start + 200]])
    with sqlite3.connect(path) as connection:
        salts = dict(connection.execute("SELECT person, salt FROM keys").fetchall())
    connection.close()
    content = path.read_bytes()
    assert all(salt in content for salt in salts.values())
    for person in persons[::200]:
        vault.forget(person, AT)
    content = path.read_bytes()
    assert [salts[person] in content for person in persons[::200]] == [False] * 10
    assert all(salts[person] in content for person in persons[1::200])
    assert sorted(one.name for one in path.parent.iterdir()) == ["vault.db"]


def test_only_its_owner_may_read_it(path: Path) -> None:
    vault = Vault(path, KEY)
    vault.seal([("p1", "secret", "r1")])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o640)
    with pytest.raises(VaultError, match="may be read by others: chmod 600 it"):
        vault.seal([("p1", "secret", "r1")])


def test_a_damaged_vault_is_one_message(path: Path) -> None:
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(
        VaultError, match=r"vault\.db cannot be used: .*restore it from your backup"
    ):
        Vault(path, KEY).seal([("p1", "secret", "r1")])


def test_a_folder_where_nothing_can_be_made_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("a file, not a folder")
    with pytest.raises(VaultError, match="cannot be made"):
        Vault(tmp_path / "secrets" / "vault.db", KEY).seal([("p1", "secret", "r1")])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_vault_opens_and_seals_the_known_but_no_one_new(path: Path) -> None:
    vault = Vault(path, KEY)
    (sealed,) = vault.seal([("p1", "secret", "r1")])
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        assert vault.unseal("p1", sealed, "r1") == "secret"
        assert vault.seal([("p1", "secret", "r1")]) == [sealed]
        with pytest.raises(VaultError, match="cannot be used"):
            vault.seal([("p2", "secret", "r1")])
        with pytest.raises(VaultError, match="cannot be used"):
            vault.forget("p1", AT)
    finally:
        path.parent.chmod(0o700)


def _seal_many(path: Path, persons: list[str], times: int) -> None:
    for n in range(times):
        Vault(path, KEY).seal([(person, f"value {person}", f"r{n}") for person in persons])


def test_processes_at_once_agree_on_every_key(path: Path) -> None:
    persons = [f"p{n}" for n in range(50)]
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_seal_many, args=(path, persons, 5)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM keys").fetchone() == (50,)
    connection.close()


def _seal_until_killed(path: Path, done: Path) -> None:
    vault = Vault(path, KEY)
    with done.open("a", buffering=1) as said:
        for n in range(1_000_000):
            (sealed,) = vault.seal([(f"p{n}", "secret", "r")])
            said.write(f"p{n} {sealed}\n")


def test_what_a_killed_process_had_sealed_opens(path: Path, tmp_path: Path) -> None:
    done = tmp_path / "done"
    worker = multiprocessing.get_context("fork").Process(
        target=_seal_until_killed, args=(path, done)
    )
    worker.start()
    deadline = time.monotonic() + 30
    while not (done.exists() and done.read_text().count("\n") > 5):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    vault = Vault(path, KEY)
    lines = [line.split() for line in done.read_text().splitlines() if line.count(" ") == 1]
    assert [vault.unseal(who, sealed, "r") for who, sealed in lines[:20]] == ["secret"] * len(
        lines[:20]
    )
    assert vault.seal([("someone new", "x", "r")]) != [""]
    assert vault.forget(lines[0][0], AT)
