"""Evidently's part: the report, its HTML page, its snapshot in the workspace, the dashboard."""

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.crash_points import reached
from assets.durable import alive, make_folder, put_in_place, write_whole
from assets.home import Home
from assets.monitoring.columns import SCORE
from assets.monitoring.drift import ColumnDrift
from assets.storage_errors import storing

if TYPE_CHECKING:
    import pandas as pd
    from evidently.core.report import Snapshot
    from evidently.sdk.models import DashboardModel

NAMESPACE = uuid.UUID("6f1f6c0e-6a55-5d0c-9a35-0a4f1f3b7c11")
"""Root of every project, snapshot and panel id: the same thing gets the same id again."""

METHOD = "beyond_noise"
"""Our name, in Evidently's registry of methods, for our effect sizes and noise bands: a page says
what the tables say."""

ROWS_PER_POINT = 25
"""Fewest rows a point of a plot stands for."""

PROJECT_FILES = ("metadata.json", "dashboard.json")
"""What Evidently keeps of a project beside its snapshots."""

STAGING = ".staging-"

_effects: ContextVar[Mapping[str, tuple[float, float]]] = ContextVar("drift_effects")


def project_id(use_case: str) -> uuid.UUID:
    """The use case's project in the Evidently workspace."""
    return uuid.uuid5(NAMESPACE, use_case)


def snapshot_id(use_case: str, day: date) -> uuid.UUID:
    """The day's snapshot in the use case's project."""
    return uuid.uuid5(project_id(use_case), day.isoformat())


def run(
    use_case: str,
    day: date,
    columns: Sequence[ColumnDrift],
    current: "pd.DataFrame",
    reference: "pd.DataFrame",
    *,
    least: float,
    metadata: dict[str, str],
) -> "Snapshot":
    """Evidently's report on one day, with the effects and bands of ``columns``.

    ``least``: the effect below which none counts, which names the metrics; what decides is each
    column's own band.
    """
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import (
        DatasetMissingValueCount,
        DriftedColumnsCount,
        MeanValue,
        RowCount,
        ValueDrift,
    )

    _register_method()
    numeric = [c.column for c in columns if c.kind == "numeric"]
    categorical = [c.column for c in columns if c.kind != "numeric"]
    definition = DataDefinition(numerical_columns=numeric, categorical_columns=categorical)
    names = [c.column for c in columns]
    metrics: list[Any] = [
        # One column beyond its band is a population that has moved.
        DriftedColumnsCount(
            columns=names, drift_share=1 / len(names), method=METHOD, threshold=least
        )
    ]
    # The dashboard draws one line per set of parameters: they must be the same every night.
    metrics += [ValueDrift(column=name, method=METHOD, threshold=least) for name in names]
    metrics += [RowCount(), DatasetMissingValueCount()]
    if SCORE in numeric:
        metrics.append(MeanValue(column=SCORE))
    token = _effects.set({c.column: (c.effect, c.band) for c in columns})
    try:
        return Report(metrics).run(
            Dataset.from_pandas(_in_groups(current), data_definition=definition),
            Dataset.from_pandas(reference, data_definition=definition),
            # Noon of the business day: the same date in every time zone a browser may be in.
            timestamp=datetime.combine(day, time(12), UTC),
            name=f"{use_case} {day}",
            metadata=dict(metadata),
        )
    finally:
        _effects.reset(token)


def _register_method() -> None:
    """Teach Evidently our method: the effects given to :func:`run`, drifted from their bands on.

    Registering again replaces the same by the same.
    """
    from evidently.legacy.calculations.stattests import register_stattest
    from evidently.legacy.calculations.stattests.registry import StatTest
    from evidently.legacy.core import ColumnType

    def beyond_noise(
        reference: "pd.Series[Any]", current: "pd.Series[Any]", kind: Any, threshold: float
    ) -> tuple[float, bool]:
        effect, band = _effects.get()[str(reference.name)]
        return effect, effect >= band

    register_stattest(
        StatTest(
            name=METHOD,
            display_name="effect size beyond the noise of quiet days",
            allowed_feature_types=[ColumnType.Numerical, ColumnType.Categorical],
            default_threshold=0.1,
        ),
        beyond_noise,
    )


def _in_groups(current: "pd.DataFrame") -> "pd.DataFrame":
    """The frame indexed by groups of rows.

    Evidently plots means over 150 slices of the index; on a small night a slice would be one row,
    and the plot that case's value.
    """
    import numpy as np

    grouped = current.copy(deep=False)
    grouped.index = np.arange(len(current)) // ROWS_PER_POINT
    return grouped


