"""Picture of a night's checks: what was found, how sure it is, and where the limit lies."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assets.release.checks import Check
from assets.release.guardrails import JUDGED
from assets.training.evidence import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from assets.release.evaluation import Evaluation

INCH = 0.62
"""Height of a check."""


@dataclass(frozen=True)
class Drawn:
    """A figure on its own scale: its interval, and the ends of what is allowed."""

    found: Interval
    least: float | None = None
    most: float | None = None


def drawn(check: Check) -> Drawn | None:
    """What there is to draw of a check; None where nothing could be measured yet."""
    figures, limit = check.figures, check.threshold
    if check.name in ("days", "cases"):
        there = float(figures[check.name])
        return Drawn(Interval(there, there, there), least=float(limit[check.name]))
    if check.name == "approval":
        people = float(len(figures["approved_by"]))
        return Drawn(Interval(people, people, people), least=float(limit["people"]))
    if check.name == "scores" and figures:
        worst = max(float(span["share"]) for span in figures.values())
        return Drawn(Interval(worst, worst, worst), most=float(limit["most"]))
    if check.name == "non_inferiority" and "gain" in figures:
        return Drawn(figures["gain"], least=-float(figures["margin"]))
    if check.name in ("referral_shift", "approval_shift", "fairness"):
        judged = figures.get(JUDGED)
        if judged is None:
            return None
        if check.name == "fairness":
            return Drawn(judged, least=float(limit["least"]))
        return Drawn(judged, least=-float(limit["most"]), most=float(limit["most"]))
    found: Any = figures.get("share" if check.name == "disagreement" else "error")
    return Drawn(found, most=float(limit["most"])) if found is not None else None


def checks_figure(found: "Evaluation") -> "Figure":
    """A line per check: point and interval, the limit, and in grey what is not allowed.

    Raises ValueError for an evaluation without a challenger.
    """
    from matplotlib.figure import Figure

    from assets.training.plots import INK

    if found.move is None:
        raise ValueError("no challenger was judged: there is nothing to draw")
    rows = len(found.checks)
    figure = Figure(figsize=(7.2, 0.9 + INCH * rows), layout="constrained")
    move = found.move.verdict.replace("_", " ")
    figure.suptitle(
        f"Version {found.move.version} in the {found.move.stage}, {found.day}: {move}",
        x=0.02,
        ha="left",
        fontsize=12,
        fontweight="bold",
        color=INK,
    )
    several = figure.subplots(rows, 1, squeeze=False)
    for axes, check in zip(several[:, 0], found.checks, strict=True):
        _row(axes, check)
    return figure


def _row(axes: "Axes", check: Check) -> None:
    from assets.training.plots import BLUE, GREY, INK, ORANGE

    what = drawn(check)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set(yticks=[], ylim=(-1, 1))
    axes.tick_params(labelsize=7)
    # Told apart by the mark as well as by the colour.
    colour, mark = {"pass": (BLUE, "o"), "fail": (ORANGE, "X"), "insufficient": (GREY, "D")}[
        check.verdict
    ]
    name = check.name.replace("_", " ")
    axes.set_ylabel(f"{name}\n{check.verdict}", rotation=0, ha="right", va="center", fontsize=8)
    if what is None:
        axes.set_xticks([])
        axes.text(
            0.5,
            0.5,
            "not enough to measure",
            transform=axes.transAxes,
            ha="center",
            va="center",
            fontsize=8,
            color=INK,
        )
        return
    ends = [what.found.low, what.found.high, what.found.value]
    ends = [end for end in [*ends, what.least, what.most] if end is not None and abs(end) < 1e300]
    room = (max(ends) - min(ends)) * 0.12 or 1.0
    # What cannot be below 0 has no room there.
    low, high = min(ends) - (room if min(ends) < 0 else min(room, min(ends))), max(ends) + room
    axes.set_xlim(low, high)
    for limit, forbidden in ((what.least, (low, what.least)), (what.most, (what.most, high))):
        if limit is not None:
            axes.axvspan(*forbidden, color="#EEEEEE")
            axes.axvline(limit, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.plot([max(low, what.found.low), min(high, what.found.high)], [0, 0], color=colour)
    axes.plot([min(high, what.found.value)], [0], color=colour, marker=mark, markersize=7)
