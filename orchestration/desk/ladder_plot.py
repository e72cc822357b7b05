"""Which version decided, or scored beside, on which nights: a bar each, as SVG."""

from datetime import date, timedelta
from typing import TYPE_CHECKING

from markupsafe import Markup

from orchestration.desk.plots import svg
from orchestration.desk.render import day

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.release.timeline import Span
    from assets.spec import UseCaseSpec

WIDTH, LINE, NAMES, BELOW = 640, 26, 76, 22
MOST = 12
"""Versions shown, the newest."""


def ladder_plot(lake: "Lake", home: "Home", spec: "UseCaseSpec") -> Markup:
    """By the events that count, up to the night after the newest scored; nothing before the
    first version held a stage."""
    from assets.release.authority import read_authority
    from assets.release.champion import genuine
    from assets.release.events import read_events
    from assets.release.first_day import newest_night
    from assets.release.timeline import spans

    night = newest_night(lake, spec.name)
    if night is None:
        return Markup("")
    events = genuine(spec, read_events(lake, spec.name), read_authority(lake, home))
    return bars(spans(events, night + timedelta(days=1)))


def bars(spans: "list[Span]") -> Markup:
    """The picture of the spans; nothing of none."""
    if not spans:
        return Markup("")
    versions = sorted({span.version for span in spans}, reverse=True)[:MOST]
    spans = [span for span in spans if span.version in versions]
    first, last = min(s.first for s in spans), max(s.last for s in spans)
    nights = (last - first).days + 1
    height = LINE * len(versions) + BELOW
    shapes = []
    for place, version in enumerate(versions):
        middle = LINE * place + LINE / 2
        shapes.append(f'<text x="0" y="{middle + 4:.1f}">version {version}</text>')
        for span in (s for s in spans if s.version == version):
            x, end = (_x(d, first, nights) for d in (span.first, span.last + timedelta(days=1)))
            shapes.append(
                f'<rect class="{span.stage}" x="{x:.1f}" y="{middle - 8:.1f}" '
                f'width="{max(end - x - 1, 2):.1f}" height="16" rx="3"/>'
            )
            if end - x > 60:
                shapes.append(
                    f'<text class="on" x="{x + 6:.1f}" y="{middle + 4:.1f}">{span.stage}</text>'
                )
    shapes.append(f'<text x="{NAMES}" y="{height - 4}">{day(first)}</text>')
    shapes.append(f'<text x="{WIDTH}" y="{height - 4}" text-anchor="end">{day(last)}</text>')
    told = "; ".join(
        f"version {s.version} {s.stage} from {day(s.first)} to {day(s.last)}" for s in spans
    )
    return svg("ladder", WIDTH, height, "Who decided which nights", told, shapes)


def _x(at: date, first: date, nights: int) -> float:
    return NAMES + (WIDTH - NAMES) * (at - first).days / nights
