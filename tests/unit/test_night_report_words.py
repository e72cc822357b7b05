"""Figures as a person reads them."""

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.night_report.words import (
    LONG,
    WORDS,
    Unit,
    between,
    counted,
    figure,
    sentence,
    span,
    sure,
)

NNBSP = "\N{NARROW NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (1204.0, "count", "1 204"),
        (-3.0, "count", "\N{MINUS SIGN}3"),
        (0.6324, "share", "63.2 %"),
        (0.0002, "share", "under 0.1 %"),
        (0.0, "share", "0 %"),
        (1.0, "share", "100 %"),
        (0.0312, "points", "3.1 points"),
        (0.45, "metric", "0.450"),
        (123.4, "metric", "123"),
        (3.4, "times", "3.40 × its band"),  # noqa: RUF001
        (0.85, "deviations", "0.85 standard deviations"),
        (0.0621, "distance", "0.062 distance"),
        (16380.4, "money", "16 380 EUR"),
        (14.472, "money", "14.47 EUR"),
        (0.0156, "money", "0.016 EUR"),
        (0.00000096, "money", "under 0.001 EUR"),
        (0.0, "money", "0 EUR"),
        (-250.0, "money", "\N{MINUS SIGN}250 EUR"),
        (1.0, "days", "1 day"),
        (2.466, "days", "2.47 days"),
        (7.66, "seconds", "7.66 s"),
        (150.0, "seconds", "2.5 min"),
        (1572.0, "minutes", "26.2 h"),
        (None, "money", "\N{EN DASH}"),
        (float("nan"), "share", "\N{EN DASH}"),
    ],
)
def test_a_figure_has_its_unit_and_the_digits_that_mean_something(
    value: float | None, unit: Unit, said: str
) -> None:
    assert figure(value, unit, "EUR").replace(NNBSP, " ") == said


@given(
    st.floats(-1e12, 1e12, allow_nan=False),
    st.sampled_from(["count", "money", "metric", "times", "days", "seconds", "minutes"]),
)
def test_no_figure_is_an_exponent_or_breaks_over_lines(value: float, unit: Unit) -> None:
    said = figure(value, unit, "EUR")
    assert not re.search(r"\de[+-]?\d", said)
    number = said.partition("EUR")[0].removeprefix("under ")
    assert " " not in number.partition("standard")[0].partition("its")[0].rstrip(" ×")  # noqa: RUF001
    shown = re.sub(r"[^\d.]", "", number)
    if shown and shown.count(".") < 2 and "under" not in said and abs(value) < LONG:
        # What is shown is the value, to three digits that count.
        assert float(shown) == pytest.approx(abs(value), rel=0.01, abs=0.5)


def test_intervals_and_counts_say_how_sure_a_figure_is() -> None:
    assert between(0.569, 0.692, "share").replace(NNBSP, " ") == "56.9 to 69.2 %"
    assert between(None, 0.5, "share") == ""
    said = sure(9.0, 24.0, 3800, "money", "EUR", "known outcome").replace(NNBSP, " ")
    assert said == "9.00 to 24.00 EUR, 3 800 known outcomes"
    assert sure(None, None, None, "share") == ""
    assert counted(1, "case") == "1 case"
    assert "money" not in WORDS  # its word is the currency


def test_days_and_sentences() -> None:
    assert span(date(2026, 5, 31), date(2026, 8, 28)) == "31 May to 28 Aug 2026"
    assert span(date(2025, 12, 30), date(2026, 1, 2)) == "30 Dec 2025 to 2 Jan 2026"
    assert span(date(2026, 1, 2), date(2026, 1, 2)) == "2 Jan 2026"
    assert sentence("  it moved") == "It moved."
    assert sentence("Why?") == "Why?"
    assert sentence("") == ""
