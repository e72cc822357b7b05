"""Which rows are fitted on and which are measured on: never one both, never a later one first.

With time, the latest share of the time span is held out. Between the rows fitted on and the rows
held out lies an embargo (de Prado, Advances in Financial Machine Learning, 2018, chapter 7): as
long as a label takes to mature, for what was not yet known at the split cannot be learnt from.
Without time (a snapshot), every row is measured by the one of several seeded folds that was not
fitted on it.

Each part that is fitted on is itself cut into an earlier and a later piece, where settings are
searched, boosting is stopped and probabilities are calibrated: the measured rows are for
measuring alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from assets.training.sufficiency import (
    EARLIER_PER_CLASS,
    EARLIER_ROWS,
    LATER_PER_CLASS,
    LATER_ROWS,
    TrainingRefused,
    enough,
    require_values,
    told,
)

if TYPE_CHECKING:
    import numpy as np

    from assets.spec import UseCaseSpec
    from assets.training.rows import TrainingRows

INNER_SHARE = 0.25
"""Latest share of the rows fitted on that settings are judged on, like the default holdout."""

INNER_FOLDS = 4
"""The same without time: one fold of so many."""

INNER_PER_CLASS = 5
"""Fewest rows of any class in the later piece; with fewer nothing is searched or calibrated."""

MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Cut:
    """Two disjoint sets of row positions (int64, rising): what is learnt from, what comes after."""

    earlier: "np.ndarray"
    later: "np.ndarray"


@dataclass(frozen=True)
class Fold:
    """Rows fitted on and rows measured on, and how the former are cut again for the search."""

    fitted: "np.ndarray"
    measured: "np.ndarray"
    inner: Cut | None  # of ``fitted``; None where it is too small to be cut


@dataclass(frozen=True)
class Plan:
    """How candidates are measured. The folds' measured rows are disjoint."""

    folds: list[Fold]
    final: Cut | None
    """Of all rows: where the final model's probabilities are calibrated."""
    split_at: datetime | None
    embargo: timedelta
    embargoed_rows: int
    notes: list[str] = field(default_factory=list)


def plan(spec: "UseCaseSpec", rows: "TrainingRows") -> Plan:
    """The folds of ``spec.model.validation``.

    Raises TrainingRefused, with the figures and what to do, when a fold has too few rows of a
    class on either side, or a feature without any value where it is fitted.
    """
    made = _by_time(spec, rows) if spec.model.validation == "time" else _crossed(spec, rows)
    for fold in made.folds:
        require_values(spec, rows.frame.iloc[fold.fitted])
    return made


def split_time(first: datetime, last: datetime, holdout: float) -> datetime:
    """The instant from which rows are held out: the latest ``holdout`` share of the time span."""
    return last - (last - first) * holdout


def _fewest(spec: "UseCaseSpec") -> tuple[int, int]:
    """Fewest rows per class (or rows, of a regression) to fit on and to measure on."""
    if spec.model.task == "regression":
        return EARLIER_ROWS, LATER_ROWS
    return EARLIER_PER_CLASS, LATER_PER_CLASS


def _by_time(spec: "UseCaseSpec", rows: "TrainingRows") -> Plan:
    import numpy as np

    if rows.first == rows.last:
        raise TrainingRefused(
            f"{spec.name}: all {len(rows)} rows have the same event time ({rows.first:%Y-%m-%d}), "
            "so there is no later part to measure on. If this is a snapshot, set model.validation "
            "to cross_validation",
            figures={"rows": len(rows)},
        )
    split_at = split_time(rows.first, rows.last, spec.model.holdout)
    split, embargo = _microseconds(split_at), spec.embargo // MICROSECOND
    before = np.flatnonzero(rows.times < split)
    fitted = before[rows.times[before] <= split - embargo]
    measured = np.flatnonzero(rows.times >= split)
    _require_parts(spec, rows, before, fitted, measured, split_at)
    inner, notes = _inner_by_time(spec, rows, fitted)
    return Plan(
        folds=[Fold(fitted, measured, inner)],
        final=Cut(fitted, measured),
        split_at=split_at,
        embargo=spec.embargo,
        embargoed_rows=len(before) - len(fitted),
        notes=notes,
    )


