"""dbt in this process: parse a use case's project, build its marts for a range of days, publish.

dbt's own runner is used warm, so many nights in one process pay for its import once.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from assets.crash_points import reached
from assets.durable import write_whole
from assets.errors import NightshiftError
from assets.home import Home
from assets.ingestion.values import ARROW
from assets.lake import PARTITION, Commit, Lake
from assets.marts.dbt_files import feature_table_columns, marts, write_project
from assets.model_spec import Task
from assets.spec import UseCaseSpec
from assets.tables import LABELS, POPULATION, TIMESTAMP, features

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

Event = Mapping[str, Any]


class MartsError(NightshiftError):
    """dbt could not build or a test of severity error failed; names the nodes and reasons."""


def prepare(spec: UseCaseSpec, home: Home) -> bool:
    """Write the dbt project, its manifest and its docs where the spec changed. True when it did."""
    changed = write_project(spec, home)
    project, manifest = home.dbt_project(spec.name), home.dbt_manifest(spec.name)
    changed = changed or not manifest.exists()
    if not changed and home.dbt_docs(spec.name).exists():
        return False
    succeeded, failures, parsed = invoke(project, ["parse"])
    if not succeeded:
        raise MartsError(f"dbt cannot parse the project of '{spec.name}': {'; '.join(failures)}")
    reached("marts.project")
    write_whole(manifest, (project / "target" / "manifest.json").read_bytes())
    _write_docs(spec, home, parsed)
    return changed


def _write_docs(spec: UseCaseSpec, home: Home, manifest: "Manifest") -> None:
    """dbt's own docs as one page that works offline: models, columns, tests, lineage.

    No database is asked (no catalog, nothing compiled), so with the project parsed it takes 0.1 s.
    A night needs no docs: where dbt cannot write them the page says so.
    """
    project = home.dbt_project(spec.name)
    options = ["docs", "generate", "--static", "--empty-catalog", "--no-compile"]
    succeeded, failures, _ = invoke(project, options, manifest=manifest)
    page = project / "target" / "static_index.html"
    said = f"dbt could not write the docs of {spec.name}: {escape('; '.join(failures))}"
    content = page.read_bytes() if succeeded and page.is_file() else said.encode()
    write_whole(home.dbt_docs(spec.name), content)


def build(
    spec: UseCaseSpec,
    home: Home,
    first: date,
    last: date,
    on_event: Callable[[Event], None],
    *,
    without: Sequence[date] = (),
) -> None:
    """``dbt build`` (models and tests, in dependency order) for the days first..last, but not those
    of ``without``.

    ``on_event`` receives dbt's structured log events as plain mappings while it runs. Raises
    MartsError after the last event when anything failed, and before the first when another process
    has the database of the marts open.
    """
    _clear(home.marts_database(spec.name))
    left_out = [str(day) for day in without]
    variables = json.dumps({"first": str(first), "last": str(last), "without": left_out})
    project = home.dbt_project(spec.name)
    manifest = _parsed(project, spec.version)
    succeeded, failures, _ = invoke(project, ["build", "--vars", variables], on_event, manifest)
    if not succeeded:
        raise MartsError(
            f"dbt build of '{spec.name}' for {first} to {last} failed: {'; '.join(failures)}. "
            "Nothing was published; earlier days are untouched. Look for a file that came twice or "
            "rows the source sent again, and run the partition again."
        )


@lru_cache(maxsize=8)
def _parsed(project: Path, spec_version: str) -> "Manifest":
    """The project parsed, once per process and spec: new days mean new variables, for which dbt
    would parse it all again every night."""
    succeeded, failures, manifest = invoke(project, ["parse"])
    if not succeeded:
        raise MartsError(f"dbt cannot parse {project}: {'; '.join(failures)}")
    return cast("Manifest", manifest)


def _clear(database: Path) -> None:
    """Delete the marts last built, so that what a killed run left of them is never built upon."""
    import duckdb

    if not database.exists():
        return
    try:
        duckdb.connect(str(database)).close()
    except duckdb.Error as error:
        if "Could not set lock" in str(error):
            raise _locked(database, error) from error
        # Damaged: all the more reason to build it afresh.
    for path in (database, database.with_name(f"{database.name}.wal")):
        path.unlink(missing_ok=True)


def _locked(database: Path, error: Exception) -> MartsError:
    return MartsError(
        f"{database} cannot be opened: {error}. Only one process at a time may: end the other, or "
        "wait for it, and run the partition again. Nothing was published."
    )


def invoke(
    project: Path,
    arguments: Sequence[str],
    on_event: Callable[[Event], None] = lambda _: None,
    manifest: "Manifest | None" = None,
) -> tuple[bool, list[str], Any]:
    """Run one dbt command in this process: (succeeded, what failed and why, dbt's result)."""
    from dbt.cli.main import dbtRunner
    from google.protobuf.json_format import MessageToDict

    def forward(message: Any) -> None:
        # Debug chatter is most of the stream and means nothing to a caller.
        if message.info.level != "debug":
            on_event(MessageToDict(message, preserving_proto_field_name=True))

    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    with _logging_left_alone():
        outcome = dbtRunner(manifest=manifest, callbacks=[forward]).invoke(
            [
                "--log-level",
                "none",  # the callback hears everything; the terminal is ours
                *arguments,
                "--project-dir",
                str(project),
                "--profiles-dir",
                str(project),
                "--target-path",
                str(project / "target"),
                "--log-path",
                str(project / "logs"),
            ]
        )
    # dbt-duckdb holds its database open for the life of the process; its readers come next.
    DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
    failures = []
    if outcome.exception is not None:
        failures.append(str(outcome.exception).strip())
    for node in getattr(outcome.result, "results", None) or []:
        if str(node.status) == "fail":
            failures.append(f"{node.failures} rows fail the test {node.node.name}")
        elif str(node.status) == "error":
            failures.append(f"{node.node.name}: {node.message}")
    return bool(outcome.success), failures, outcome.result


@contextmanager
def _logging_left_alone() -> Iterator[None]:
    """dbt replaces the root logger's handlers and level; the caller's come back afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def mart_schemas(spec: UseCaseSpec) -> dict[str, pa.Schema]:
    """Arrow schema of each published mart, without the day column."""
    population = spec.sources[spec.population.source].columns
    label: dict[Task, pa.DataType] = {
        "binary": pa.int64(),
        "multiclass": pa.string(),
        "regression": pa.float64(),
    }
    schemas = {
        POPULATION: pa.schema([(c, ARROW[population[c].type]) for c in spec.population_columns]),
        LABELS: pa.schema(
            [
                (
                    spec.population.key,
                    ARROW[spec.sources[spec.label.source].columns[spec.population.key].type],
                ),
                ("label", label[spec.model.task]),
                ("observed_at", TIMESTAMP),
            ]
        ),
    }
    for view in spec.features.views:
        source = spec.sources[spec.view_source(view)].columns
        schemas[features(view)] = pa.schema(
            [(c, ARROW[source[c].type]) for c in feature_table_columns(spec, view)]
        )
    return schemas


@dataclass(frozen=True)
class Published:
    """A mart in the lake: rows written for the days, and the commit."""

    rows: int
    commit: Commit


def publish(
    spec: UseCaseSpec,
    home: Home,
    lake: Lake,
    first: date,
    last: date,
    run_id: str,
    *,
    without: Sequence[date] = (),
) -> dict[str, Published]:
    """Copy the marts just built into the lake, each in one commit.

    ``without``: days that were not built; what the lake has of them stays.

    Raises MartsError when their database cannot be opened.
    """
    import duckdb

    schemas = mart_schemas(spec)
    snapshots = {
        features(view)
        for view in spec.features.views
        if spec.sources[spec.view_source(view)].arrival == "snapshot"
    }
    published = {}
    database = home.marts_database(spec.name)
    try:
        connection = duckdb.connect(str(database), read_only=True)
    except duckdb.Error as error:
        raise _locked(database, error) from error
    with connection:
        connection.execute("SET TimeZone = 'UTC'")
        for mart in marts(spec):
            schema = schemas[mart].append(pa.field(PARTITION, pa.date32()))
            rows = connection.sql(f'SELECT * FROM "{mart}"').to_arrow_table()
            rows = rows.select(schema.names).cast(schema)
            lake.ensure(spec.name, mart, schema)
            metadata = {"run_id": run_id, "spec_version": spec.version}
            if mart in snapshots:
                commit = lake.replace_all(spec.name, mart, rows, metadata)
            else:
                stays = [lake.read_day(spec.name, mart, day) for day in without]
                every_day = pa.concat_tables([rows, *(one.cast(schema) for one in stays)])
                commit = lake.replace_days(spec.name, mart, first, last, every_day, metadata)
            published[mart] = Published(rows.num_rows, commit)
    return published
