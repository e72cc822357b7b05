"""The leaves of histogram gradient boosting's trees as boxes.

Read from the arrays its trees are stored in, which are scikit-learn's own affair: that what is read
means what it did is shown by the sums of :mod:`assets.scoring.reasons`, every night.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, eq=False)
class Leaf:
    """A box. ``inside[i]`` says of each code of column ``columns[i]`` whether it is in range."""

    value: float
    columns: tuple[int, ...]
    inside: "tuple[np.ndarray, ...]"

    def combination(self, codes: "Sequence[np.ndarray]") -> "np.ndarray":
        """In which of its ranges each row is, as a number: the first column is the highest bit."""
        import numpy as np

        bits = np.zeros(len(codes[0]), dtype="intp")
        for column, inside in zip(self.columns, self.inside, strict=True):
            bits = bits * 2 + inside[codes[column]]
        return bits


def codes_of(
    estimator: Any, edges: "list[np.ndarray | None]", inputs: "np.ndarray"
) -> "list[np.ndarray]":
    """Of each column of the trees, which range between its edges every row is in."""
    import numpy as np

    known = estimator._preprocess_X(inputs, reset=False)
    codes = []
    for column, own in enumerate(edges):
        value = known[:, column]
        missing = np.isnan(value)
        if own is None:  # a category is its own code
            code = np.where(missing, 0, value).astype("intp")
        else:
            code = np.searchsorted(own, value, side="left")
        code[missing] = _size(own) - 1
        codes.append(code)
    return codes


def edges_of(trees: list[Any], width: int) -> "list[np.ndarray | None]":
    """Thresholds of each column over all trees, rising; None of a category."""
    import numpy as np

    nodes = np.concatenate([tree.nodes for tree in trees])
    splits = nodes[nodes["is_leaf"] == 0]
    found: list[np.ndarray | None] = []
    for column in range(width):
        own = splits[splits["feature_idx"] == column]
        found.append(None if own["is_categorical"].any() else np.unique(own["num_threshold"]))
    return found


def _size(edges: "np.ndarray | None") -> int:
    """Codes of a column; the last is that of a missing value."""
    return 257 if edges is None else len(edges) + 2


def input_columns(estimator: Any) -> "np.ndarray":
    """Of each column of the trees its place among the inputs: the estimator puts its categorical
    columns first."""
    import numpy as np

    categorical = estimator.is_categorical_
    if categorical is None:
        return np.arange(estimator.n_features_in_)
    return np.concatenate([np.flatnonzero(categorical), np.flatnonzero(~categorical)])


def leaves_of(tree: Any, edges: "list[np.ndarray | None]") -> Iterator[Leaf]:
    """The boxes of a tree, from left to right."""
    waiting: list[tuple[int, dict[int, np.ndarray]]] = [(0, {})]
    while waiting:
        place, ranges = waiting.pop()
        node = tree.nodes[place]
        if node["is_leaf"]:
            columns = tuple(sorted(ranges))
            yield Leaf(float(node["value"]), columns, tuple(ranges[c] for c in columns))
            continue
        column = int(node["feature_idx"])
        left = _goes_left(tree, node, edges[column])
        for child, side in (("right", ~left), ("left", left)):
            within = ranges[column] & side if column in ranges else side
            waiting.append((int(node[child]), {**ranges, column: within}))


def _goes_left(tree: Any, node: Any, edges: "np.ndarray | None") -> "np.ndarray":
    import numpy as np

    if edges is None:
        bits = tree.raw_left_cat_bitsets[node["bitset_idx"]].astype("<u4").view("u1")
        left = np.append(np.unpackbits(bits, bitorder="little").astype(bool), False)
    else:
        left = np.arange(_size(edges)) <= np.searchsorted(edges, node["num_threshold"])
    left[-1] = bool(node["missing_go_to_left"])
    return left