def _require_parts(
    spec: "UseCaseSpec",
    rows: "TrainingRows",
    before: "np.ndarray",
    fitted: "np.ndarray",
    measured: "np.ndarray",
    split_at: datetime,
) -> None:
    """Raise TrainingRefused unless both sides of the split hold enough of every class."""
    few_earlier, few_later = _fewest(spec)
    task, days = spec.model.task, (rows.last - rows.first) / timedelta(days=1)
    each = "rows are" if task == "regression" else "of each are"
    for part, chosen, fewest in (
        ("before the split", before, few_earlier),
        ("before the embargo", fitted, few_earlier),
        ("in the holdout", measured, few_later),
    ):
        counts = rows.counts(chosen)
        if enough(counts, fewest):
            _require_variety(spec, rows, chosen, part)
            continue
        if part == "before the embargo":
            lost = len(before) - len(fitted)
            advice = (
                f"The rows span {days:.1f} days, the split is at {split_at:%Y-%m-%d %H:%M} UTC, "
                f"and the embargo of {spec.embargo / timedelta(days=1):g} days before it keeps "
                f"{lost} of {len(before)} rows from being fitted on: land more history, hold out "
                f"less (model.holdout is {spec.model.holdout:g}), or shorten model.embargo if "
                "labels are known sooner"
            )
        else:
            advice = (
                f"model.holdout ({spec.model.holdout:g}) cuts off the latest share of the time "
                "span: change it, or land more history"
            )
        raise TrainingRefused(
            f"{spec.name}: {told(counts, task)} {part}, at least {fewest} {each} needed. {advice}",
            figures={
                "part": part,
                "rows": dict(counts),
                "span_days": round(days, 3),
                "embargo_days": spec.embargo / timedelta(days=1),
                "embargoed_rows": len(before) - len(fitted),
            },
            threshold={"fewest_of_each": fewest},
        )


def _microseconds(moment: datetime) -> int:
    from datetime import UTC

    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // MICROSECOND


def _require_variety(
    spec: "UseCaseSpec", rows: "TrainingRows", chosen: "np.ndarray", part: str
) -> None:
    """Raise TrainingRefused where all labels are the same: R squared of them is no number.

    Of classes the counts have said so already.
    """
    if rows.vary(chosen):
        return
    raise TrainingRefused(
        f"{spec.name}: all {len(chosen)} rows {part} have the same label "
        f"({rows.labels[chosen[0]]:g}), so there is nothing to learn from them or to measure on "
        f"them. Check label.column ({spec.label.column!r}) of these rows against the source",
        figures={"part": part, "rows": dict(rows.counts(chosen)), "different_labels": 1},
        threshold={"different_labels": 2},
    )


def _cut_fits(spec: "UseCaseSpec", rows: "TrainingRows", cut: Cut) -> bool:
    few_earlier, few_later = _fewest(spec)
    few_later = max(few_later, INNER_PER_CLASS)
    return (
        enough(rows.counts(cut.earlier), few_earlier)
        and enough(rows.counts(cut.later), few_later)
        and rows.vary(cut.earlier)
        and rows.vary(cut.later)
    )


