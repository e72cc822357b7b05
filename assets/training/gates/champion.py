"""Is the new model no worse than the one that decides now, on rows neither was fitted on?

Non-inferiority: the gain of the challenger over the champion on the same rows, with a paired
bootstrap interval (:func:`assets.training.gates.intervals.paired_gain`). The gate passes when the
lower end of the interval is at or above ``-margin`` (the confidence-interval form of a
non-inferiority test: FDA, Non-Inferiority Clinical Trials to Establish Effectiveness, 2016). It
fails when that is not shown and the challenger is worse by more than the margin in the estimate
too. In between (no worse as far as one can see, but too few rows to show it) the evidence is
insufficient.

Fair to both: rows the champion was trained on do not count, however well it does on them. What is
left is not quite fair to the challenger, whose measured fit ends before the split while the
champion may have learnt from later rows; that errs towards keeping what works.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.training.gates.finding import Finding, told
from assets.training.gates.intervals import measured, paired_gain, unit

if TYPE_CHECKING:
    import numpy as np

    from assets.spec import UseCaseSpec
    from assets.training.evidence import TrainedModel

GATE = "training.champion"


@dataclass(frozen=True)
class ChampionEvidence:
    """The version that decides now, verified and loaded."""

    version: int
    pipeline: Any  # fitted scikit-learn pipeline
    trained_until: datetime  # latest event it was trained on, UTC


def champion_gate(
    spec: "UseCaseSpec", trained: "TrainedModel", champion: ChampionEvidence
) -> Finding:
    """Compare the measured scores of the challenger with the champion's on the same rows."""
    import numpy as np

    limits, metric = spec.model.gates.champion, spec.model.metric_name
    enough = spec.model.gates.calibration.min_rows
    threshold = {
        "margin": limits.margin,
        "confidence": limits.confidence,
        "resamples": limits.resamples,
        "min_rows": enough,
    }
    times = trained.evaluation.column(spec.population.event_timestamp)
    since = pa.scalar(champion.trained_until, times.type)
    later = pc.fill_null(pc.greater(times, since), False).to_numpy(zero_copy_only=False)
    labels = trained.labels[later]
    figures: dict[str, Any] = {
        "champion_version": champion.version,
        "champion_trained_until": champion.trained_until.isoformat(),
        "metric": metric,
        "evaluation_rows": len(later),
        "rows": len(labels),
    }
    where = f"{spec.name}: champion version {champion.version}"

    def insufficient(why: str) -> Finding:
        return Finding(GATE, "insufficient", f"{where} {why}", figures, threshold)

    left = (
        f"was trained on events until {champion.trained_until:%Y-%m-%d %H:%M} UTC; of "
        f"{len(later)} evaluation rows {len(labels)} are later"
    )
    if len(labels) < enough or len(np.unique(labels)) < 2:
        return insufficient(
            f"{left}, which is too few to compare on ({enough} are needed, with more than one "
            "outcome). Train again when more outcomes have matured, or approve knowing that the "
            "two were not compared"
        )
    theirs = _champion_scores(spec, trained, champion, later)
    if isinstance(theirs, str):
        return insufficient(theirs)
    ours = trained.scores[later]
    gain = paired_gain(spec, labels, ours, theirs, trained.classes)
    before = measured(spec, labels, theirs, trained.classes)
    margin = limits.margin * unit(metric, before)
    figures |= {
        "challenger": measured(spec, labels, ours, trained.classes),
        "champion": before,
        "gain": gain,
        "margin": margin,
    }
    seen = (
        f"{left}; on them {metric} is {figures['challenger']:.4g} against the champion's "
        f"{before:.4g}: better by {told(gain)} (negative: worse), allowed down to {-margin:.4g}"
    )
    if gain.low >= -margin:
        return Finding(GATE, "pass", f"{where} {seen}", figures, threshold)
    if gain.value < -margin:
        return Finding(
            GATE,
            "fail",
            f"{where} {seen}. The champion stays: look at what changed in features and data since, "
            "or train with more history",
            figures,
            threshold,
        )
    return insufficient(
        f"{seen}. It looks no worse, but {len(labels)} rows cannot show it: train again when more "
        "outcomes have matured, or approve knowing that"
    )


def _champion_scores(
    spec: "UseCaseSpec",
    trained: "TrainedModel",
    champion: ChampionEvidence,
    later: "np.ndarray",
) -> "np.ndarray | str":
    """The champion's scores of the rows, or why it cannot score them."""
    from assets.training.frame import feature_frame
    from assets.training.predict import predict
    from assets.training.threads import threads_for

    frame = feature_frame(spec, trained.evaluation.filter(pa.array(later)))
    names = [str(name) for name in champion.pipeline.feature_names_in_]
    missing = [name for name in names if name not in frame.columns]
    if missing:
        return (
            f"takes features the spec no longer has ({', '.join(missing)}), so the two cannot be "
            "compared on the same rows. Approve knowing that, or put them back"
        )
    if trained.task == "multiclass":
        known = sorted(str(name) for name in champion.pipeline.classes_)
        if known != sorted(trained.classes):
            return (
                f"knows {len(known)} classes, the new model {len(trained.classes)}, and they are "
                "not the same: the two cannot be compared. Approve knowing that"
            )
    try:
        with threads_for(len(frame)):
            return predict(spec, champion.pipeline, frame[names])
    except (TypeError, ValueError) as error:
        # A feature of another type than then: what the message says is of columns, not of values.
        return (
            f"cannot score today's rows ({type(error).__name__}): a feature has changed its type "
            "since it was trained. Approve knowing that the two were not compared"
        )
