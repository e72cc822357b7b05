"""MLflow for the length of a block: our registry, no telemetry, no chatter, nothing left behind.

MLflow keeps its tracking address in a global and in the environment, decides on telemetry when it
is imported and logs to the terminal. All of that is put back afterwards, so neither later code nor
a child process inherits it.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from assets.home import Home

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "GIT_PYTHON_REFRESH": "quiet",  # a missing git executable is no news
}
LOGGERS = ("mlflow", "alembic")


@contextmanager
def registry_client(home: "Home") -> "Iterator[MlflowClient]":
    """A client of the home's registry; inside the block MLflow's fluent tracking uses it too.

    Creates ``registry.db`` on first use (MLflow migrates the new database, which takes seconds).
    """
    before = {name: os.environ.get(name) for name in (*QUIET, "MLFLOW_TRACKING_URI")}
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    os.environ.update(QUIET)
    try:
        import mlflow
        from mlflow.telemetry import set_telemetry_client

        # Somebody may have imported MLflow before us, with telemetry on.
        set_telemetry_client()
        tracking = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
        for name in LOGGERS:
            logging.getLogger(name).setLevel(logging.ERROR)
        home.root.mkdir(parents=True, exist_ok=True)
        try:
            mlflow.set_tracking_uri(home.registry_uri)
            yield mlflow.MlflowClient(home.registry_uri, home.registry_uri)
        finally:
            mlflow.set_tracking_uri(tracking)  # None means "not set"
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
