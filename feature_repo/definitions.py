"""What ``feast apply`` finds when it is run by hand: the Feast objects of every use case.

They are built from the use cases under ``orchestration/defs/`` and in the folders that
``NIGHTSHIFT_USE_CASES`` names, by the function the nightly road uses. Feast makes its registry
equal to what it finds here: objects of a use case that is not found are removed (the use case's
next night registers them again).
"""

import os
import sys
from pathlib import Path
from typing import Any

from assets.errors import NightshiftError
from assets.features.views import feast_objects
from assets.home import Home
from assets.spec_files import load_specs

REPOSITORY = Path(__file__).resolve().parent.parent


class HomeError(NightshiftError):
    """The home Feast's configuration names is not the one the environment names."""


def home() -> Home:
    """The home of the configuration in use: ``home.yaml`` goes by NIGHTSHIFT_HOME."""
    default = REPOSITORY / ".nightshift"
    named = os.environ.get("NIGHTSHIFT_HOME")
    by_name = Path(os.environ.get("FEAST_FS_YAML_FILE_PATH", "")).name == "home.yaml"
    if by_name and (named is None or not Path(named).is_absolute()):
        raise HomeError("home.yaml needs NIGHTSHIFT_HOME, as an absolute path")
    if not by_name and named and Path(named).resolve() != default:
        raise HomeError(
            f"NIGHTSHIFT_HOME is {named}, but feature_store.yaml is about {default}: run "
            "'FEAST_FS_YAML_FILE_PATH=home.yaml feast apply', or unset NIGHTSHIFT_HOME"
        )
    root = Path(named) if by_name and named else default
    (root / "feast").mkdir(parents=True, exist_ok=True)
    return Home(root)


def objects() -> list[Any]:
    """Every use case's objects, in the order of the use cases' names."""
    extra = [Path(f) for f in os.environ.get("NIGHTSHIFT_USE_CASES", "").split(os.pathsep) if f]
    place = home()
    specs = load_specs([REPOSITORY / "orchestration" / "defs", *extra])
    return [found for spec in specs for found in feast_objects(spec, place)]


# Feast imports this file and takes the module's attributes that are Feast objects.
try:
    globals().update({f"found_{i}": found for i, found in enumerate(objects())})
except NightshiftError as error:
    sys.exit(str(error))
