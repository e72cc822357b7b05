"""Great Expectations' own home: suites and results on disk, Data Docs as a static site.

A file context under ``<home>/gx``; anyone can open it with
``great_expectations.get_context(context_root_dir=...)``. Paths in it are relative, so a home can be
moved. No usage statistics, no progress bars.
"""

import json
import os
from datetime import UTC, date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.durable import remove, write_whole
from assets.home import Home
from assets.spec import closes_at

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations import ExpectationSuite
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context import FileDataContext

SITE = "nightshift"
BATCH = "scoring_set"
DEFINITIONS = "validation_definitions"
VIEWS = "assets.quality.docs_views"

# Counts only: a sample of offending values would put cells of the population into the docs.
RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}


def context_root(home: Home) -> Path:
    """Folder of the Great Expectations project of this home."""
    return home.root / "gx"


def open_context(home: Home) -> "FileDataContext":
    """The home's Great Expectations project, laid out on first use."""
    import great_expectations as gx

    config = context_root(home) / "great_expectations.yml"
    if not config.exists():
        _write_config(config, home)
    return gx.get_context(mode="file", context_root_dir=str(config.parent))


def _write_config(path: Path, home: Home) -> None:
    import yaml

    def files(folder: str) -> dict[str, Any]:
        return {
            "class_name": "TupleFilesystemStoreBackend",
            "suppress_store_backend_id": True,
            "base_directory": folder,
        }

    stores = {
        "expectations_store": ("ExpectationsStore", "expectations/"),
        "validation_results_store": ("ValidationResultsStore", "validations/"),
        "checkpoint_store": ("CheckpointStore", "checkpoints/"),
        "validation_definition_store": ("ValidationDefinitionStore", f"{DEFINITIONS}/"),
    }
    config = {
        "config_version": 4.0,
        "analytics_enabled": False,
        "progress_bars": {"globally": False, "metric_calculations": False},
        "plugins_directory": "plugins/",
        "stores": {
            name: {"class_name": store, "store_backend": files(folder)}
            for name, (store, folder) in stores.items()
        },
        **{f"{name}_name": name for name in stores if name != "validation_definition_store"},
        "data_docs_sites": {
            SITE: {
                "class_name": "SiteBuilder",
                "show_how_to_buttons": False,
                "store_backend": files(os.path.relpath(home.data_docs, path.parent)),
                "site_index_builder": {
                    "class_name": "DefaultSiteIndexBuilder",
                    "view": {"module_name": VIEWS, "class_name": "OfflineIndex"},
                },
                "site_section_builders": {
                    "expectations": {"view": {"module_name": VIEWS, "class_name": "OfflinePage"}},
                    "validations": {"view": {"module_name": VIEWS, "class_name": "OfflinePage"}},
                    # One section less to walk every night: nothing here profiles.
                    "profiling": "none",
                },
            }
        },
    }
    write_whole(path, yaml.safe_dump(config, sort_keys=False))


def run_of(day: date) -> "RunIdentifier":
    """Run of a business day. Named and timed by the day, so that a re-run replaces its result."""
    from great_expectations.core.run_identifier import RunIdentifier

    return RunIdentifier(run_name=day.isoformat(), run_time=closes_at(day))


def docs_page(home: Home, use_case: str, suite: str, day: date) -> Path:
    """The night's page in Data Docs (whether or not it has been built)."""
    stamp = closes_at(day).astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    folder = home.data_docs / "validations" / suite / day.isoformat() / stamp
    return folder / f"{use_case}-{BATCH}.html"


def validate(
    home: Home,
    use_case: str,
    suite: "ExpectationSuite",
    day: date,
    frame: "pd.DataFrame",
    *,
    data_docs: bool,
) -> "ExpectationSuiteValidationResult":
    """Run ``suite`` on ``frame``, store the result under the day, and render its pages.

    With ``data_docs=False`` nothing is written at all.
    """
    if not data_docs:
        import great_expectations as gx

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False, "metric_calculations": False}
        batch = _batch_definition(context, use_case).get_batch({"dataframe": frame})
        return batch.validate(suite, result_format=RESULT_FORMAT)

    from great_expectations.core import ValidationDefinition
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    context = open_context(home)
    _forget_torn(home, suite.name)
    stored = _stored(context, suite)
    definition = context.validation_definitions.add_or_update(
        ValidationDefinition(
            name=suite.name, data=_batch_definition(context, use_case), suite=stored
        )
    )
    run = run_of(day)
    result = definition.run(
        batch_parameters={"dataframe": frame}, result_format=RESULT_FORMAT, run_id=run
    )
    identifier = ExpectationSuiteIdentifier(name=suite.name)
    # Only this night's page and the index: a full build grows with every night there ever was.
    context.build_data_docs(
        resource_identifiers=[
            identifier,
            ValidationResultIdentifier(
                expectation_suite_identifier=identifier,
                run_id=run,
                batch_identifier=result.batch_id,
            ),
        ]
    )
    return result


def _batch_definition(context: Any, use_case: str) -> Any:
    """Whole-frame batches of the use case's scoring set (Great Expectations knows no DuckDB)."""
    sources = context.data_sources.all()
    if use_case in sources:
        return sources[use_case].get_asset(BATCH).get_batch_definition("day")
    source = context.data_sources.add_pandas(use_case)
    return source.add_dataframe_asset(BATCH).add_batch_definition_whole_dataframe("day")


def _forget_torn(home: Home, name: str) -> None:
    """Take away the stored suite and definition of that name if one is no JSON.

    Great Expectations writes them in place, so a killed run may leave half of one, at which every
    later night would stop. Both are made anew from the spec.
    """
    root = context_root(home)
    stored = [root / folder / f"{name}.json" for folder in ("expectations", DEFINITIONS)]
    try:
        for path in stored:
            if path.exists():
                json.loads(path.read_bytes())
    except ValueError:
        for path in stored:
            remove(path)


def _stored(context: Any, suite: "ExpectationSuite") -> "ExpectationSuite":
    """The stored suite of that name if it says the same, else ``suite``, stored in its place."""
    there = {s.name: s for s in context.suites.all()}
    if suite.name in there and _content(there[suite.name]) == _content(suite):
        return there[suite.name]
    return context.suites.add_or_update(suite)


def _content(suite: "ExpectationSuite") -> list[dict[str, Any]]:
    described = [e.configuration.to_json_dict() for e in suite.expectations]
    return [{k: v for k, v in e.items() if k not in ("id", "rendered_content")} for e in described]
