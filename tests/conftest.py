"""What tests of several parts share."""

import gc
import os
from pathlib import Path

import pytest
from dbt_common.tests import enable_test_caching
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from assets.home import Home
from assets.lake import Lake
from assets.spec import UseCaseSpec
from orchestration.command import COLLECTION

pytest_plugins = ["tests.road_fixtures"]

PROJECT = Path(__file__).resolve().parents[1]


gc.set_threshold(*COLLECTION)  # as the command does

# As opening a home does, which is too late for it here: scikit-learn is imported by then.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# dbt's own switch for suites: the text of a macro is parsed once in a process, and every test that
# has a project of its own parses the same 500 of dbt's.
enable_test_caching()


class RoadOnce(LoadFileScheduling):  # type: ignore[misc]
    """A worker takes a whole file, and one of them all files that need the road: it is run once.

    Groups by mark (``--dist loadgroup``) do nothing with this xdist (3.8) and pytest (9.2).
    """

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "road" if "tests.road_fixtures" in (PROJECT / file).read_text() else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> RoadOnce:
    return RoadOnce(config, log)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home(tmp_path / "home")


@pytest.fixture
def lake(home: Home) -> Lake:
    """The lake of the empty home."""
    return Lake(home.lake)


@pytest.fixture(scope="session")
def built_in_spec() -> UseCaseSpec:
    """The use case that ships with the platform."""
    from assets.spec_files import load_specs

    (spec,) = load_specs([PROJECT / "orchestration" / "defs"])
    return spec


@pytest.fixture(scope="session")
def prepared_home(tmp_path_factory: pytest.TempPathFactory, built_in_spec: UseCaseSpec) -> Home:
    """A home with the dbt manifest of the built-in use case, made once: read it, don't write."""
    from assets.marts.build import prepare

    home = Home(tmp_path_factory.mktemp("prepared"))
    prepare(built_in_spec, home)
    return home


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Public data sets beside the repository, or where NIGHTSHIFT_SHARED_DATA says."""
    folder = Path(os.environ.get("NIGHTSHIFT_SHARED_DATA") or PROJECT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no public data at {folder}: set NIGHTSHIFT_SHARED_DATA to its folder")
    return folder
