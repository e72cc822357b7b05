"""Pictures of a night: whatever is on record, they stay within their frame and say it in words."""

import re
from datetime import date, timedelta
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from assets.night_report.charts import band, bars, reliability, tick, trend, whisker
from assets.night_report.trends import Line, Point, Trend, alike

LAST = date(2026, 8, 28)
DAYS = [LAST - timedelta(days=n) for n in reversed(range(30))]

values = st.floats(-1e9, 1e9, allow_nan=False)
points = st.builds(
    Point,
    value=values,
    low=st.none() | values,
    high=st.none() | values,
    n=st.integers(0, 10**7),
    limit=st.none() | values,
    trained=st.none() | values,
    broken=st.booleans(),
)
series = st.dictionaries(st.sampled_from(DAYS), points, max_size=12)


def parsed(picture: Markup) -> ElementTree.Element:
    """The picture as XML. It has a title, a description, no style of its own, no number that is
    none."""
    root = ElementTree.fromstring(str(picture))
    title, said = root.find("title"), root.find("desc")
    assert title is not None
    assert title.text
    assert said is not None
    assert said.text
    assert "style=" not in picture
    assert not re.search(r"\b(nan|inf)\b", re.sub(r"<desc>.*?</desc>", "", str(picture)))
    return root


def held(root: ElementTree.Element, slack: float = 8) -> None:
    """Whatever is drawn is within the frame (a mark may reach over its edge)."""
    _, _, width, height = (float(n) for n in root.attrib["viewBox"].split())
    for one in root.iter():
        for names, most in ((("x", "x1", "x2", "cx"), width), (("y", "y1", "y2", "cy"), height)):
            for name in names:
                if name in one.attrib:
                    assert -slack <= float(one.attrib[name]) <= most + slack, one.attrib
        for pair in one.attrib.get("points", "").split():
            x, y = (float(n) for n in pair.split(","))
            assert -slack <= x <= width + slack
            assert -slack <= y <= height + slack


def shown(points: dict[date, Point], **more: object) -> Trend:
    given = {"key": "k", "title": "A & B", "unit": "metric", "now": "1", "sure": "", **more}
    return Trend(lines=(Line(points),), **given)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(series, st.booleans(), st.sampled_from(["metric", "share", "money", "count", "points"]))
def test_a_trend_stays_within_its_frame(found: dict[date, Point], zero: bool, unit: str) -> None:
    states = {DAYS[3]: "missing", DAYS[5]: "stopped"}
    root = parsed(trend(shown(found, from_zero=zero, unit=unit), DAYS, states, LAST))
    held(root)
    assert len(root.findall(".//*[@class='gap']")) == 2


def test_a_trend_shows_gaps_limits_and_what_broke_them() -> None:
    days = [d for d in DAYS if d not in (DAYS[10], DAYS[11])]
    found = {
        d: Point(0.6, 0.5, 0.7, 300, limit=0.55, trained=0.61, broken=d == DAYS[20]) for d in days
    }
    root = parsed(trend(shown(found, now="0.600", sure="0.5 to 0.7"), DAYS, {}, LAST))
    kinds = [one.attrib.get("class") for one in root.iter()]
    assert kinds.count("s1") == 2  # two runs of nights
    assert kinds.count("s1-band") == 2
    assert kinds.count("limit") == kinds.count("trained") == 2
    assert kinds.count("flag") == 1
    assert kinds.count("now") == 1
    said = root.findtext("desc") or ""
    assert said.startswith("30 Jul to 28 Aug 2026; tonight 0.600 (0.5 to 0.7); 28 of 30 nights")
    assert said.endswith("beyond the limit on 1")


def test_pictures_that_are_compared_have_one_scale() -> None:
    low, high = shown({LAST: Point(0.2, 0.0, 0.9)}), shown({LAST: Point(0.6, 0.5, 0.7)})
    ranges = {one.within for one in alike([low, high])}
    assert len(ranges) == 1
    ((least, most),) = [r for r in ranges if r is not None]
    assert least < 0.2 < 0.6 < most
    axes = [re.findall(r"<text.*?</text>", trend(t, DAYS, {}, LAST)) for t in alike([low, high])]
    assert axes[0] == axes[1]
    assert alike([shown({})])[0].within is None


def test_an_empty_trend_says_so() -> None:
    root = parsed(trend(shown({}), DAYS, {}, LAST))
    assert "nothing on record" in (root.findtext("desc") or "")


@given(st.none() | st.floats(0, 50), st.none() | st.floats(0, 50), st.booleans())
def test_an_effect_lies_against_its_band(
    value: float | None, window: float | None, beyond: bool
) -> None:
    root = parsed(band(value, window, beyond=beyond, title="income", said="3 times"))
    held(root)
    marks = root.findall(".//*[@class='flag']") + root.findall(".//*[@class='dot']")
    assert bool(marks) == (value is not None)
    assert bool(root.findall(".//*[@class='ring']")) == (window is not None)


@given(values, values, values, st.none() | values)
def test_a_whisker_is_cut_at_its_frame(a: float, b: float, c: float, limit: float | None) -> None:
    low, value, high = sorted((a, b, c))
    picture = whisker(value, low, high, within=(-1.0, 1.0), limit=limit, title="t", said="s")
    held(parsed(picture))


@given(st.lists(st.tuples(st.floats(0, 1), st.none() | st.floats(0, 1)), max_size=10))
def test_bars_stand_on_their_base(shares: list[tuple[float, float | None]]) -> None:
    named = [(f"0.{n}-0.{n + 1}", share, before) for n, (share, before) in enumerate(shares)]
    root = parsed(bars(named, title="scores", said="some", below="score"))
    held(root)
    assert all(float(one.attrib["height"]) >= 0 for one in root.findall(".//*[@class='bar']"))


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=10))
def test_reliability_fits(found: list[tuple[float, float]]) -> None:
    drawn = [(x, Point(y, max(0.0, y - 0.1), min(1.0, y + 0.1), 30)) for x, y in found]
    held(parsed(reliability(drawn, title="calibration", said="agrees")))


def test_what_comes_from_a_use_case_is_escaped() -> None:
    found = trend(shown({LAST: Point(1.0)}, title="<script>"), DAYS, {}, LAST)
    assert "<script>" not in found
    assert "&lt;script&gt;" in found


def test_ticks_take_little_room() -> None:
    assert [tick(v, "money") for v in (0, 1500, 12500, 2e6, 3e9)] == [
        "0", "1500", "12.5k", "2m", "3bn",
    ]  # fmt: skip
    assert tick(0.25, "share") == "25 %"