def save_page(snapshot: "Snapshot", path: Path) -> None:
    """Write the report's HTML page: whole or not at all."""
    write_whole(path, snapshot.get_html_str(as_iframe=False))


def save_snapshot(home: Home, use_case: str, day: date, snapshot: "Snapshot") -> None:
    """Put the day's snapshot into the workspace, in place of an earlier one of that day.

    The project is named like the use case and made, with its dashboard, on first use.
    """
    from evidently.ui.storage.local.base import SNAPSHOTS_DIR_NAME, LocalState

    root, project = home.evidently_workspace, project_id(use_case)
    # Opening a workspace reads every snapshot in it: 3 s after 64 nights, and more each night.
    if not all((root / str(project) / name).exists() for name in PROJECT_FILES):
        _make_project(root, project, use_case)
    # Workspace.add_run gives a random id, so a re-run would leave two snapshots of one day.
    name = snapshot_id(use_case, day)
    with _staging(root) as beside:
        LocalState(str(beside)).write_snapshot(project, name, snapshot.to_snapshot_model())
        reached("reports.snapshot")
        _move(beside, root, Path(str(project), SNAPSHOTS_DIR_NAME, f"{name}.json"))


@contextmanager
def _staging(root: Path) -> Iterator[Path]:
    """A folder for Evidently's own writers, which write in place: out of the UI's sight, deleted on
    leaving. What killed processes left of theirs is deleted first."""
    make_folder(root)
    for left in root.glob(f"{STAGING}*"):
        if not alive(int(left.name.removeprefix(STAGING))):
            shutil.rmtree(left, ignore_errors=True)
    beside = root / f"{STAGING}{os.getpid()}"
    try:
        with storing(root):
            yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _move(beside: Path, root: Path, file: Path) -> None:
    make_folder((root / file).parent)
    put_in_place(beside / file, root / file)


def _make_project(root: Path, project: uuid.UUID, use_case: str) -> None:
    from evidently.sdk.models import ProjectModel
    from evidently.ui.storage.local.base import LocalState

    with _staging(root) as beside:
        state = LocalState(str(beside))
        state.write_project(
            ProjectModel(id=project, name=use_case, description=f"Nightly drift of {use_case}")
        )
        state.write_dashboard(project, _dashboard(use_case))
        for name in PROJECT_FILES:
            _move(beside, root, Path(str(project), name))


def remove(home: Home, use_case: str, day: date) -> None:
    """Take a day's page and snapshot away: what they showed is no longer so."""
    home.drift_report(use_case, day).unlink(missing_ok=True)
    folder = home.evidently_workspace / str(project_id(use_case)) / "snapshots"
    (folder / f"{snapshot_id(use_case, day)}.json").unlink(missing_ok=True)


def _dashboard(use_case: str) -> "DashboardModel":
    """Over time: share of drifted columns, every column's effect, cases, what is missing, the mean
    score."""
    from evidently.sdk.models import DashboardModel, DashboardTabModel, PanelMetric
    from evidently.sdk.panels import line_plot_panel

    share = PanelMetric(
        legend="share", metric="DriftedColumnsCount", metric_labels={"value_type": "share"}
    )
    cases, missing = (
        PanelMetric(legend="cases", metric="RowCount"),
        PanelMetric(
            legend="share of values",
            metric="DatasetMissingValueCount",
            metric_labels={"value_type": "share"},
        ),
    )
    score = PanelMetric(legend="mean score", metric="MeanValue", metric_labels={"column": SCORE})
    panels = [
        line_plot_panel(title="Share of drifted columns", values=[share]),
        line_plot_panel(
            title="Effect against the training window, by column",
            values=[PanelMetric(legend="{{column}}", metric="ValueDrift")],
        ),
        line_plot_panel(title="Cases of a night", values=[cases]),
        line_plot_panel(title="Values that are missing", values=[missing]),
        line_plot_panel(title="Mean score", values=[score]),
    ]
    for panel in panels:
        panel.id = uuid.uuid5(project_id(use_case), f"panel {panel.title}")
    tab = DashboardTabModel(
        id=uuid.uuid5(project_id(use_case), "tab Drift"),
        title="Drift",
        panels=[panel.id for panel in panels],
    )
    return DashboardModel(tabs=[tab], panels=panels)
