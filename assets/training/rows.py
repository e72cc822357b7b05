"""The training set as the estimators take it: in one order, whatever order it was read in."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns import LABEL
from assets.training.frame import feature_frame
from assets.training.sufficiency import TrainingRefused

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from assets.spec import UseCaseSpec


@dataclass(frozen=True)
class TrainingRows:
    """Rows of one training by rising event time, ties settled by the key."""

    table: pa.Table  # the training set's columns
    frame: "pd.DataFrame"  # of feature_frame
    target: "np.ndarray"  # what estimators are fitted on: 0/1 (int64), class name, or float64
    labels: "np.ndarray"  # the same as 0/1, class number (int64) or float64
    classes: tuple[str, ...]
    times: "np.ndarray"  # event times, int64 microseconds since 1970, UTC
    entities: "np.ndarray"  # int64, the same number for rows about the same entity
    first: datetime
    last: datetime

    def __len__(self) -> int:
        return len(self.frame)

    def counts(self, chosen: "np.ndarray") -> dict[str, int]:
        """Rows of each class among those chosen by position; a regression has one class."""
        import numpy as np

        if not self.classes:
            return {"rows": len(chosen)}
        found = np.bincount(self.labels[chosen], minlength=len(self.classes))
        return {name: int(n) for name, n in zip(self.classes, found, strict=True)}

    def vary(self, chosen: "np.ndarray") -> bool:
        """Do the labels of the rows chosen by position differ at all?"""
        return bool((self.labels[chosen] != self.labels[chosen[:1]]).any())

    def fit(self, pipeline: Any, chosen: "np.ndarray") -> Any:
        """The pipeline, fitted on the rows chosen by position.

        Raises TrainingRefused when the free text of these rows holds no word to learn from.
        """
        import warnings

        try:
            with warnings.catch_warnings():
                # Of interpret's own pictures, which nobody here asks for.
                warnings.filterwarnings("ignore", "Missing values detected", UserWarning)
                return pipeline.fit(self.frame.iloc[chosen], self.target[chosen])
        except ValueError as error:
            # What TfidfVectorizer says of texts without a word, or without one that comes twice.
            if "empty vocabulary" in str(error) or "no terms remain" in str(error):
                raise TrainingRefused(
                    f"a free-text feature of {len(chosen)} rows to fit on has no word of two "
                    "letters or more that occurs in several of them. Take the feature out, or "
                    "tfidf_linear out of model.candidates",
                    figures={"rows": len(chosen)},
                ) from error
            raise


def latest_window(spec: "UseCaseSpec", training_set: pa.Table) -> pa.Table:
    """Rows of the latest ``model.window`` before the last event; all of them without a window."""
    window = spec.model.training_window
    if window is None or not training_set.num_rows:
        return training_set
    times = training_set.column(spec.population.event_timestamp)
    last = pc.max(times).as_py()
    if last is None:
        return training_set
    return training_set.filter(pc.greater_equal(times, pa.scalar(last - window, times.type)))


def training_rows(
    spec: "UseCaseSpec", training_set: pa.Table, classes: tuple[str, ...]
) -> TrainingRows:
    """Rows of a training set that has enough evidence (:mod:`assets.training.sufficiency`).

    ``classes`` are those of the label, sorted. Raises FeatureError for an unusable feature.
    """
    import numpy as np

    when, key = spec.population.event_timestamp, spec.population.key
    # Ties in time are settled by the key: the order a table happens to be read in is no input.
    table = training_set.sort_by([(when, "ascending"), (key, "ascending")]).combine_chunks()
    label = table.column(LABEL)
    if spec.model.task == "multiclass":
        names = np.array(classes)
        labels = pc.index_in(label, pa.array(classes, label.type)).to_numpy().astype("int64")
        target = names[labels]
    else:
        labels = label.to_numpy().astype("int64" if spec.model.task == "binary" else "float64")
        target = labels
    span = pc.min_max(table.column(when)).as_py()
    entity = pc.dictionary_encode(table.column(spec.population.entity).combine_chunks())
    return TrainingRows(
        table=table,
        frame=feature_frame(spec, table),
        target=target,
        labels=labels,
        classes=classes,
        times=pc.cast(table.column(when), pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy(),
        entities=pc.fill_null(entity.indices, -1).to_numpy(zero_copy_only=False).astype("int64"),
        first=span["min"],
        last=span["max"],
    )
