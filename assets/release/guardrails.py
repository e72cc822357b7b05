"""What may not happen to a canary's cases: asked each night, of that night and of all so far.

A guardrail is an alarm, not a proof: it fails when what it forbids is shown (the interval at
``guardrails.confidence`` lies wholly beyond the limit), it is insufficient while the arm is too
small to say anything, and else it passes. Asked of the night alone too, because what broke today
drowns in a good week.
"""

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from assets.release.checks import TOO_FEW_LABELS, Check
from assets.release.compared import Compared, both_usable, entity_numbers, hits, of_arm
from assets.release.rates import paired_difference, points, share_of

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec
    from assets.training.evidence import Interval

ARMS, SAME = "arms", "same_cases"
"""What is compared: the arms on their own cases, or both models on all."""

JUDGED = "judged"
"""Figure: the interval a verdict rests on; null where there is none."""

NIGHT, ALL = "night", "stage"
"""Of which cases figures are: those of the night, and all of the stage so far."""


def spans(compared: Compared) -> dict[str, pa.Table]:
    """The cases a guardrail looks at, by name; of a first night one is both."""
    if compared.days in ([], [compared.day]):
        return {ALL: compared.rows}
    return {ALL: compared.rows, NIGHT: compared.tonight}


def scores_check(spec: "UseCaseSpec", compared: Compared) -> Check:
    """Share of the challenger's cases without a usable score; a fact, so no interval.

    Fails above ``guardrails.invalid_scores``, of a single night too. Insufficient before it was
    shown a case.
    """
    limit = spec.release.guardrails.invalid_scores
    figures: dict[str, Any] = {}
    worst, told = 0.0, ""
    for span, rows in spans(compared).items():
        if not rows.num_rows:
            continue
        unusable = rows.column("score").null_count
        share = unusable / rows.num_rows
        figures[span] = {"cases": rows.num_rows, "unusable": unusable, "share": share}
        if not told or share > worst:
            worst, told = share, f"{unusable} of {rows.num_rows} scores{_when(span)} are unusable"
    threshold = {"most": limit}
    if not figures:
        return Check("scores", "insufficient", "no case was scored", figures, threshold)
    allowed = f"{told}, at most {100 * limit:g} %"
    return Check("scores", "fail" if worst > limit else "pass", allowed, figures, threshold)


def shift_check(spec: "UseCaseSpec", compared: Compared, advice: str) -> Check:
    """Whether the policy advises ``approve`` or ``refer`` more or less often by the challenger.

    Looked at twice: the arms' rates on their own cases (what people met with), and both models on
    the same cases (which shows the same sooner, for what makes a case easy or hard cancels). Fails
    when either interval lies wholly beyond the limit on either side. Insufficient while one of the
    arms has fewer than ``guardrails.min_cases``.
    """
    name = {"approve": "approval_shift", "refer": "referral_shift"}[advice]
    guard = spec.release.guardrails
    limit = float(getattr(guard, name))
    threshold = {"most": limit, "confidence": guard.confidence, "min_cases": guard.min_cases}
    figures: dict[str, Any] = {}
    beyond, told = "", ""
    judged: Interval | None = None
    for span, rows in spans(compared).items():
        own = both_usable(of_arm(rows, "canary"))
        others = both_usable(of_arm(rows, "champion"))
        every = both_usable(rows)
        found: dict[str, Any] = {"canary": own.num_rows, "champion": others.num_rows}
        figures[span] = found
        if every.num_rows >= guard.min_cases:
            # An alarm that does not wait for the arm to grow: more cases show it than the arm's.
            found[SAME] = _same_cases(every, advice, guard.confidence)
        if min(own.num_rows, others.num_rows) >= guard.min_cases:
            found |= _arms(own, others, advice, guard.confidence)
            here = f"{points(found[ARMS])}{_when(span)} of {own.num_rows} cases"
            told, judged = told or here, judged or found[ARMS]
        for way, words in ((ARMS, ""), (SAME, ", on the same cases")):
            if not beyond and way in found and _beyond(found[way], limit):
                beyond, judged = f"{points(found[way])}{_when(span)}{words}", found[way]
    figures[JUDGED] = judged
    what = f"advice to {advice} against the champion's"
    allowed = f"at most {100 * limit:g} either way"
    if beyond:
        return Check(name, "fail", f"{what} {beyond}, {allowed}", figures, threshold)
    if not told:
        least = min(figures[ALL]["canary"], figures[ALL]["champion"])
        told = f"{least} cases in the smaller arm, {guard.min_cases} are needed"
        return Check(name, "insufficient", told, figures, threshold)
    return Check(name, "pass", f"{what} {told}, {allowed}", figures, threshold)


def calibration_check(spec: "UseCaseSpec", scores: Any, happened: Any) -> Check:
    """Whether the scores of the challenger mean what they say, on cases it has not learnt from.

    ``scores``: probabilities; ``happened``: 0/1 (float64 both), of several classes whether the
    likeliest was right. Fails when the lower end of the interval is above
    ``guardrails.calibration_error`` (:mod:`assets.training.gates.calibration` says how it is had).
    """
    from assets.training.gates.calibration import calibration_error

    guard, bins = spec.release.guardrails, spec.model.gates.calibration.bins
    threshold = {
        "most": guard.calibration_error,
        "confidence": guard.confidence,
        "min_labels": guard.min_cases,
        "bins": bins,
    }
    figures: dict[str, Any] = {"labels": len(scores), TOO_FEW_LABELS: len(scores) < guard.min_cases}
    if figures[TOO_FEW_LABELS]:
        told = f"{len(scores)} matured outcomes it did not learn from, {guard.min_cases} are needed"
        return Check("calibration", "insufficient", told, figures, threshold)
    estimate, error, _ = calibration_error(
        scores, happened, bins, seed=spec.model.seed, confidence=guard.confidence
    )
    figures |= {"error": error, "plain_estimate": estimate}
    told = (
        f"calibration error {error.value:.3f} ({error.low:.3f} to {error.high:.3f}) on "
        f"{len(scores)} matured outcomes, at most {guard.calibration_error:g}"
    )
    verdict: Any = "fail" if error.low > guard.calibration_error else "pass"
    return Check("calibration", verdict, told, figures, threshold)


def _arms(own: pa.Table, others: pa.Table, advice: str, confidence: float) -> dict[str, "Interval"]:
    from assets.training.gates.shares import difference

    one = share_of(hits(own, "advice", advice), entity_numbers(own))
    other = share_of(hits(others, "champion_advice", advice), entity_numbers(others))
    return {
        "canary_rate": one.interval(confidence),
        "champion_rate": other.interval(confidence),
        ARMS: difference(one, other, confidence),
    }


def _same_cases(every: pa.Table, advice: str, confidence: float) -> "Interval":
    return paired_difference(
        hits(every, "advice", advice),
        hits(every, "champion_advice", advice),
        entity_numbers(every),
        confidence,
    )


def _beyond(found: "Interval", limit: float) -> bool:
    return found.low > limit or found.high < -limit


def _when(span: str) -> str:
    return " tonight" if span == NIGHT else ""
