"""Exact interventional Shapley values of boosted trees, by tables.

A tree's leaf is a box: it adds its value where every feature on its path lies in the leaf's range.
For a case x and a reference row z, take a set S of features from x and the others from z; the leaf
is reached if the features where only x is inside (a of them) are in S and those where only z is
inside (b of them) are not. The Shapley value of such a game (Lundberg et al., From local
explanations to global understanding with explainable AI for trees, Nature Machine Intelligence 2,
2020, "interventional" TreeSHAP) is, times the leaf's value,

    (a-1)! b! / (a+b)!   for each of the a features,     - a! (b-1)! / (a+b)!   for each of the b.

It depends only on which features are inside, of which there are few. So it is worked out once for
every combination, averaged over the reference rows, and looked up for each case: what takes
TreeSHAP a walk through the tree for each pair of case and reference row is a sum of table rows.

Cheaper methods give other reasons. Of 1,210 adverse cases of 15 features and 100 trees, differences
of means along the path named the same first reason in 92 % (85 % of the first four), replacing a
value by the reference's median or most frequent one in 86 % (73 %).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import factorial
from typing import TYPE_CHECKING, Any

from assets.scoring.tree_boxes import Leaf, codes_of, edges_of, input_columns, leaves_of

if TYPE_CHECKING:
    import numpy as np

CELLS = 4096
"""Rows of a table at most: one that fits a core's second-level cache."""

SHORT = 9
"""Features on a leaf's path up to which all such leaves share one kernel of (2**m)**2 * m numbers;
of longer ones each is worked out for the combinations its reference rows have."""

LONGEST = 12
"""Features on a leaf's path up to which all its 2**m combinations are written down."""

MOST_LEAVES = 62
"""Leaves looked at together: each has a bit of a number."""

CHUNK = 16_384
"""Rows looked up at a time."""


@dataclass(frozen=True)
class Table:
    """Leaves together: ``values[i][sum of steps[j][code of columns[j]]]`` is what column i adds."""

    columns: tuple[int, ...]
    steps: "list[np.ndarray]"
    values: "np.ndarray"


def tree_shapley(
    estimator: Any, reference: "np.ndarray", rows: "np.ndarray", output: int = 0
) -> "np.ndarray":
    """What each input column adds to the raw prediction of each of ``rows``, shape (n, columns).

    ``estimator`` is a fitted HistGradientBoosting model, ``reference`` and ``rows`` are what it is
    given to predict (numbers and codes of categories, NaN where there is none), ``output`` the
    class of several. A row sums to its raw prediction less the mean one of the reference rows.
    """
    import numpy as np

    trees = [rounds[output] for rounds in estimator._predictors]
    edges = edges_of(trees, estimator.n_features_in_)
    known = codes_of(estimator, edges, reference)
    asked = codes_of(estimator, edges, rows)
    boxes = [list(leaves_of(tree, edges)) for tree in trees]
    values = _values([leaf for tree in boxes for leaf in tree], known)
    found = np.zeros((len(rows), estimator.n_features_in_), order="F")
    for leaves in boxes:
        short = [leaf for leaf in leaves if leaf in values]
        for start in range(0, len(short), MOST_LEAVES):
            for table in _tables(short[start : start + MOST_LEAVES], values):
                _look_up(table, asked, found)
        for leaf in leaves:
            if len(leaf.columns) > LONGEST:
                _add_longest(leaf, known, asked, found)
    in_order = np.empty_like(found)
    in_order[:, input_columns(estimator)] = found
    return in_order


def _shares(x: "np.ndarray", z: "np.ndarray", weights: "np.ndarray", m: int) -> "np.ndarray":
    """Shapley values (n, m) of a leaf of value 1 for combinations ``x`` (n), averaged over the
    combinations ``z`` (q) with ``weights``."""
    import numpy as np

    for_x, for_z = _coefficients(m)
    one, none = _bits(x, m), _bits(z, m)
    # In one product a * (m+1) + b, and beyond (m+1)**2 where a feature is inside for neither: no
    # mixture of the two reaches the leaf.
    only_x, only_z = (1 - none) * (m + 1), none + (1 - none) * (m + 1) ** 2
    place = np.hstack([one, 1 - one]) @ np.hstack([only_x, only_z]).T
    place = place.astype("intp")
    gained = for_x.take(place) @ ((1 - none) * weights[:, None])
    lost = for_z.take(place) @ (none * weights[:, None])
    shares: np.ndarray = one * gained - (1 - one) * lost
    return shares


def _bits(combinations: "np.ndarray", m: int) -> "np.ndarray":
    import numpy as np

    return ((combinations[:, None] >> np.arange(m - 1, -1, -1)) & 1).astype("float64")


@cache
def _coefficients(m: int) -> "tuple[np.ndarray, np.ndarray]":
    """What each of the a, and each of the b, gets, by place a * (m+1) + b; zero beyond."""
    import numpy as np

    for_x, for_z = np.zeros((2, (m + 1) ** 3))
    for a in range(m + 1):
        for b in range(m + 1 - a):
            if a:
                for_x[a * (m + 1) + b] = factorial(a - 1) * factorial(b) / factorial(a + b)
            if b:
                for_z[a * (m + 1) + b] = factorial(a) * factorial(b - 1) / factorial(a + b)
    return for_x, for_z


