"""From a source column to the model versions that use it, and back."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets.features.assets import scoring_set_asset, training_set_asset, view_asset
from assets.features.columns import LABEL, LABEL_OBSERVED
from assets.features.lineage import (
    Columns,
    lineage_table,
    set_columns,
    view_asset_name,
    view_columns_made_of,
)
from assets.home import Home
from assets.marts.dbt_files import project_files
from assets.marts.lineage import mart_columns
from assets.spec import UseCaseSpec
from assets.tables import POPULATION
from tests.unit.test_features import with_derived_features

SPEC = with_derived_features()


def origins(tables: dict[str, Columns], table: str, column: str) -> Iterator[tuple[str, str]]:
    """Follow a column up to where nothing makes it."""
    if table not in tables:
        yield table, column
        return
    for upstream, name in tables[table][column]:
        yield from origins(tables, upstream, name)


def test_every_column_of_the_sets_goes_back_to_a_column_of_a_source() -> None:
    tables = mart_columns(SPEC)
    for view in SPEC.features.views:
        tables[view_asset_name(view)] = view_columns_made_of(SPEC, view)
    tables["set"] = set_columns(SPEC)
    found = {column: set(origins(tables, "set", column)) for column in tables["set"]}
    assert found["pressure"] == {("gauges", "pressure")}
    assert found["strain"] == {("gauges", "pressure"), ("events", "load")}
    for column, sources in found.items():
        assert sources, column
        for source, name in sources:
            assert name in SPEC.sources[source].columns
    assert set(origins(tables, "labels", LABEL)) == {("outcomes", "failed")}


def test_marts_are_made_of_what_dbt_makes_them_of(tmp_path: Path) -> None:
    files = project_files(SPEC, Home(tmp_path))
    tables = mart_columns(SPEC)
    written = {Path(name).stem: text for name, text in files.items() if name.endswith(".sql")}
    assert set(tables) == set(written)
    for table, columns in tables.items():
        for upstream in {one for deps in columns.values() for one, _ in deps}:
            named = upstream if table.startswith("stg_") else f"ref('{upstream}')"
            assert named in written[table]
        if table.startswith(("features_", "stg_")) or table == POPULATION:
            assert all(f'"{c}"' in written[table] or f"'{c}'" in written[table] for c in columns)


def test_the_table_names_the_versions_that_use_a_feature() -> None:
    table = lineage_table(SPEC, {1: ["load", "humidity"], 3: ["load", "pressure", "strain"]})
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert rows[0] == ["feature", "made of", "mart", "view", "model versions using it"]
    assert rows[2:] == [
        ["load", "events.load", "population", "", "1, 3"],
        ["urgent", "events.urgent", "population", "", "none"],
        ["pressure", "gauges.pressure", "features_gauges", "gauges", "3"],
        ["strain", "pressure / load", "", "", "3"],
        ["humidity", "(not in the spec any more)", "", "", "1"],
    ]
    assert "model versions" not in lineage_table(SPEC)


@pytest.mark.parametrize("which", ["view", "scoring", "training"])
def test_the_pages_of_the_assets_show_it(which: str) -> None:
    assets: dict[str, dg.AssetsDefinition] = {
        "view": view_asset(SPEC, "gauges"),
        "scoring": scoring_set_asset(SPEC),
        "training": training_set_asset(SPEC),
    }
    (one,) = assets[which].specs
    shown = one.metadata["where features come from"]
    assert isinstance(shown, dg.MarkdownMetadataValue)
    assert shown.value == lineage_table(SPEC)
    made_of = one.metadata["dagster/column_lineage"].deps_by_column
    assert (LABEL_OBSERVED in made_of) == (which == "training")


def test_a_use_case_without_features_of_views_has_a_table_too() -> None:
    declared = SPEC.model_dump()
    declared["features"] |= {"views": {}, "derived": {}}
    plain = UseCaseSpec.model_validate(declared)
    assert "| load | events.load | population |" in lineage_table(plain, {})
