"""The code location: every use case under ``defs/``, and any folder added with --use-cases."""

import os
from pathlib import Path

import dagster as dg

USE_CASES_VARIABLE = "NIGHTSHIFT_USE_CASES"


@dg.definitions
def defs() -> dg.Definitions:
    """All use cases, on the home that ``NIGHTSHIFT_HOME`` names."""
    from assets.spec_files import load_specs
    from orchestration.components.use_case import use_case_definitions
    from orchestration.progress import NAME, progress_logger
    from orchestration.resources.installation import (
        Installation,
        addresses_from_environment,
        home_from_environment,
    )

    folders = [Path(f) for f in os.environ.get(USE_CASES_VARIABLE, "").split(os.pathsep) if f]
    return dg.Definitions.merge(
        dg.load_from_defs_folder(path_within_project=Path(__file__).parent),
        *(use_case_definitions(spec) for spec in load_specs(folders)),
        dg.Definitions(
            resources={
                "installation": Installation(
                    root=str(home_from_environment().root),
                    **{f"{tool}_url": at for tool, at in addresses_from_environment().items()},
                )
            },
            # One process per run: start-up dominates a small night, and a killed run leaves no
            # step behind that goes on writing.
            executor=dg.in_process_executor,
            loggers={"console": dg.colored_console_logger, NAME: progress_logger},
        ),
    )