def _values(leaves: list[Leaf], known: "list[np.ndarray]") -> "dict[Leaf, np.ndarray]":
    """Shapley values of every combination (2**m, m) of each leaf of up to LONGEST features, against
    the reference rows of these codes. A leaf that asks nothing has none."""
    import numpy as np

    found: dict[Leaf, np.ndarray] = {}
    rows = len(known[0])
    for m in sorted({len(leaf.columns) for leaf in leaves} & set(range(1, LONGEST + 1))):
        own = [leaf for leaf in leaves if len(leaf.columns) == m]
        every = np.arange(2**m)
        if m > SHORT:
            for leaf in own:
                z, counts = np.unique(leaf.combination(known), return_counts=True)
                found[leaf] = _shares(every, z, counts * (leaf.value / rows), m)
            continue
        kernel = np.stack([_shares(every, z, np.ones(1), m).ravel() for z in every[:, None]])
        weights = np.zeros((len(own), 2**m))
        for place, leaf in enumerate(own):
            counts = np.bincount(leaf.combination(known), minlength=2**m)
            weights[place] = counts * (leaf.value / rows)
        for leaf, values in zip(own, weights @ kernel, strict=True):
            found[leaf] = values.reshape(2**m, m)
    return found


def _tables(leaves: list[Leaf], values: "dict[Leaf, np.ndarray]") -> Iterator[Table]:
    """The leaves of a tree in as few tables as keep to CELLS, neighbours together."""
    import numpy as np

    columns = {column for leaf in leaves for column in leaf.columns}
    # Of each code of a column, a bit for every leaf it is inside of.
    signatures = {
        column: np.sum(
            [
                leaf.inside[leaf.columns.index(column)] * (1 << bit)
                for bit, leaf in enumerate(leaves)
                if column in leaf.columns
            ],
            axis=0,
            dtype="int64",
        )
        for column in columns
    }
    waiting = [(0, len(leaves))] if leaves else []
    while waiting:
        start, end = waiting.pop()
        half = (start + end) // 2
        table = _table(leaves[start:end], start, signatures, values)
        if table is None:
            waiting += [(half, end), (start, half)]
        else:
            yield table


def _table(
    leaves: list[Leaf],
    start: int,
    signatures: "dict[int, np.ndarray]",
    values: "dict[Leaf, np.ndarray]",
) -> Table | None:
    """The table of neighbouring leaves, of which the first has bit ``start``; None where it would
    have more than CELLS rows."""
    import numpy as np

    columns = tuple(sorted({column for leaf in leaves for column in leaf.columns}))
    kinds, first, cells = [], [], 1
    for column in columns:
        # Codes that are inside of the same leaves are of one kind.
        own = (signatures[column] >> start) & ((1 << len(leaves)) - 1)
        _, where, kind = np.unique(own, return_index=True, return_inverse=True)
        kinds.append(kind)
        first.append(where)
        cells *= len(where)
        if cells > CELLS and len(leaves) > 1:
            return None
    shape = tuple(len(where) for where in first)
    grid = np.indices(shape).reshape(len(shape), -1)
    at = {
        column: where[grid[place]]
        for place, (column, where) in enumerate(zip(columns, first, strict=True))
    }
    summed = np.zeros((len(columns), cells))
    for leaf in leaves:
        bits = np.zeros(cells, dtype="intp")
        for column, inside in zip(leaf.columns, leaf.inside, strict=True):
            bits = bits * 2 + inside[at[column]]
        given = values[leaf].take(bits, axis=0)
        for place, column in enumerate(leaf.columns):
            summed[columns.index(column)] += given[:, place]
    strides = [int(np.prod(shape[place + 1 :])) for place in range(len(shape))]
    steps = [kind * stride for kind, stride in zip(kinds, strides, strict=True)]
    return Table(columns, steps, summed)


def _look_up(table: Table, asked: "list[np.ndarray]", found: "np.ndarray") -> None:
    """Add what the leaves of a table give to each row of ``found``."""
    for start in range(0, len(found), CHUNK):
        rows = slice(start, start + CHUNK)
        cell = table.steps[0].take(asked[table.columns[0]][rows])
        for column, step in zip(table.columns[1:], table.steps[1:], strict=True):
            cell += step.take(asked[column][rows])
        for column, values in zip(table.columns, table.values, strict=True):
            found[rows, column] += values.take(cell)


def _add_longest(
    leaf: Leaf, known: "list[np.ndarray]", asked: "list[np.ndarray]", found: "np.ndarray"
) -> None:
    """Add what a leaf gives that has too many combinations: only of those the rows have."""
    import numpy as np

    m = len(leaf.columns)
    z, counts = np.unique(leaf.combination(known), return_counts=True)
    x, kind = np.unique(leaf.combination(asked), return_inverse=True)
    # A slice at a time: there may be as many combinations as rows.
    values = [
        _shares(x[start : start + CELLS], z, counts * (leaf.value / counts.sum()), m)
        for start in range(0, len(x), CELLS)
    ]
    shares = np.concatenate(values)[kind] if values else np.zeros((0, m))
    for place, column in enumerate(leaf.columns):
        found[:, column] += shares[:, place]
