"""A home with two registered versions and one person, for the tests of approval."""

import shutil

import pytest

from assets.home import Home
from assets.lake import Lake
from assets.release.approval import Signer
from assets.signing import create_private_key, load_private_key
from tests.released import identity, make_spec, person, put


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with two registered versions and one person, made once: copy it, don't write."""
    home = Home(tmp_path_factory.mktemp("begun") / "home")
    lake = Lake(home.lake)
    for version in (1, 2):
        put(lake, make_spec(), version)
    person(home, lake, "ann")
    return home


@pytest.fixture
def ann(home: Home, begun: Home) -> Signer:
    """Someone enrolled, in a home with two registered versions."""
    shutil.copytree(begun.root.parent, home.root.parent, dirs_exist_ok=True)
    return Signer(load_private_key(identity(home, "ann")), "login_ann")


@pytest.fixture
def stranger(home: Home) -> Signer:
    """Someone with a key who was never enrolled."""
    path = identity(home, "stranger")
    create_private_key(path)
    return Signer(load_private_key(path), "login_stranger")
