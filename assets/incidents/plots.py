"""Incidents as a picture and a table, small enough for an asset's metadata."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from assets.incidents.kinds import ALL
from assets.incidents.state import CLOSED, Incident
from assets.incidents.story import title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TICKS = 8


def timeline(
    use_case: str, history: Mapping[date, Sequence[Incident]], first: date, last: date
) -> "Figure":
    """A line per kind and subject, a box per night from ``first`` to ``last``: dark where the night
    found it, light where it was open all the same; a triangle where a training was asked for."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    from assets.training.plots import BLUE, INK, ORANGE, canvas

    shown = {night: found for night, found in sorted(history.items()) if first <= night <= last}
    lines = sorted({_line(one) for found in shown.values() for one in found}, reverse=True)
    figure, axes = canvas(
        f"Incidents of {use_case}",
        f"nights from {first} to {last} (UTC)",
        width=9.0,
        height=1.5 + 0.42 * max(2, len(lines)),
    )
    for place, line in enumerate(lines):
        mine = [
            (night, one) for night, found in shown.items() for one in found if _line(one) == line
        ]
        found_on = [night for night, one in mine if one.last_seen_on == night]
        open_on = [n for n, one in mine if one.last_seen_on != n and one.state != CLOSED]
        for nights, colour, hatch in ((found_on, ORANGE, ""), (open_on, "#f7dfae", "//")):
            boxes = [(night.toordinal(), 1) for night in nights]
            axes.broken_barh(
                boxes, (place - 0.3, 0.6), color=colour, hatch=hatch, edgecolor="white"
            )
        for mark, colour, days in (
            ("^", BLUE, {o.training_asked_on for _, o in mine if o.training_asked_on}),
            ("|", INK, {one.closed_on for _, one in mine if one.closed_on}),
        ):
            places = [day.toordinal() + 0.5 for day in sorted(days) if first <= day <= last]
            axes.plot(places, [place] * len(places), mark, color=colour, markersize=8)
    axes.set_yticks(range(len(lines)), lines)
    axes.set_ylim(-0.6, max(1, len(lines)) - 0.4)
    count = (last - first).days + 1
    axes.set_xlim(first.toordinal() - 0.5, last.toordinal() + 1.5)
    ticks = [first + timedelta(days=n) for n in range(0, count, -(-count // TICKS))]
    axes.set_xticks([day.toordinal() for day in ticks], [day.isoformat() for day in ticks])
    axes.tick_params(axis="x", labelsize=8)
    figure.legend(
        handles=[
            Patch(facecolor=ORANGE, edgecolor="white", label="found that night"),
            Patch(facecolor="#f7dfae", hatch="//", edgecolor="white", label="open, not found"),
            Line2D([], [], marker="^", color=BLUE, linestyle="none", label="training asked for"),
            Line2D([], [], marker="|", color=INK, linestyle="none", label="closed"),
        ],
        loc="outside lower left",
        ncols=4,
        frameon=False,
        fontsize=9,
    )
    return figure


def incidents_markdown(incidents: Iterable[Incident]) -> str:
    """A table of incidents: what, since when, how often, what the road did, what to do."""
    lines = [
        f"| {one.opened_on} | {title(one)} | {one.nights} | {one.quiet} | {_cell(one.happened)} "
        f"| {_cell(one.road_did)} | {_cell(one.person_should)} |"
        for one in incidents
    ]
    if not lines:
        return "No incident is open."
    return "\n".join(
        [
            "| since | incident | nights that found it | quiet nights in a row | what happened "
            "| what the road did | what a person should do |",
            "|---|---|--:|--:|---|---|---|",
            *lines,
        ]
    )


def _line(one: Incident) -> str:
    return one.kind if one.subject == ALL else f"{one.kind}: {one.subject}"


def _cell(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")
