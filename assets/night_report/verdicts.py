"""Verdicts in words, with the tone they are shown in."""

from typing import TYPE_CHECKING

from assets.night_report.page import Badge, Tone

if TYPE_CHECKING:
    from assets.night_report.measures import Measure

VERDICTS: dict[str, tuple[str, Tone]] = {
    "pass": ("within its limit", "good"),
    "fail": ("beyond its limit", "bad"),
    "insufficient": ("too few to say", ""),
    "stable": ("within its band", "good"),
    "drifted": ("beyond its band", "warn"),
    "moved": ("beyond its limit", "warn"),
    "none": ("no sign of harm", "good"),
    "harmless": ("harmless so far", "good"),
    "matters": ("it matters", "bad"),
    "unknown": ("cannot be said yet", ""),
}

GATES: dict[str, tuple[str, Tone]] = {
    "pass": ("passed", "good"),
    "fail": ("failed", "bad"),
    "insufficient": ("not enough evidence", "warn"),
}


def badge(one: "Measure | None") -> Badge | None:
    """The verdict of a measure; None where nothing judges it."""
    if one is None or not one.verdict:
        return None
    return Badge(*VERDICTS.get(one.verdict, (one.verdict.replace("_", " "), "")))


def gate_badge(verdict: str) -> Badge:
    """The verdict of a gate."""
    return Badge(*GATES.get(verdict, (verdict, "")))
