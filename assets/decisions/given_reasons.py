"""The reasons that stand in a decision: of a rule its text, of a score what pushed it up."""

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.outcomes import FALLBACK, MISSING, NO_SCORE, WITHDRAWN, DecisionRefused
from assets.decisions.reason_text import reason_texts
from assets.scoring.reasons import scored_features
from assets.tables import DECISIONS_SCHEMA, REASON

if TYPE_CHECKING:
    import numpy as np

    from assets.spec import UseCaseSpec

REASONS = DECISIONS_SCHEMA.field("reasons").type

TEXTS = {
    MISSING: "Too little is known about this case to decide it automatically",
    NO_SCORE: "The model has no usable score for this case",
    FALLBACK: "No model could be trusted with this case",
    WITHDRAWN: "This case was decided before and has since left the data it came with",
}
"""Of the platform's own rules."""


def given_reasons(
    spec: "UseCaseSpec", pushes: pa.Array, explained: pa.Array, rule: pa.Array, text: pa.Array
) -> pa.Array:
    """Reasons of each decision, a list of REASON, the weightiest first.

    ``pushes``: the ``reasons`` of the predictions, of which those of ``explained`` (bool) rows are
    taken, at most ``policy.most_reasons``; ``text`` that of the row's ``rule``, null where the rule
    needs none. Raises DecisionRefused when a push is of something that is no feature of the spec.
    """
    import numpy as np

    rows = len(pushes)
    parents, features, weights = _taken(spec, pushes, explained)
    texts = reason_texts(spec)
    places = pc.index_in(features, pa.array(list(texts), pa.string()))
    told = pa.array(list(texts.values()), pa.string()).take(places)
    by_rule = np.flatnonzero(pc.is_valid(text).to_numpy(zero_copy_only=False))
    columns = (
        (features, rule.take(pa.array(by_rule))),
        (weights, pa.nulls(len(by_rule), pa.float64())),
        (told, text.take(pa.array(by_rule))),
    )
    owners = np.concatenate([parents, by_rule])
    order = pa.array(np.argsort(owners, kind="stable"))
    flat = pa.StructArray.from_arrays(
        [pa.concat_arrays(two).take(order) for two in columns], fields=list(REASON)
    )
    return pa.ListArray.from_arrays(_offsets(owners, rows), flat, type=REASONS)


def rule_texts(rule: pa.Array, texts: dict[str, str]) -> pa.Array:
    """The text of each row's rule; null for one that has none."""
    known = {**TEXTS, **texts}
    places = pc.index_in(rule, pa.array(list(known), pa.string()))
    return pa.array(list(known.values()), pa.string()).take(places)


def _offsets(owners: "np.ndarray", rows: int) -> pa.Array:
    import numpy as np

    counts = np.bincount(owners, minlength=rows)
    return pa.array(np.concatenate([[0], np.cumsum(counts)]).astype("int32"))


def _taken(
    spec: "UseCaseSpec", pushes: pa.Array, explained: pa.Array
) -> tuple["np.ndarray", pa.Array, pa.Array]:
    """Row, feature and weight of the pushes to be told, in the order of the rows."""
    import numpy as np

    lengths = pc.fill_null(pc.list_value_length(pushes), 0).to_numpy(zero_copy_only=False)
    parents = np.repeat(np.arange(len(pushes)), lengths)
    flat: Any = pc.list_flatten(pushes)
    within = np.arange(len(parents)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    features, weights = pc.struct_field(flat, "feature"), pc.struct_field(flat, "weight")
    allowed = pa.array(scored_features(spec), pa.string())
    strange = pc.unique(features.filter(pc.invert(pc.is_in(features, allowed))))
    if len(strange):
        raise DecisionRefused(
            f"{spec.name}: predictions give reasons of what is no feature "
            f"({', '.join(sorted(map(str, strange.to_pylist())))}). Score the night again with the "
            "current spec"
        )
    up = pc.fill_null(pc.greater(weights, 0), False).to_numpy(zero_copy_only=False)
    wanted = explained.to_numpy(zero_copy_only=False)[parents]
    kept = wanted & up & (within < spec.policy.most_reasons)
    places = pa.array(np.flatnonzero(kept))
    return parents[kept], features.take(places), weights.take(places)
