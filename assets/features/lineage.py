"""Where every feature comes from: source column, mart, view; and so what a model depends on."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from assets.features.columns import stored_name, stored_schema, view_columns
from assets.features.derived import formula
from assets.tables import POPULATION, features

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec

Columns = dict[str, list[tuple[str, str]]]
"""Column → the (table, column) pairs it is made of; tables of the use case's own assets."""


def feature_lineage(spec: "UseCaseSpec") -> list[dict[str, Any]]:
    """Every feature in the model's order, one dict each, None where there is nothing to say:

    ``feature``, ``source`` and ``source_column``, ``mart``, ``view``, ``unit``, ``description``,
    and for a derived feature ``operands`` (the two features it is made of; its ``source_column`` is
    the formula).
    """
    found = [
        _plain(spec, name, spec.population.source, POPULATION, None)
        for name in spec.features.request
    ]
    for view, declared in spec.features.views.items():
        source = spec.view_source(view)
        found += [_plain(spec, name, source, features(view), view) for name in declared.columns]
    for name, derived in spec.features.derived.items():
        found.append(
            {
                "feature": name,
                "source": None,
                "source_column": formula(derived),
                "mart": None,
                "view": None,
                "unit": None,
                "description": derived.description or f"{formula(derived)}.",
                "operands": list(derived.operands),
            }
        )
    return found


def lineage_table(spec: "UseCaseSpec", versions: Mapping[int, Sequence[str]] | None = None) -> str:
    """Where every feature comes from, as a Markdown table; with ``versions`` (number → features of
    that model version) also which of them use it, those no spec names any more included."""
    named = [
        (
            one["feature"],
            one["source_column"] if one["operands"] else f"{one['source']}.{one['source_column']}",
            one["mart"] or "",
            one["view"] or "",
        )
        for one in feature_lineage(spec)
    ]
    used = dict.fromkeys(name for features in (versions or {}).values() for name in features)
    gone = [name for name in used if name not in spec.feature_names]
    named += [(name, "(not in the spec any more)", "", "") for name in gone]
    titles = ["feature", "made of", "mart", "view"]
    rows = [list(row) for row in named]
    if versions is not None:
        titles.append("model versions using it")
        for row in rows:
            users = [number for number in sorted(versions) if row[0] in versions[number]]
            row.append(", ".join(map(str, users)) or "none")
    lines = [titles, ["---"] * len(titles), *([c.replace("|", "/") for c in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def set_columns(spec: "UseCaseSpec") -> Columns:
    """Columns of the scoring set (and of the training set, but for the label): what each is of.

    A derived feature is made of what its operands are made of.
    """
    made: Columns = {column: [(POPULATION, column)] for column in spec.population_columns}
    for view, declared in spec.features.views.items():
        made |= {c: [(view_asset_name(view), stored_name(c))] for c in declared.columns}
    for name, derived in spec.features.derived.items():
        operands = [one for operand in derived.operands for one in made[operand]]
        made[name] = list(dict.fromkeys(operands))
    return made


def view_columns_made_of(spec: "UseCaseSpec", view: str) -> Columns:
    """Columns of a view's day files: the mart's column each holds."""
    names = stored_schema(spec, view).names
    return {
        stored: [(features(view), column)]
        for stored, column in zip(names, view_columns(spec, view), strict=True)
    }


def view_asset_name(view: str) -> str:
    """Table name of a view's asset."""
    return f"{view}_view"


def _plain(
    spec: "UseCaseSpec", name: str, source: str, mart: str, view: str | None
) -> dict[str, Any]:
    column = spec.sources[source].columns[name]
    return {
        "feature": name,
        "source": source,
        "source_column": name,
        "mart": mart,
        "view": view,
        "unit": column.unit,
        "description": column.description,
        "operands": None,
    }
