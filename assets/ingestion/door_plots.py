"""Picture of what the door refused."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RULES_SHOWN = 15
LABEL = 40
"""Characters of a column's name that fit beside a bar."""


def rules_bar_chart(counts: Mapping[str, int]) -> "Figure":
    """Quarantined rows by ``column: rule``, the most frequent on top. Works without any."""
    from matplotlib.ticker import MaxNLocator

    from assets.training.plots import BLUE, INK, canvas

    ordered = sorted(((n, rule) for rule, n in counts.items() if n), key=lambda x: (-x[0], x[1]))
    shown = ordered[:RULES_SHOWN][::-1]
    total, left_out = sum(n for n, _ in ordered), len(ordered) - len(shown)
    figure, axes = canvas(
        "Rows in quarantine by the rule they broke",
        f"n = {total:,}" + (f"; {left_out} rarer rules not shown" if left_out else ""),
        height=1.4 + 0.3 * max(len(shown), 2),
    )
    names = [rule if len(rule) <= LABEL else f"{rule[: LABEL - 1]}…" for _, rule in shown]
    bars = axes.barh(range(len(shown)), [n for n, _ in shown], color=BLUE, height=0.65)
    axes.set_yticks(range(len(shown)), [name.replace("$", r"\$") for name in names])
    axes.bar_label(bars, labels=[f"{n:,}" for n, _ in shown], padding=3, fontsize=8, color=INK)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="rows")
    if not shown:
        axes.set(xlim=(0, 1), ylim=(0, 1), yticks=[])
        axes.annotate("none", (0.5, 0.5), ha="center", color=INK)
    return figure
