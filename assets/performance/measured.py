"""What a night's performance asset measures: everything as of the close of the night."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns import LABEL
from assets.lake import PARTITION
from assets.performance.calibration import curve
from assets.performance.champion_gain import champion_gain
from assets.performance.cost import cost_measures, decided_cases
from assets.performance.holdout import holdout_measures, trained_on
from assets.performance.judgement import Trained, judged, trained_figure
from assets.performance.matured_cases import due_cases, labelled
from assets.performance.measure import (
    CANARY,
    CHALLENGER,
    CHAMPION,
    FORMER,
    INSUFFICIENT,
    Measure,
)
from assets.performance.night_scores import NightScores, night_scores, with_scores
from assets.performance.outcome_labels import outcome_measures
from assets.performance.override_rate import override_rate
from assets.performance.scored_anew import NOTHING, ScoredAnew, is_unseen, scored_anew, unseen
from assets.performance.scored_cases import scored_cases
from assets.performance.slices import sliced
from assets.performance.version_figures import version_figures
from assets.quality.stopped import stopped_nights
from assets.release.champion import NotApproved
from assets.release.deciders import Deciders, deciders_on
from assets.release.non_inferiority import compared_by
from assets.tables import TRAINING_SET

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.release.events import Champion
    from assets.spec import UseCaseSpec


@dataclass(frozen=True)
class Performance:
    """Of one night."""

    day: date
    metric: str  # the judged one
    measures: list[Measure]
    champion: "Champion | None" = None
    trained: Trained | None = None  # None without a champion, or without a figure on record
    problems: list[str] = field(default_factory=list)  # what could not be measured, and why

    def find(self, measure: str, subject: str = "overall", arm: str = CHAMPION) -> Measure | None:
        """The measure of this name, subject and arm; None where there is none."""
        own = (m for m in self.measures if (m.measure, m.subject, m.arm) == (measure, subject, arm))
        return next(own, None)

    @property
    def failed(self) -> list[Measure]:
        """What is judged, and fails."""
        return [one for one in self.measures if one.verdict == "fail"]


def measure_performance(spec: "UseCaseSpec", lake: "Lake", home: "Home", day: date) -> Performance:
    """Measure the matured cases of the window of ``day``. Writes nothing.

    Nothing that came later is looked at. Whatever is not there (a champion, outcomes, a model that
    can be loaded) is a measure without a value that says why, never an error.
    """
    limits = spec.monitoring.performance
    problems: list[str] = []
    try:
        deciders = deciders_on(lake, home, spec, day)
    except NotApproved as refusal:
        deciders = Deciders()
        problems.append(str(refusal))
    champion = deciders.champion
    cases = due_cases(spec, lake, day, limits.window_days)
    trained = _trained(spec, lake, champion)
    found = outcome_measures(
        spec,
        cases,
        trained.column(LABEL) if trained is not None else None,
        confidence=limits.confidence,
    )
    found.append(override_rate(spec, lake, day, limits.window_days))
    matured = labelled(cases)
    nights = _nights(spec, lake, cases)
    decided = decided_cases(spec, lake, day, matured, nights)
    if decided is not None:
        found += cost_measures(spec, nights, decided)
    metric = compared_by(spec)
    if champion is None:
        why = problems[0] if problems else "no version is champion on this night"
        found.append(Measure(metric, None, arm=CHAMPION, verdict=INSUFFICIENT, detail={"why": why}))
        found += _others(spec, nights, matured, None, None)
        return Performance(day, metric, found, problems=problems)
    anew = _anew(spec, lake, home, day, matured, nights, deciders)
    problems += [f"version {v}: {why}" for v, why in sorted(anew.problems.items())]
    figure = trained_figure(spec, champion, metric)
    own = with_scores(unseen(matured, champion), _all_scores(nights, anew, champion.version))
    found += _of_champion(spec, own, nights, champion, figure)
    if trained is not None and limits.slices:
        found += sliced(spec, lake, own, anew, trained, champion, decided)
    found += _others(spec, nights, matured, champion, deciders.challenger, anew)
    if deciders.challenger is not None:
        found.append(
            champion_gain(
                spec,
                unseen(matured, champion, deciders.challenger),
                _all_scores(nights, anew, champion.version),
                _all_scores(nights, anew, deciders.challenger.version),
                deciders.challenger.version,
            )
        )
    found += holdout_measures(spec, lake, home, day, champion)
    return Performance(day, metric, found, champion, figure, problems)


def _nights(spec: "UseCaseSpec", lake: "Lake", cases: pa.Table) -> NightScores:
    """What the nights of the cases recorded."""
    if not cases.num_rows:
        return night_scores(spec, lake, date.max, date.max)
    span = pc.min_max(cases.column(PARTITION)).as_py()
    return night_scores(spec, lake, span["min"], span["max"], cases.column("case_key"))


def _trained(spec: "UseCaseSpec", lake: "Lake", champion: "Champion | None") -> pa.Table | None:
    """Label and sliced features of the champion's training set; None where it cannot be had."""
    from deltalake.exceptions import DeltaError

    if champion is None or not lake.exists(spec.name, TRAINING_SET):
        return None
    day = trained_on(champion)
    try:
        rows = lake.read(
            spec.name,
            TRAINING_SET,
            columns=[LABEL, *spec.monitoring.performance.slices],
            first=day,
            last=day,
            version=champion.training_set_version,
        )
    except (DeltaError, FileNotFoundError):
        return None  # swept, or of another lake
    return rows if rows.num_rows else None


