"""What a training ran on: exact versions of everything that has a say in its result."""

import platform
from collections.abc import Iterable

MODEL_PACKAGES = ("scikit-learn", "skops", "pandas", "numpy", "scipy")
"""Packages any of our models needs to be read and to score."""

EXPLAINABLE = "interpret-core"
"""Needed by explainable boosting machines alone."""

RECORDED = (*MODEL_PACKAGES, EXPLAINABLE, "pyarrow", "joblib", "threadpoolctl", "mlflow")


def environment() -> dict[str, str]:
    """``python``, ``platform`` (system and processor, for floating point is theirs too) and the
    installed version of each package in ``RECORDED`` that is there."""
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        **versions(RECORDED),
    }


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Package to its installed version; one that is not installed is left out."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
