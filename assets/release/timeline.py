"""The story of the ladder: which version held which stage over which nights."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from assets.release.anew import days_of
from assets.release.events import (
    CANARY,
    CHAMPION,
    REDECIDED,
    REJECTED,
    RETIRED,
    ROLLED_BACK,
    SHADOW,
    Event,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

ON_LADDER = (SHADOW, CANARY, CHAMPION)
ENDS = (RETIRED, REJECTED, ROLLED_BACK)
MARKS = {REJECTED: "x", ROLLED_BACK: "v", REDECIDED: "D"}

VERSIONS_SHOWN = 12
"""The newest that ever held a stage; more would leave no room for their names."""


TICKS = 8
"""Days named under the axis, at most."""


@dataclass(frozen=True)
class Span:
    """A version in a stage, from the night ``first`` to ``last``, both among them."""

    version: int
    stage: str  # shadow | canary | champion
    first: date
    last: date


def spans(events: Sequence[Event], until: date) -> list[Span]:
    """Who held which stage on which nights up to ``until``, by version and day.

    ``events``: those that count (see ``genuine``), by rising sequence. A version that another took
    the place of before its first night held none.
    """
    found: list[Span] = []
    for version in sorted({int(e["model_version"]) for e in events}):
        own = [e for e in events if int(e["model_version"]) == version]
        steps = [e for e in own if e["stage"] in (*ON_LADDER, *ENDS)]
        for number, event in enumerate(steps):
            if event["stage"] not in ON_LADDER:
                continue
            # What came later on record says from when on this no longer held.
            ends = [e["effective_from"] for e in steps[number + 1 :]]
            last = min([until, *(end - timedelta(days=1) for end in ends)])
            if last >= event["effective_from"]:
                found.append(Span(version, event["stage"], event["effective_from"], last))
    return found


def release_timeline(lake: "Lake", home: "Home", spec: "UseCaseSpec", day: date) -> bytes:
    """PNG of :func:`timeline_figure` of what is on record, up to the night after ``day``, which is
    the first that the step of ``day`` changes."""
    from assets.figures import png_bytes
    from assets.release.authority import read_authority
    from assets.release.champion import genuine
    from assets.release.events import read_events

    events = genuine(spec, read_events(lake, spec.name), read_authority(lake, home))
    until = day + timedelta(days=1)
    return png_bytes(timeline_figure(events, until=until, use_case=spec.name), dpi=80)


def timeline_figure(events: Sequence[Event], *, until: date, use_case: str) -> "Figure":
    """Stages of the versions over the nights up to ``until``, a line each, the newest on top.

    ``events``: those that count, by rising sequence. Rejections, rollbacks and days decided anew
    are marked; without any stage yet the picture says so.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    from assets.training.plots import BLUE, GREEN, GREY, INK, ORANGE, canvas

    colours = {SHADOW: (GREY, "//"), CANARY: (ORANGE, "\\\\"), CHAMPION: (BLUE, "")}
    every = spans(events, until)
    versions = sorted({span.version for span in every})[-VERSIONS_SHOWN:]
    figure, axes = canvas(
        f"Versions of {use_case} on the release ladder",
        f"nights up to {until.isoformat()} (UTC), by what people signed and the ladder found",
        width=9.0,
        height=1.6 + 0.45 * max(2, len(versions)),
    )
    line = {version: place for place, version in enumerate(versions)}
    for span in (one for one in every if one.version in line):
        colour, hatch = colours[span.stage]
        axes.barh(
            line[span.version],
            (span.last - span.first).days + 1,
            left=span.first.toordinal(),
            height=0.55,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            linewidth=0.5,
        )
    for stage, day, version in _marks(events, until):
        if version in line:
            colour = GREEN if stage == REDECIDED else INK
            # A night that is decided anew is marked in its middle, an end where it begins.
            place = day.toordinal() + (0.5 if stage == REDECIDED else 0.0)
            axes.plot(place, line[version], MARKS[stage], color=colour, markersize=7)
    axes.set_yticks(list(line.values()), [f"version {version}" for version in line])
    axes.set_ylim(-0.6, max(1, len(versions)) - 0.4)
    if every:
        first = min(span.first for span in every)
        nights = (until - first).days + 1
        axes.set_xlim(first.toordinal() - 0.5, until.toordinal() + 1.5)
        ticks = [first + timedelta(days=n) for n in range(0, nights, -(-nights // TICKS))]
        axes.set_xticks([day.toordinal() for day in ticks], [day.isoformat() for day in ticks])
        axes.tick_params(axis="x", labelsize=8)
    else:
        axes.set_xticks([])
        axes.text(0.5, 0.5, "no version holds a stage yet", transform=axes.transAxes, ha="center")
    shown = {span.stage for span in every}
    handles: list[Line2D | Patch] = [
        Patch(facecolor=colour, hatch=hatch, edgecolor="white", label=stage)
        for stage, (colour, hatch) in colours.items()
        if stage in shown
    ]
    handles += _mark_handles(events, until, INK, GREEN)
    if handles:
        figure.legend(
            handles=handles,
            loc="outside lower left",
            ncols=len(handles),
            frameon=False,
            fontsize=9,
        )
    return figure


def _marks(events: Sequence[Event], until: date) -> list[tuple[str, date, int]]:
    found: list[tuple[str, date, int]] = []
    for event in events:
        version, stage = int(event["model_version"]), event["stage"]
        if stage == REDECIDED:
            found += [(stage, day, version) for day in days_of(event)]
        elif stage in MARKS:
            found.append((stage, min(event["effective_from"], until + timedelta(days=1)), version))
    return found


def _mark_handles(
    events: Sequence[Event], until: date, ink: str, green: str
) -> "list[Line2D | Patch]":
    from matplotlib.lines import Line2D

    handles: list[Line2D | Patch] = []
    marked = {stage for stage, _, _ in _marks(events, until)}
    for stage, mark in MARKS.items():
        if stage in marked:
            name = "decided anew" if stage == REDECIDED else stage.replace("_", " ")
            colour = green if stage == REDECIDED else ink
            handles.append(Line2D([], [], marker=mark, color=colour, linestyle="none", label=name))
    return handles
