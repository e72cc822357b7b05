"""Small pictures as SVG text: where a value lies among those the model was trained on.

Made of attributes and classes only, for the pages' policy allows no inline style. Every picture has
a title and a description that say the same in words.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from orchestration.desk.render import figure, rough

if TYPE_CHECKING:
    from assets.reviews.case_file import CategoryRange, NumberRange, Value

WIDTH, HEIGHT, BASE, SIDE = 240, 50, 34, 8


def value_plot(value: "Value", number: int) -> Markup:
    """The picture of a value; nothing without a training set to compare with.

    ``number``: tells the pictures of a page apart.
    """
    from assets.reviews.case_file import NumberRange

    if value.normal is None:
        return Markup("")
    if isinstance(value.normal, NumberRange):
        return _histogram(value, value.normal, number)
    return _categories(value, value.normal, number)


def usual(value: "Value") -> str:
    """The normal range in words: the middle nine tenths, or how common the category is."""
    from assets.reviews.case_file import NumberRange

    normal = value.normal
    if normal is None:
        return "no training values to compare with"
    if isinstance(normal, NumberRange):
        low, high = normal.quantiles.get("0.05"), normal.quantiles.get("0.95")
        if low is None or high is None:
            return "no training values to compare with"
        unit = f" {value.unit}" if value.unit else ""
        said = f"usual {rough(low)} to {rough(high)}{unit}"
        if normal.below is not None:
            said += f"; higher than {_percent(normal.below)} of training cases"
        return said
    if normal.share is None:
        return "the most usual: " + ", ".join(name for name, _ in normal.shares[:3])
    if normal.share == 0:
        return "hardly or never seen in training"
    return f"{_percent(normal.share)} of training cases"


def weight_bar(weight: float | None, most: float, number: int) -> Markup:
    """How much a reason weighed, against the weightiest; nothing for a rule, which has none."""
    if weight is None or most <= 0:
        return Markup("")
    width = max(2.0, 140 * max(0.0, weight) / most)
    said = f"Weight {weight:.2f} (log-odds), the weightiest is {most:.2f}"
    return svg(
        f"w{number}", 140, 10, "Weight of the reason", said,
        [f'<rect class="deep" x="0" y="1" width="{width:.1f}" height="8" rx="2"/>'],
    )  # fmt: skip


def _histogram(value: "Value", normal: "NumberRange", number: int) -> Markup:
    edges, counts = normal.edges, normal.counts
    shapes: list[str] = []
    if len(edges) > 1 and edges[-1] > edges[0]:
        low, high, most = edges[0], edges[-1], max(max(counts), 1)
        for left, right, count in zip(edges, edges[1:], counts, strict=False):
            x, end = _place(left, low, high), _place(right, low, high)
            tall = (BASE - 6) * count / most
            if count:
                shapes.append(
                    f'<rect class="area" x="{x:.1f}" y="{BASE - tall:.1f}" '
                    f'width="{max(end - x - 0.6, 0.6):.1f}" height="{tall:.1f}"/>'
                )
        shapes.append(_axis())
        shapes += [_label(SIDE, "start", rough(low)), _label(WIDTH - SIDE, "end", rough(high))]
        if isinstance(value.value, int | float) and not value.missing:
            shapes += _mark(_place(float(value.value), low, high))
    name = value.description or value.name
    shown = "no value" if value.missing else figure(value.value)
    return svg(
        f"v{number}", WIDTH, HEIGHT, f"{name} among the training cases",
        f"This case: {shown}; {usual(value)}.", shapes,
    )  # fmt: skip


def _categories(value: "Value", normal: "CategoryRange", number: int) -> Markup:
    shares = [(_named(name, value.value), share) for name, share in normal.shares[:6]]
    most = max((share for _, share in shares), default=0.0) or 1.0
    own = None if value.missing else figure(value.value)
    step = (WIDTH - 2 * SIDE) / max(len(shares), 1)
    shapes = []
    for place, (name, share) in enumerate(shares):
        tall, x = (BASE - 6) * share / most, SIDE + place * step
        shapes.append(
            f'<rect class="{"deep" if name == own else "area"}" x="{x + 2:.1f}" '
            f'y="{BASE - tall:.1f}" width="{step - 4:.1f}" height="{tall:.1f}"/>'
        )
        letters = max(3, int(step / 6.5))
        shown = name if len(name) <= letters else name[: letters - 1] + "…"
        shapes.append(_label(x + step / 2, "middle", shown))
        if name == own:
            shapes += _mark(x + step / 2)
    shapes.append(_axis())
    told = ", ".join(f"{name} {_percent(share)}" for name, share in shares)
    shown = "no value" if value.missing else figure(value.value)
    return svg(
        f"v{number}", WIDTH, HEIGHT, f"{value.description or value.name} among the training cases",
        f"This case: {shown}; {usual(value)}. Training: {told}.", shapes,
    )  # fmt: skip


def _named(category: str, like: object) -> str:
    """A category's name; those of yes and no are Python's."""
    yes_no = {"True": "yes", "False": "no"} if isinstance(like, bool) else {}
    return yes_no.get(category, category)


def _place(value: float, low: float, high: float) -> float:
    """Pixel of a value, held within the picture."""
    within = min(max((value - low) / (high - low), 0.0), 1.0)
    return SIDE + within * (WIDTH - 2 * SIDE)


def _mark(x: float) -> list[str]:
    return [
        f'<line class="line" x1="{x:.1f}" y1="4" x2="{x:.1f}" y2="{BASE}"/>',
        f'<circle class="mark" cx="{x:.1f}" cy="{BASE}" r="4"/>',
    ]


def _axis() -> str:
    return f'<line class="axis" x1="{SIDE}" y1="{BASE}" x2="{WIDTH - SIDE}" y2="{BASE}"/>'


def _label(x: float, anchor: str, text: str) -> str:
    return f'<text x="{x:.1f}" y="{HEIGHT - 4}" text-anchor="{anchor}">{escape(text)}</text>'


def svg(name: str, width: int, height: int, title: str, said: str, shapes: Sequence[str]) -> Markup:
    """An SVG of ``shapes`` with a title and a description. ``name``: unlike others on the page."""
    return Markup(
        f'<svg class="plot" viewBox="0 0 {width} {height}" role="img" '
        f'aria-labelledby="{name}t {name}d"><title id="{name}t">{escape(title)}</title>'
        f'<desc id="{name}d">{escape(said)}</desc>{"".join(shapes)}</svg>'
    )


def _percent(share: float) -> str:
    value = 100 * share
    if 0 < value < 1:
        return "under 1 %"
    if 99 < value < 100:
        return "over 99 %"
    return f"{value:.0f} %"
