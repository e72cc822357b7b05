"""Pictures and tables of a drift result, small enough for asset metadata."""

import io

from assets.monitoring.drift import ColumnDrift, DriftResult

SHOWN = 25
"""Columns a picture or table shows; the ones furthest beyond their threshold come first."""


def drift_plot(result: DriftResult) -> bytes:
    """PNG: how far each column has moved, in multiples of its threshold (the line at 1)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = _ordered(result)[:SHOWN][::-1]
    figure = Figure(figsize=(6.0, 1.2 + 0.28 * max(len(shown), 1)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.barh(
        [c.column for c in shown],
        [_excess(c) for c in shown],
        color=["#c0392b" if c.drifted else "#7f8c8d" for c in shown],
    )
    axes.axvline(1.0, color="#2c3e50", linewidth=1, linestyle="--")
    axes.set_xlim(0, max([1.2, *(_excess(c) * 1.05 for c in shown)]))
    axes.set_xlabel("distance to the reference / threshold")
    axes.set_title(f"{result.use_case} {result.day}: {result.verdict}", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    target = io.BytesIO()
    figure.savefig(target, format="png")
    return target.getvalue()


def drift_markdown(result: DriftResult) -> str:
    """Markdown: the verdict in one line and a table of the columns, the most moved first."""
    share = "-" if result.share is None else f"{result.share:.0%}"
    window = " to ".join(map(str, result.reference_window)) if result.reference_window else "-"
    lines = [
        f"**{result.verdict}**: {len(result.drifted)} of {len(result.columns)} columns drifted "
        f"({share}), {result.rows} rows against {result.reference_rows} of the reference "
        f"({window})",
    ]
    if result.columns:
        lines += ["", "| column | distance | threshold | drifted | note |", "|---|--:|--:|---|---|"]
    for c in _ordered(result)[:SHOWN]:
        distance = "-" if c.distance is None else f"{c.distance:.3f}"
        drifted = "yes" if c.drifted else "no"
        lines.append(f"| {c.column} | {distance} | {c.threshold:.3f} | {drifted} | {c.note} |")
    if len(result.columns) > SHOWN:
        lines.append(f"\n{len(result.columns) - SHOWN} more columns in the report")
    return "\n".join(lines)


def _ordered(result: DriftResult) -> list[ColumnDrift]:
    return sorted(result.columns, key=lambda c: (-_excess(c), c.column))


def _excess(column: ColumnDrift) -> float:
    """Distance in thresholds, cut at five; an unknown distance counts as the largest."""
    return 5.0 if column.distance is None else min(column.distance / column.threshold, 5.0)
