"""Do the features have values? A view without any, or a feature that is null in every row, is a
broken join or a source that never came, whatever the model made of it."""

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.training.gates.finding import Finding

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec

GATE = "training.coverage"


def coverage_gate(spec: "UseCaseSpec", training_set: pa.Table) -> Finding:
    """Share of rows with any value per feature view, and features without a value.

    A view fails below its ``min_coverage``, and always without a single value.
    """
    from assets.features.coverage import view_coverage

    rows = training_set.num_rows
    floors = {name: view.min_coverage for name, view in spec.features.views.items()}
    threshold: dict[str, Any] = {"min_coverage": floors, "empty_features": []}
    if not rows:
        return Finding(
            GATE,
            "insufficient",
            f"{spec.name}: the training set has no row, so nothing can be said of its features",
            {"rows": 0},
            threshold,
        )
    views = view_coverage(spec, training_set)
    # Every view's features are in the training set: the frame they become was already made.
    empty = [
        name
        for name in spec.feature_names
        if not pc.any(_usable(training_set.column(name))).as_py()
    ]
    figures = {"rows": rows, "views": views, "empty_features": empty}
    thin = [name for name, share in views.items() if share <= 0 or share < floors[name]]
    if not thin and not empty:
        lowest = min(views.items(), key=lambda item: item[1], default=None)
        seen = f"; the thinnest view, {lowest[0]}, reaches {lowest[1]:.1%}" if lowest else ""
        return Finding(
            GATE,
            "pass",
            f"{spec.name}: every feature has values in {rows} rows{seen}",
            figures,
            threshold,
        )
    said = [
        f"view '{name}' has a value for {views[name]:.1%} of {rows} rows, asked "
        f"{f'{floors[name]:.1%}' if floors[name] else 'at least one'}"
        for name in thin
    ]
    if empty:
        said.append(f"no value at all in {', '.join(empty)}")
    return Finding(
        GATE,
        "fail",
        f"{spec.name}: {'; '.join(said)}. Check the view's ttl against the age of its facts, its "
        "join key, and that its source has landed; or take it out of features",
        figures,
        threshold,
    )


def _usable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether a model sees a value: neither null nor, of a number, NaN or infinite."""
    if pa.types.is_floating(column.type):
        return pc.fill_null(pc.is_finite(column), False)
    return pc.is_valid(column)
