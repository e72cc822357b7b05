"""Pictures and tables of a drift result, small enough for asset metadata."""

from assets.figures import png_bytes
from assets.monitoring.drift import ColumnDrift, DriftResult
from assets.monitoring.impact import Judged

SHOWN = 25
"""Columns a picture or table shows; the ones furthest beyond their band come first."""

FARTHEST = 5.0
"""Multiples of the band at which a bar is cut."""

# Okabe and Ito's palette: told apart by whoever sees colours otherwise. The marks differ too.
BEYOND, WITHIN, LINE = "#d55e00", "#56b4e9", "#000000"


def drift_plot(result: DriftResult, judged: Judged) -> bytes:
    """PNG: how far each column lies from the reference, in multiples of its noise band (1)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = _ordered(result)[:SHOWN][::-1]
    figure = Figure(figsize=(6.4, 1.5 + 0.28 * max(len(shown), 1)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.barh(
        [one.column for one in shown],
        [min(one.times, FARTHEST) for one in shown],
        color=[BEYOND if one.drifted else WITHIN for one in shown],
        hatch=["//" if one.drifted else "" for one in shown],
        edgecolor="white",
    )
    axes.axvline(1.0, color=LINE, linewidth=1, linestyle="--")
    axes.set_xlim(0, max([1.2, *(min(one.times, FARTHEST) * 1.05 for one in shown)]))
    axes.set_xlabel(
        f"effect / noise band (dashed: 1); {result.rows} cases against {result.reference_rows}"
    )
    answer = {"harmless": "moved, harmless so far", "matters": "moved, and it matters"}
    verdict = answer.get(judged.verdict, result.verdict) if result.drifted else result.verdict
    axes.set_title(f"{result.use_case} {result.day}: {verdict}", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    return png_bytes(figure, dpi=110)


def drift_markdown(result: DriftResult, judged: Judged) -> str:
    """Markdown: both answers, and a table of the columns, the most moved first."""
    window = " to ".join(map(str, result.reference_window)) if result.reference_window else "-"
    columns = _ordered(result)
    lines = [
        f"**Did the input move? {result.verdict}**: {len(result.drifted)} of "
        f"{len(result.night)} columns beyond their noise band; {result.rows} rows "
        f"against {result.reference_rows} of the reference ({window})",
        "",
        f"**Does it matter? {judged.verdict}**: {judged.sentence}",
    ]
    if columns:
        lines += [
            "",
            "| column | nights | effect | band | beyond | rows | note |",
            "|---|--:|--:|--:|---|--:|---|",
        ]
    for one in columns[:SHOWN]:
        beyond = "yes" if one.drifted else "no" if one.known else "too few rows"
        lines.append(
            f"| {one.column} | {one.nights} | {one.effect:.3f} | {one.band:.3f} | {beyond} "
            f"| {one.rows} | {one.note} |"
        )
    if len(columns) > SHOWN:
        lines.append(f"\n{len(columns) - SHOWN} more columns in the report")
    return "\n".join(lines)


def _ordered(result: DriftResult) -> list[ColumnDrift]:
    """Every column once: the night or the window, whichever lies further beyond."""
    found: dict[str, ColumnDrift] = {}
    for one in (*result.night, *result.window):
        held = found.get(one.column)
        if held is None or (one.known, one.times) > (held.known, held.times):
            found[one.column] = one
    return sorted(found.values(), key=lambda one: (-one.times, one.column))
