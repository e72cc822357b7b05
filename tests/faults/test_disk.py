"""A disk that is full or read-only: one clear message, nothing torn, and a run afterwards mends it.

On a file system of its own, in memory, which only root may mount.
"""

import gc
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from assets.home import Home
from assets.ingestion.pseudonym import load_key
from assets.storage_errors import StorageError
from tests.faults.forked import Outcome, Work
from tests.faults.plant import (
    DOOR,
    HERE,
    before_and_after,
    day_files,
    door,
    features,
    input_digests,
    require_whole,
    tables,
)

PAGE = os.sysconf("SC_PAGE_SIZE")
ROOMY = "64m"


@dataclass(frozen=True)
class Disk:
    """A small file system."""

    place: Path

    def remount(self, options: str) -> None:
        mount = ["mount", "-o", f"remount,{options}", str(self.place)]
        subprocess.run(mount, check=True, capture_output=True)

    def leave_free(self, pages: int) -> None:
        """Shrink it until so much is free."""
        # A deleted file that something still has open takes room until it is let go of.
        gc.collect()
        there = os.statvfs(self.place)
        used = (there.f_blocks - there.f_bfree) * there.f_frsize
        self.remount(f"size={used + pages * PAGE}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a file system of its own can be mounted by root only")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOMY}", "nightshift-test", str(place)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Home]:
    return before_and_after(tmp_path_factory.mktemp("landed"))


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Work]:
    with Work(tmp_path_factory.mktemp("work"), HERE, "duckdb", "deltalake") as work:
        yield work


def require_clear(outcome: Outcome, home: Home, reason: str) -> None:
    """One line that says where, why and what to do."""
    assert outcome.code == 1, outcome.said
    assert outcome.said.startswith("StorageError: "), outcome.said
    assert str(home.root) in outcome.said
    assert reason in outcome.said
    assert "run this again" in outcome.said
    assert "\n" not in outcome.said


@pytest.mark.slow
def test_the_door_on_a_full_disk(disk: Disk, landed: tuple[Home, Home], work: Work) -> None:
    before, after = landed
    new = tables(after, DOOR)
    stopped = 0
    for pages in (0, 2, 5, 9, 12, 15, 60):
        disk.remount(f"size={ROOMY}")
        home = Home(disk.place / f"home-{pages}")
        shutil.copytree(before.root, home.root)
        disk.leave_free(pages)
        outcome = work.do(HERE, "door", str(home.root))
        if outcome.code:
            stopped += 1
            require_clear(outcome, home, "no space is left")
        require_whole(home, before, after, pages)
        disk.remount(f"size={ROOMY}")
        door(str(home.root))
        assert tables(home, DOOR) == new, pages
        assert input_digests(home) == input_digests(after), pages
        shutil.rmtree(home.root)
    # From the first byte on, and at several places on the way.
    assert stopped >= 4
    assert outcome.code == 0


def bytes_of(home: Home) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in home.root.rglob("*") if p.is_file()}


def test_the_door_of_a_read_only_home(disk: Disk, landed: tuple[Home, Home], work: Work) -> None:
    before, after = landed
    home = Home(disk.place / "home")
    shutil.copytree(before.root, home.root)
    there = bytes_of(home)
    disk.remount("ro")
    outcome = work.do(HERE, "door", str(home.root))
    require_clear(outcome, home, "read-only")
    assert bytes_of(home) == there
    disk.remount("rw")
    door(str(home.root))
    assert tables(home, DOOR) == tables(after, DOOR)


UNWRITABLE: dict[str, Callable[[Disk], None]] = {
    "no space is left": lambda disk: disk.leave_free(0),
    "read-only": lambda disk: disk.remount("ro"),
}


@pytest.mark.parametrize("reason", UNWRITABLE)
def test_the_first_run_of_all_on_a_disk_that_takes_nothing(
    disk: Disk, landed: tuple[Home, Home], work: Work, reason: str
) -> None:
    _, after = landed
    home = Home(disk.place / "home")
    shutil.copytree(after.landing, home.landing)
    UNWRITABLE[reason](disk)
    require_clear(work.do(HERE, "door", str(home.root)), home, reason)
    with pytest.raises(StorageError, match=reason):
        load_key(home.pseudonym_key)
    assert not home.pseudonym_key.exists()
    disk.remount(f"rw,size={ROOMY}")
    door(str(home.root))
    assert tables(home, DOOR) == tables(after, DOOR)
    assert len(load_key(home.pseudonym_key)) == 64


def test_the_features_on_a_full_disk(disk: Disk, landed: tuple[Home, Home], work: Work) -> None:
    home = Home(disk.place / "home")
    shutil.copytree(landed[1].root, home.root)
    features(str(home.root))
    wanted = day_files(home)
    assert wanted
    folder = home.feature_view("plant", "readings")
    shutil.rmtree(folder)
    disk.leave_free(0)
    require_clear(work.do(HERE, "features", str(home.root)), home, "no space is left")
    assert not folder.exists() or not list(folder.glob(".*"))
    disk.remount(f"size={ROOMY}")
    features(str(home.root))
    assert day_files(home) == wanted
