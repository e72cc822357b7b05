"""Do the groups of the sensitive columns fare alike, night after night?

Decisions are what people met with, so what is counted are decisions and not scores: of the cases of
the last nights in a group, the share approved without a person. Rates carry Wilson intervals that
count several cases of one entity for less, ratios the interval Donner and Zou recover from two of
those (:mod:`assets.release.rates`, :mod:`assets.training.gates.shares`). Of each column every pair
of large enough groups is looked at, and the pairs share the error probability (Bonferroni), for the
more groups there are the surer chance makes two of them differ; so do the nights, see
:data:`assets.performance.judgement.LOOKS`. A column fails when the interval of a pair lies wholly
below the limit (the four-fifths rule, 29 CFR 1607.4 D).

Simulated over 28 nights that each look at the last 28 (200 to 300 runs): four groups of 56 to
1,400 cases that are all approved 60 % (or 10 %) of the time failed on any night in none (0.3 %) of
the runs, two of 1,400 at exactly 0.8 in 3 %. A group at two thirds of the other's rate was found in
all runs where both had 1,400 cases, in 78 % where one had 140.

Once outcomes have matured, two more rates tell where a difference comes from: of cases with the
outcome, and of cases without, the share the policy would not approve by their score
(``true_positive_rate`` and ``false_positive_rate``; Hardt, Price and Srebro 2016, "Equality of
opportunity in supervised learning"). They are shown and not judged.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.outcomes import APPROVE
from assets.features.columns import LABEL
from assets.lake import PARTITION
from assets.performance.judgement import strict
from assets.performance.matured_cases import due_cases, first_affordable, labelled, of_case, taken
from assets.performance.measure import FAIL, INSUFFICIENT, PASS, Measure, of_interval
from assets.performance.night_scores import night_scores
from assets.release.compared import entity_numbers, hits
from assets.release.rates import share_of
from assets.tables import DECISIONS, POPULATION
from assets.training.evidence import Interval
from assets.training.gates.groups import group_names, may_be_named
from assets.training.gates.shares import Share, ratio

if TYPE_CHECKING:
    import numpy as np

    from assets.lake import Lake
    from assets.spec import UseCaseSpec

RATE, RATIO = "approval_rate", "approval_ratio"
TRUE_POSITIVE, FALSE_POSITIVE = "true_positive_rate", "false_positive_rate"

MOST_GROUPS = 20
"""Of a column, the largest: a pair of two more of them would only take confidence from the rest."""


@dataclass(frozen=True)
class Fairness:
    """Of one night."""

    day: date
    cases: int  # decisions of the window
    measures: list[Measure]
    why: str = ""  # why nothing is measured; empty where something is

    def of(self, measure: str) -> list[Measure]:
        """The measures of this name, by subject."""
        found = [one for one in self.measures if one.measure == measure]
        return sorted(found, key=lambda one: one.subject)

    @property
    def failed(self) -> list[Measure]:
        """Columns whose groups are surely not treated alike."""
        return [one for one in self.measures if one.verdict == FAIL]


@dataclass(frozen=True)
class _Group:
    share: Share  # as so many independent cases as they are worth
    cases: int


def measure_fairness(spec: "UseCaseSpec", lake: "Lake", day: date) -> Fairness:
    """``approval_rate`` of each group and ``approval_ratio`` of each sensitive column, over the
    window of ``day``, and the rates of matured cases. Writes nothing.

    Left out are cases no model scored: that everybody went to a person says nothing of the groups.
    A regression approves nothing, and is ``insufficient``.
    """
    limits = spec.monitoring.fairness
    if not spec.sensitive:
        return Fairness(day, 0, [], "the spec names no sensitive column")
    rows = _decided(spec, lake, day)
    if spec.model.task == "regression":
        why = "a regression approves nothing: there is no rate to compare"
    elif not rows.num_rows:
        why = f"no model decided a case in the last {limits.window_days} nights"
    else:
        why = ""
    found: list[Measure] = []
    for column in spec.sensitive:
        if why:
            found.append(_unjudged(spec, column, why))
            continue
        groups, hidden = _groups(spec, rows, column, hits(rows, "decision", APPROVE))
        found += _rates(spec, column, groups, RATE)
        found.append(_ratio(spec, column, groups, hidden))
    if not why and spec.model.task == "binary":
        found += _matured(spec, lake, day)
    return Fairness(day, rows.num_rows, found, why)


def _decided(spec: "UseCaseSpec", lake: "Lake", day: date) -> pa.Table:
    """Decisions by a model in the window, with the sensitive columns under of_case."""
    first = day - timedelta(days=spec.monitoring.fairness.window_days - 1)
    if lake.exists(spec.name, DECISIONS):
        first = first_affordable(spec, lake, DECISIONS, first, day)
    rows = night_scores(spec, lake, first, day).decisions
    rows = rows.filter(pc.is_null(rows.column("fallback")))
    keys: pa.ChunkedArray = pa.chunked_array([], pa.string())
    cases = None
    if rows.num_rows and lake.exists(spec.name, POPULATION):
        cases = lake.read(
            spec.name,
            POPULATION,
            columns=list(dict.fromkeys([spec.population.key, *spec.sensitive])),
            first=first,
            last=day,
        )
        keys = pc.cast(cases.column(spec.population.key), pa.string())
    for column in spec.sensitive:
        values: Any = pa.nulls(rows.num_rows, pa.string())
        if cases is not None:
            values = taken(cases.column(column), keys, rows.column("case_key"))
        rows = rows.append_column(of_case(column), values)
    return rows


def _groups(
    spec: "UseCaseSpec", rows: pa.Table, column: str, hit: "np.ndarray"
) -> tuple[dict[str, _Group], int]:
    """Per group of the column, the largest first: the share of its ``rows`` that are ``hit``. And
    how many groups are too small, and named by nothing but the data: those are left out."""
    import numpy as np

    least = spec.monitoring.fairness.min_cases
    names = pa.array(group_names(spec.sensitive[column], rows.column(of_case(column))))
    coded = names.dictionary_encode()
    place = coded.indices.to_numpy()
    sizes = np.bincount(place, minlength=len(coded.dictionary))
    entities = entity_numbers(rows)
    found = {}
    for number, name in enumerate(coded.dictionary.to_pylist()):
        if sizes[number] >= least or may_be_named(spec, column, name):
            own = place == number
            found[str(name)] = _Group(share_of(hit[own], entities[own]), int(sizes[number]))
    ordered = dict(sorted(found.items(), key=lambda item: (-item[1].cases, item[0])))
    return ordered, len(coded.dictionary) - len(found)


def _rates(
    spec: "UseCaseSpec", column: str, groups: dict[str, _Group], measure: str
) -> list[Measure]:
    """A row of each group; too small ones are marked."""
    limits = spec.monitoring.fairness
    return [
        of_interval(
            measure,
            group.share.interval(limits.confidence),
            subject=f"{column}={name}",
            n=group.cases,
            verdict=INSUFFICIENT if group.cases < limits.min_cases else "",
            detail={"min_cases": limits.min_cases},
        )
        for name, group in groups.items()
    ]


def _ratio(spec: "UseCaseSpec", column: str, groups: dict[str, _Group], hidden: int) -> Measure:
    """The lowest rate over the highest; where pairs are surely too far apart, the one that most
    surely is (the lowest upper end)."""
    limits = spec.monitoring.fairness
    large = {name: g for name, g in groups.items() if g.cases >= limits.min_cases}
    large = dict(list(large.items())[:MOST_GROUPS])
    pairs = list(combinations(large, 2))
    if not pairs:
        return _unjudged(
            spec,
            column,
            f"fewer than two groups of {limits.min_cases} cases",
            sum(g.cases for g in groups.values()),
        )
    confidence = 1 - (1 - strict(limits.confidence)) / len(pairs)
    compared: list[tuple[Interval, str, str]] = []
    for pair in pairs:
        low, high = sorted(pair, key=lambda name: (large[name].share.value, name))
        compared.append((ratio(large[low].share, large[high].share, confidence), low, high))
    shown = [one for one in compared if one[0].high < limits.ratio]
    found, group, against = min(
        shown or compared,
        key=lambda one: (one[0].high if shown else one[0].value, one[0].value, one[1], one[2]),
    )
    return of_interval(
        RATIO,
        found,
        subject=column,
        n=sum(g.cases for g in large.values()),
        limit=limits.ratio,
        verdict=FAIL if shown else PASS,
        detail={
            "group": group,
            "against": against,
            "group_rate": large[group].share.value,
            "against_rate": large[against].share.value,
            "group_n": large[group].cases,
            "against_n": large[against].cases,
            "groups": len(large),
            "not_judged": len(groups) - len(large) + hidden,
            "min_cases": limits.min_cases,
        },
    )


def _unjudged(spec: "UseCaseSpec", column: str, why: str, n: int = 0) -> Measure:
    limits = spec.monitoring.fairness
    detail = {"why": why, "min_cases": limits.min_cases}
    return Measure(
        RATIO, None, column, n=n, limit=limits.ratio, verdict=INSUFFICIENT, detail=detail
    )


def _matured(spec: "UseCaseSpec", lake: "Lake", day: date) -> list[Measure]:
    """Rates by outcome of the cases that matured in the window, by the score of their night."""
    columns = list(spec.sensitive)
    cases = labelled(due_cases(spec, lake, day, spec.monitoring.fairness.window_days, columns))
    if not cases.num_rows:
        return []
    span = pc.min_max(cases.column(PARTITION)).as_py()
    nights = night_scores(spec, lake, span["min"], span["max"], cases.column("case_key")).decisions
    score = taken(nights.column("score"), nights.column("case_key"), cases.column("case_key"))
    cases = cases.append_column("score", score).filter(pc.is_valid(score))
    if not cases.num_rows:
        return []
    held_back = cases.column("score").to_numpy() >= spec.policy.approve_below
    happened = cases.column(LABEL).to_numpy() == 1
    found = []
    for measure, outcome in ((TRUE_POSITIVE, happened), (FALSE_POSITIVE, ~happened)):
        rows, hit = cases.filter(pa.array(outcome)), held_back[outcome]
        if not rows.num_rows:
            continue
        for column in columns:
            groups, _ = _groups(spec, rows, column, hit)
            found += _rates(spec, column, groups, measure)
    return found