def _inner_by_time(
    spec: "UseCaseSpec", rows: "TrainingRows", fitted: "np.ndarray"
) -> tuple[Cut | None, list[str]]:
    """The latest share of the time of ``fitted`` as its later piece, behind an embargo if it fits.

    The embargo fits where half of the rows still come before it: settings found on much less
    would be settings for a smaller problem.
    """
    times = rows.times[fitted]
    split = times[-1] - int((times[-1] - times[0]) * INNER_SHARE)
    later = fitted[times >= split]
    strict = Cut(fitted[(times < split) & (times <= split - spec.embargo // MICROSECOND)], later)
    loose = Cut(fitted[times < split], later)
    if 2 * len(strict.earlier) >= len(fitted) and _cut_fits(spec, rows, strict):
        return strict, []
    if _cut_fits(spec, rows, loose):
        return loose, [
            f"Settings were searched without an embargo: of the {len(fitted)} rows before the "
            f"split, {len(strict.earlier)} would have been left to fit on, less than half or too "
            "few of a class. The held-out rows are behind the whole embargo"
        ]
    return None, [_uncut(spec, rows, fitted)]


def _uncut(spec: "UseCaseSpec", rows: "TrainingRows", fitted: "np.ndarray") -> str:
    return (
        f"Nothing was searched or calibrated: {told(rows.counts(fitted), spec.model.task)} to fit "
        "on are too few to be cut once more. The default settings were taken"
    )


def _crossed(spec: "UseCaseSpec", rows: "TrainingRows") -> Plan:
    import numpy as np

    everything = np.arange(len(rows))
    counts, fewest = rows.counts(everything), _fewest(spec)[0] + spec.model.folds
    if not enough(counts, fewest):
        raise TrainingRefused(
            f"{spec.name}: {told(counts, spec.model.task)}, at least {fewest} of each are needed "
            f"for {spec.model.folds} folds (model.folds). Land more rows, or use fewer folds",
            figures={"rows": dict(counts), "folds": spec.model.folds},
            threshold={"fewest_of_each": fewest},
        )
    folds, notes = [], []
    for fitted, measured in _seeded(spec, rows, everything, spec.model.folds):
        few_earlier, few_later = _fewest(spec)
        if not (
            enough(rows.counts(fitted), few_earlier) and enough(rows.counts(measured), few_later)
        ):
            raise TrainingRefused(
                f"{spec.name}: a fold of cross-validation would fit on "
                f"{told(rows.counts(fitted), spec.model.task)} and measure on "
                f"{told(rows.counts(measured), spec.model.task)}. Few entities hold most of the "
                "rows, and an entity is kept in one fold: use fewer folds (model.folds), or land "
                "more rows",
                figures={"fitted": rows.counts(fitted), "measured": rows.counts(measured)},
                threshold={"fitted": few_earlier, "measured": few_later},
            )
        _require_variety(spec, rows, fitted, "a fold of cross-validation would fit on")
        _require_variety(spec, rows, measured, "a fold of cross-validation would measure on")
        inner = _inner_crossed(spec, rows, fitted)
        if inner is None:
            notes.append(_uncut(spec, rows, fitted))
        folds.append(Fold(fitted, measured, inner))
    return Plan(
        folds=folds,
        final=_inner_crossed(spec, rows, everything),
        split_at=None,
        embargo=timedelta(),
        embargoed_rows=0,
        notes=list(dict.fromkeys(notes)),
    )


def _inner_crossed(spec: "UseCaseSpec", rows: "TrainingRows", fitted: "np.ndarray") -> Cut | None:
    counts = rows.counts(fitted)
    if not enough(counts, INNER_FOLDS):
        return None
    cut = Cut(*next(_seeded(spec, rows, fitted, INNER_FOLDS)))
    return cut if _cut_fits(spec, rows, cut) else None


def _seeded(
    spec: "UseCaseSpec", rows: "TrainingRows", chosen: "np.ndarray", folds: int
) -> Iterator[tuple["np.ndarray", "np.ndarray"]]:
    """Seeded folds of the chosen rows, the same share of each class in all of them.

    All rows about one entity are in the same fold: what is known of it may not help to predict it.
    """
    import numpy as np
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    entities = rows.entities[chosen]
    repeated = len(np.unique(entities)) < len(entities)
    classes = bool(rows.classes)
    kinds = {
        (True, True): StratifiedGroupKFold,
        (True, False): StratifiedKFold,
        (False, True): GroupKFold,
        (False, False): KFold,
    }
    seeded = kinds[classes, repeated](n_splits=folds, shuffle=True, random_state=spec.model.seed)
    labels = rows.labels[chosen] if classes else None
    found = seeded.split(chosen, labels, entities if repeated else None)
    for fitted, measured in found:
        yield chosen[fitted], chosen[measured]
