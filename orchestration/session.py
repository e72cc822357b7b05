"""A home opened for work from the command line: its Dagster instance, its use cases, its jobs.

What runs here is the same job the UI would launch, in this process, on the same instance: it
appears there as runs, materialisations and checks.
"""

import hashlib
import logging
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg

from assets.errors import NightshiftError
from assets.home import Home
from assets.ingestion.landing import digest_of, landed_files
from assets.lake import Lake
from assets.spec import UseCaseSpec
from assets.spec_files import load_specs
from orchestration.definitions import USE_CASES_VARIABLE
from orchestration.event_log import BATCH, BATCH_VARIABLE, event_log_held_open
from orchestration.ledger_place import ledger_copy_from_environment
from orchestration.partitions import RANGE_END, RANGE_START
from orchestration.progress import NAME as PROGRESS
from orchestration.resources.installation import HOME_VARIABLE
from orchestration.run_problems import problems_of

PROJECT = Path(__file__).resolve().parents[1]
INPUTS = "nightshift/inputs"
PARTITION_TAG = "dagster/partition"
# As in workspace.yaml. The UI lists a run under its job by this tag.
LOCATION, REPOSITORY = "nightshift", "__repository__"
LOCATION_TAG = {".dagster/repository": f"{REPOSITORY}@{LOCATION}"}


class UnknownUseCase(NightshiftError):
    """The use case asked for is not among those loaded."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended. ``problems``: what failed and what to do, one entry per failed step."""

    run_id: str
    succeeded: bool
    problems: list[str]
    skipped: bool = False


def open_home(root: Path, use_case_folders: Sequence[Path] = ()) -> "Session":
    """Make the home's Dagster folder and point this process at it."""
    home = Home(root.resolve(), ledger_copy_from_environment())
    home.dagster.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PROJECT / "dagster.yaml", home.dagster / "dagster.yaml")
    os.environ[HOME_VARIABLE] = str(home.root)
    os.environ["DAGSTER_HOME"] = str(home.dagster)
    # Idle OpenMP threads sleep instead of spinning: measured 4 to 8 times less CPU for boosting on
    # busy cores. Read once, when scikit-learn is first imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault(BATCH_VARIABLE, str(BATCH))
    if use_case_folders:
        os.environ[USE_CASES_VARIABLE] = os.pathsep.join(str(f.resolve()) for f in use_case_folders)
    return Session(home)


class Session:
    """One process's work on one home."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.lake = Lake(home.lake)

    @cached_property
    def specs(self) -> dict[str, UseCaseSpec]:
        """Every use case, built in or added, by name."""
        extra = [Path(f) for f in os.environ.get(USE_CASES_VARIABLE, "").split(os.pathsep) if f]
        loaded = load_specs([PROJECT / "orchestration" / "defs", *extra])
        return {spec.name: spec for spec in loaded}

    def spec(self, use_case: str) -> UseCaseSpec:
        """Raises UnknownUseCase, naming those there are."""
        if use_case not in self.specs:
            raise UnknownUseCase(
                f"there is no use case '{use_case}'. Loaded: {', '.join(sorted(self.specs))}. "
                "Add a folder with its defs.yaml by --use-cases."
            )
        return self.specs[use_case]

    @cached_property
    def instance(self) -> dg.DagsterInstance:
        return dg.DagsterInstance.from_config(str(self.home.dagster))

    @cached_property
    def definitions(self) -> dg.Definitions:
        from orchestration.definitions import defs

        loaded: dg.Definitions = defs()
        return loaded

    def run(
        self,
        job: str,
        *,
        day: date | None = None,
        days: tuple[date, date] | None = None,
        inputs: str | None = None,
        progress: bool = False,
        tags: Mapping[str, str] | None = None,
        steps: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Outcome:
        """Run a job for one partition, or for a range of them in a single run.

        ``progress`` says on standard error which step is at work. ``tags`` go onto the run;
        ``steps``: configuration by the name of a step, as the UI's launchpad takes it.
        """
        quiet = {"console": {"config": {"log_level": "CRITICAL"}}}
        run_config: dict[str, Any] = {"loggers": {PROGRESS: {}} if progress else quiet}
        if steps:
            run_config["ops"] = {name: {"config": dict(given)} for name, given in steps.items()}
        tags = {**LOCATION_TAG, **(tags or {}), **({INPUTS: inputs} if inputs else {})}
        if days is not None:
            tags |= {RANGE_START: str(days[0]), RANGE_END: str(days[1])}
        run_id = str(uuid.uuid4())
        definition, instance = self.definitions.resolve_job_def(job), self.instance
        with _quiet(), event_log_held_open(self.home, run_id):
            result = definition.execute_in_process(
                instance=instance,
                run_id=run_id,
                partition_key=str(day) if day else None,
                raise_on_error=False,
                tags=tags,
                run_config=run_config,
            )
        self._file(result.run_id)
        return Outcome(result.run_id, result.success, self.problems(result.run_id))

    def run_once(
        self,
        job: str,
        *,
        day: date | None = None,
        days: tuple[date, date] | None = None,
        inputs: str,
        stopped: bool = False,
        progress: bool = False,
        tags: Mapping[str, str] | None = None,
        steps: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Outcome:
        """As :meth:`run`, but a successful run of the same job on the same inputs stands.

        So does a failed one when the night is known to have been ``stopped`` by a gate: the same
        rows would fail it again. Any other failure is tried anew.
        """
        wanted = {INPUTS: inputs} | ({PARTITION_TAG: str(day)} if day else {})
        finished = [dg.DagsterRunStatus.SUCCESS]
        if stopped:
            finished.append(dg.DagsterRunStatus.FAILURE)
        found = self.instance.get_runs(
            dg.RunsFilter(job_name=job, tags=wanted, statuses=finished), limit=1
        )
        if found:
            run = found[0]
            return Outcome(run.run_id, run.is_success, self.problems(run.run_id), skipped=True)
        return self.run(
            job, day=day, days=days, inputs=inputs, progress=progress, tags=tags, steps=steps
        )

    def _file(self, run_id: str) -> None:
        """Record the code location of a run, without which the UI's timeline leaves it out.

        A run that the UI launches carries it from the start; one in this process cannot.
        """
        from dagster._core.remote_origin import (
            RegisteredCodeLocationOrigin,
            RemoteJobOrigin,
            RemoteRepositoryOrigin,
        )

        run = self.instance.get_run_by_id(run_id)
        if run is not None:
            here = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(LOCATION), REPOSITORY)
            self.instance.run_storage.replace_job_origin(run, RemoteJobOrigin(here, run.job_name))

    def problems(self, run_id: str) -> list[str]:
        """What went wrong in a run, in the words of the step that failed."""
        return [problem.text for problem in problems_of(self.instance, run_id)]

    def inputs(self, spec: UseCaseSpec, first: date, last: date, *models: str) -> str:
        """Digest of all that decides what a run over these days must give; ``models``: digests of
        those that score."""
        total = hashlib.sha256(f"{spec.version}|{first}|{last}|{'|'.join(models)}".encode())
        for name, source in spec.sources.items():
            by_day = landed_files(self.home.landing_source(spec.name, name), source)
            wanted = sorted(
                d for d in by_day if d <= last and (source.arrival == "snapshot" or d >= first)
            )
            total.update(digest_of(path for d in wanted for path in by_day[d]).encode())
        return total.hexdigest()[:32]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' own chatter off the terminal; we print what matters."""
    names = ("dagster", "alembic", "mlflow")
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, was in before.items():
            logging.getLogger(name).setLevel(was)
