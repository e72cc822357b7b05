"""Does it matter? What speaks for it, what against, and what cannot be asked yet.

Asked in the order in which answers come: whether the scores moved (tonight), what the scores
themselves foresee (tonight), whether other decisions are made (once there are quiet nights to
compare with), and how it turned out (once labels matured). How much the model leans on what moved
is told beside (``weighted_drift``) and decides nothing: what it makes of it shows in the scores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from assets.monitoring.drift import DriftResult
from assets.release.non_inferiority import compared_by

if TYPE_CHECKING:
    from assets.performance.judgement import Trained
    from assets.spec import UseCaseSpec
    from assets.training.evidence import Interval

Impact = Literal["none", "harmless", "matters", "unknown"]
Row = Mapping[str, Any]

CALIBRATION = "calibration_error"

FARTHEST = 5.0
"""Multiples of its band at which a column's weight in the weighted drift is cut: how far something
is outside says little more."""

LEAST_SHARE = 0.1
"""Points (as a share) by which the approvals of a night must differ from those of quiet nights."""

ODDS = 0.001
"""And so far that a quiet night would be so by chance only this often."""

QUIET_NIGHTS = 5
"""Fewer say nothing about what is usual."""


@dataclass(frozen=True)
class Judged:
    """The answer, and what it rests on."""

    verdict: Impact
    sentence: str
    signs: tuple[str, ...]  # what says that it matters
    against: tuple[str, ...]  # what was asked and says that it does not
    open: tuple[str, ...]  # what cannot be asked yet


@dataclass(frozen=True)
class Approvals:
    """The share of approvals, tonight and on quiet nights of the same version."""

    tonight: float
    usual: float
    spread: float  # standard deviation over the quiet nights
    nights: int
    cases: int  # tonight

    @property
    def far(self) -> float:
        """How far a quiet night may lie from the usual: the prediction interval of one more normal
        value (Student's, for the spread is estimated; Hahn and Meeker 1991, Statistical Intervals,
        4.2), of a spread no smaller than so few cases have by themselves."""
        from scipy.special import stdtrit

        drawn = (self.usual * (1 - self.usual) / self.cases) ** 0.5 if self.cases else 0.0
        times = float(stdtrit(self.nights - 1, 1 - ODDS / 2)) if self.nights > 1 else 0.0
        spread = max(self.spread, drawn) * (1 + 1 / max(self.nights, 1)) ** 0.5
        return float(max(LEAST_SHARE, times * spread))


def weighted_drift(result: DriftResult, importance: Mapping[str, float]) -> float | None:
    """Mean effect of the features in multiples of their bands, weighted by importance.

    ``importance``: how much the metric falls without a feature (what is negative counts as 0). 1
    means that what the model leans on lies, on average, at the end of its noise band. None where
    nothing is known of either.
    """
    far: dict[str, float] = {}
    for one in result.features:
        if one.known:
            far[one.column] = max(far.get(one.column, 0.0), min(one.times, FARTHEST))
    weights = {name: max(importance.get(name, 0.0), 0.0) for name in far}
    total = sum(weights.values())
    if not total:
        return None
    return sum(weights[name] * far[name] for name in far) / total


def judge(
    spec: "UseCaseSpec",
    result: DriftResult,
    *,
    estimate: "Interval | None",
    trained: "Trained | None",
    approvals: Approvals | None,
    performance: Sequence[Row],
) -> Judged:
    """The answer for a night. ``performance``: rows of the night's performance table, judged ones;
    ``trained``: the metric on rows the model had not seen when it was trained, and how much worse
    it may be."""
    signs: list[str] = []
    against: list[str] = []
    open_: list[str] = []
    _scores(result, signs, against, open_)
    _estimate(spec, estimate, trained, signs, against, open_)
    _approvals(approvals, signs, against, open_)
    for row in performance:
        _outcomes(row, signs, against, open_)
    if not any(row["measure"] == compared_by(spec) for row in performance):
        open_.append("no outcome has matured yet")
    verdict: Impact
    if result.verdict == "insufficient":
        verdict = "matters" if signs else "unknown"
    elif result.verdict == "stable":
        verdict = "matters" if signs else "none"
    else:
        verdict = "matters" if signs else "harmless" if against else "unknown"
    if not result.trusted:
        verdict = "unknown"
    sentence = _sentence(verdict, signs, against, open_)
    return Judged(verdict, sentence, tuple(signs), tuple(against), tuple(open_))


def _scores(result: DriftResult, signs: list[str], against: list[str], open_: list[str]) -> None:
    known = [one for one in result.scores if one.known]
    if not known:
        open_.append("the scores cannot be compared")
        return
    one = max(known, key=lambda found: found.times)
    said = f"(effect {one.effect:.2f}, band {one.band:.2f}, {one.rows} cases)"
    if one.drifted:
        signs.append(f"the scores moved {said}")
    else:
        against.append(f"the scores are where they were {said}")


def _estimate(
    spec: "UseCaseSpec",
    estimate: "Interval | None",
    trained: "Trained | None",
    signs: list[str],
    against: list[str],
    open_: list[str],
) -> None:
    if estimate is None or trained is None:
        return
    name = spec.model.metric_name
    said = (
        f"{name} {estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f}), "
        f"{trained.figure.value:.3f} at training"
    )
    if trained.beyond(estimate):
        signs.append(f"by the scores alone the figure falls to {said}")
    else:
        against.append(f"by the scores alone the figure holds: {said}")


def _approvals(
    found: Approvals | None, signs: list[str], against: list[str], open_: list[str]
) -> None:
    if found is None or found.nights < QUIET_NIGHTS:
        open_.append("there are too few quiet nights of this version to compare decisions with")
        return
    away = abs(found.tonight - found.usual)
    said = f"{found.tonight:.0%}, on {found.nights} quiet nights {found.usual:.0%}"
    if away > found.far:
        signs.append(f"other decisions are made: approved are {said}")
    else:
        against.append(f"as many are approved as usual: {said}")


def _outcomes(row: Row, signs: list[str], against: list[str], open_: list[str]) -> None:
    name = str(row["measure"]).replace("_", " ")
    if row["verdict"] not in ("pass", "fail") or row["value"] is None:
        open_.append(f"too few outcomes have matured for the {name} ({row['n'] or 0})")
        return
    ends = ""
    if row["low"] is not None and row["high"] is not None:
        ends = f" ({row['low']:.3f} to {row['high']:.3f})"
    limit = f", limit {row['limit']:.3f}" if row["limit"] is not None else ""
    said = f"{name} {row['value']:.3f}{ends} on {row['n']} matured cases{limit}"
    if row["verdict"] == "fail":
        signs.append(f"outcomes are worse: {said}")
    else:
        against.append(f"outcomes are as promised: {said}")


def _sentence(verdict: Impact, signs: list[str], against: list[str], open_: list[str]) -> str:
    later = f" Not known yet: {'; '.join(open_)}." if open_ else ""
    if verdict == "matters":
        return f"It matters: {'; '.join(signs)}."
    if verdict == "harmless":
        return f"Moved, harmless so far: {'; '.join(against)}.{later}"
    if verdict == "none":
        return "The input has not moved and nothing says that anything is amiss."
    return f"Whether it matters is not known.{later}"
