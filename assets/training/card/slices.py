"""The metric in slices of time: is the model as good late as early?"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec
    from assets.training.evidence import TrainedModel


def slices(spec: "UseCaseSpec", trained: "TrainedModel") -> list[dict[str, Any]]:
    """Evaluation rows in ``gates.stability.slices`` parts of equal count by rising time.

    Each with ``first`` and ``last`` event (ISO 8601), ``cases`` and the metric with its interval
    (bootstrap of :mod:`assets.training.measure`, seeded), None where it cannot be measured. Empty
    where the data has no time.
    """
    import numpy as np

    from assets.training.measure import intervals, measure, resampled

    if trained.validation != "time":
        return []
    times = trained.evaluation.column(spec.population.event_timestamp)
    metric, given = spec.model.metric_name, (trained.task, trained.classes)
    found = []
    parts = np.array_split(np.arange(len(trained.labels)), spec.model.gates.stability.slices)
    for rows in (part for part in parts if len(part)):
        labels, scores = np.asarray(trained.labels)[rows], trained.scores[rows]
        figures = measure(given[0], labels, scores, given[1])
        again = resampled(given[0], labels, scores, given[1], seed=spec.model.seed)
        interval = intervals(figures, again).get(metric)
        known = interval is not None and np.isfinite(figures[metric])
        found.append(
            {
                "first": times[int(rows[0])].as_py().isoformat(),
                "last": times[int(rows[-1])].as_py().isoformat(),
                "cases": len(rows),
                "value": figures[metric] if known else None,
                "low": interval.low if interval and known else None,
                "high": interval.high if interval and known else None,
            }
        )
    return found


def slice_limit(spec: "UseCaseSpec", trained: "TrainedModel") -> float:
    """The value of the metric that the gate allows a slice to have."""
    from assets.training.gates.intervals import unit

    metric, overall = spec.model.metric_name, trained.metrics[spec.model.metric_name]
    drop = spec.model.gates.stability.max_drop * unit(metric, overall)
    return overall - spec.model.sign * drop
