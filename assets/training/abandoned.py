"""Trainings that were ended on their way: taken out of MLflow by the next one, files and all.

A run in MLflow ends (FINISHED) after its version is there, so one that has another status and that
no version names is what a killed or failed process left. Whoever asks holds the use case's models
(one registration at a time), so none of these is another process's work.
"""

import shutil
from typing import TYPE_CHECKING

from assets.training.model_file import place_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from assets.home import Home

PARENT = "mlflow.parentRunId"


def clear_abandoned(
    client: "MlflowClient", home: "Home", use_case: str, experiment: str, ours: str
) -> None:
    """Delete the runs of ``experiment`` with the tag ``ours`` that came to no version.

    Their runs per candidate, models and folders go with them; MLflow keeps a deleted run until
    ``mlflow gc``. A run that was ended after its version was made is finished instead. Runs of
    others in the same experiment are left alone.
    """
    versions = client.search_model_versions(f"name = '{use_case}'")
    named = {version.run_id for version in versions}
    for run in client.search_runs([experiment], "attributes.status != 'FINISHED'"):
        if ours not in run.data.tags or PARENT in run.data.tags:
            continue
        if run.info.run_id in named:
            client.set_terminated(run.info.run_id, "FINISHED")
            continue
        children = client.search_runs([experiment], f"tags.`{PARENT}` = '{run.info.run_id}'")
        for one in (*children, run):
            _delete(client, home, experiment, one, use_case)


def _delete(
    client: "MlflowClient", home: "Home", experiment: str, run: "Run", use_case: str
) -> None:
    run_id = run.info.run_id
    models = client.search_logged_models([experiment], f"source_run_id = '{run_id}'")
    for model in models:
        _remove(home, use_case, model.artifact_location)
        client.delete_logged_model(model.model_id)
    _remove(home, use_case, run.info.artifact_uri)
    if run.info.status == "RUNNING":
        client.set_terminated(run_id, "KILLED")
    client.delete_run(run_id)


def _remove(home: "Home", use_case: str, location: str | None) -> None:
    """Remove the folder MLflow made for the artifacts at ``location``, if it is one of ours."""
    models = (home.models / use_case).resolve()
    artifacts = place_of(location or "").resolve()
    if artifacts.name == "artifacts" and artifacts.parent.parent.is_relative_to(models):
        shutil.rmtree(artifacts.parent, ignore_errors=True)