def _anew(
    spec: "UseCaseSpec",
    lake: "Lake",
    home: "Home",
    day: date,
    matured: pa.Table,
    nights: NightScores,
    deciders: Deciders,
) -> ScoredAnew:
    """Scores of champion and challenger on the cases that either lacks one of."""
    champion, challenger = deciders.champion, deciders.challenger
    assert champion is not None  # whoever calls has one
    versions = [champion] if challenger is None else [champion, challenger]
    lacking = pa.chunked_array([pa.repeat(False, matured.num_rows)])
    for version in versions:
        known = nights.of_version(version.version).column("case_key").combine_chunks()
        without = pc.invert(pc.is_in(matured.column("case_key"), known))
        lacking = pc.or_(lacking, pc.and_(is_unseen(matured, version), without))
    cases = matured.filter(lacking)
    if not cases.num_rows:
        return NOTHING
    span = pc.min_max(cases.column(PARTITION)).as_py()
    stopped = stopped_nights(spec, lake, span["min"], span["max"])
    return scored_anew(spec, lake, home, day, cases, versions, without=stopped)


def _all_scores(nights: NightScores, anew: ScoredAnew, version: int) -> pa.Table:
    """What the nights recorded of a version, and after it what it was made to say now."""
    return pa.concat_tables([nights.of_version(version), anew.of_version(version)])


def _of_champion(
    spec: "UseCaseSpec",
    own: pa.Table,
    nights: NightScores,
    champion: "Champion",
    figure: Trained | None,
) -> list[Measure]:
    """Judged and other metrics of the champion, and its calibration curve. ``own``: matured cases
    it has not learnt from, with its scores."""
    known, scored = scored_cases(spec, own)
    recorded = nights.of_version(champion.version).column("case_key").combine_chunks()
    on_their_night = int(pc.sum(pc.is_in(known.column("case_key"), recorded)).as_py() or 0)
    cases = {
        "scored_on_their_night": on_their_night,
        "scored_anew": known.num_rows - on_their_night,
        "without_score": own.num_rows - known.num_rows,
    }
    found = judged(spec, scored, figure, champion, cases)
    if spec.model.task == "binary" and known.num_rows:
        confidence = spec.monitoring.performance.confidence
        found += curve(known, scored, confidence=confidence, arm=CHAMPION, version=champion.version)
    return found


def _others(
    spec: "UseCaseSpec",
    nights: NightScores,
    matured: pa.Table,
    champion: "Champion | None",
    challenger: "Champion | None",
    anew: ScoredAnew = NOTHING,
) -> Iterator[Measure]:
    """Metrics of every other version that scored cases of the window, not judged."""
    now = champion.version if champion is not None else None
    for version in nights.versions(CHAMPION):
        if version != now:
            cases = with_scores(matured, nights.of_version(version))
            yield from version_figures(spec, cases, arm=FORMER, version=version)
    for version in nights.versions(CANARY):
        arm = nights.of_arm(CANARY)
        own = arm.filter(pc.equal(arm.column("model_version"), version))
        yield from version_figures(spec, with_scores(matured, own), arm=CANARY, version=version)
    beside = {*nights.challengers, *([challenger.version] if challenger is not None else [])}
    for version in sorted(beside - {now}):
        scores, cases = nights.of_version(version), matured
        if challenger is not None and version == challenger.version:
            # What it was made to say now may be of cases it has learnt from.
            scores, cases = _all_scores(nights, anew, version), unseen(matured, challenger)
        cases = with_scores(cases, scores)
        yield from version_figures(spec, cases, arm=CHALLENGER, version=version)
