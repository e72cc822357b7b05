"""Features in Dagster: the files Feast reads, the night's scoring set and the gate on what is known
of it, the training set, the online store; with the lineage of every column."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import pyarrow as pa

from assets.content import content_digest
from assets.features.columns import LABEL, LABEL_OBSERVED, stored_schema
from assets.features.coverage import GATE as COVERAGE
from assets.features.coverage import judge_coverage
from assets.features.lineage import (
    Columns,
    feature_lineage,
    lineage_table,
    set_columns,
    view_asset_name,
    view_columns_made_of,
)
from assets.features.online import ONLINE, materialize
from assets.features.parity import ParityError
from assets.features.point_in_time import path_for
from assets.features.publish import publish_days
from assets.features.sets import label_figures, scoring_set, set_schema, training_set
from assets.gate_results import record
from assets.lake import Lake
from assets.ledger.judged_anew import put_judged_anew
from assets.quality.assets import finding
from assets.quality.stopped import stopped_nights
from assets.reviews.labels import reviewed_labels
from assets.spec import UseCaseSpec, closes_at
from assets.tables import LABELS, POPULATION, SCORING_SET, TRAINING_SET, features
from orchestration.failures import SAME_STORE, explained
from orchestration.metadata import column_lineage, column_schema
from orchestration.partitions import all_days, daily, day_of, span
from orchestration.resources.installation import Installation

GROUP = "features"
PARITY = "online_parity"


def view_asset(spec: UseCaseSpec, view: str) -> dg.AssetsDefinition:
    """The day files of one Feast feature view."""
    declared = spec.features.views[view]

    @dg.asset(
        key=[spec.name, view_asset_name(view)],
        deps=[[spec.name, features(view)]],
        group_name=GROUP,
        kinds={"feast", "parquet"},
        owners=spec.owners or None,
        description=(
            f"Facts about `{declared.entity}` as Feast reads them: one immutable file a day, "
            f"valid for {declared.ttl} after `{declared.timestamp}`."
        ),
        partitions_def=daily(spec),
        backfill_policy=dg.BackfillPolicy.single_run(),
        retry_policy=SAME_STORE,
        metadata=_columns(spec, stored_schema(spec, view), view_columns_made_of(spec, view)),
    )
    def published(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> dg.MaterializeResult[None]:
        first, last = span(context)
        snapshot = spec.sources[spec.view_source(view)].arrival == "snapshot"
        with explained():
            done = publish_days(
                installation.lake,
                installation.home,
                spec,
                view,
                None if snapshot else first,
                None if snapshot else last,
            )
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": done.rows,
                "files written": len(done.written),
                "files unchanged": done.unchanged,
                "repeated facts left out": done.repeated,
                "facts without entity or time": done.unusable,
            }
        )

    return published


def _columns(spec: UseCaseSpec, schema: pa.Schema, made_of: Columns) -> dict[str, Any]:
    """Columns of an asset's table, and the columns of other assets each is made of."""
    words = {one["feature"]: _words(one) for one in feature_lineage(spec)}
    return {
        **column_schema(schema, words),
        **column_lineage(spec.name, made_of),
        # The column lineage is for machines (the open-source UI shows it as JSON); this for people.
        "where features come from": dg.MetadataValue.md(lineage_table(spec)),
    }


def _words(feature: Mapping[str, Any]) -> str:
    """What a feature is, with its unit."""
    unit = f" ({feature['unit']})" if feature["unit"] else ""
    return f"{feature['description'] or ''}{unit}".strip()


def _set_columns(spec: UseCaseSpec, *, label: bool) -> dict[str, Any]:
    made_of = set_columns(spec)
    if label:
        made_of |= {LABEL: [(LABELS, LABEL)], LABEL_OBSERVED: [(LABELS, "observed_at")]}
    return _columns(spec, set_schema(spec, label), made_of)


def _stored(
    context: dg.AssetExecutionContext, spec: UseCaseSpec, lake: Lake, table: str, rows: pa.Table
) -> dict[str, Any]:
    """Make ``rows`` the partition's day of the table; what came of it, for the asset's page."""
    lake.ensure(spec.name, table, rows.schema)
    said = {"run_id": context.run.run_id, "spec_version": spec.version}
    commit = lake.replace_day(spec.name, table, day_of(context), rows, said)
    return {"table version": commit.version, "changed": commit.changed}


def scoring_set_asset(spec: UseCaseSpec) -> dg.AssetsDefinition:
    """The night's cases with their features, point in time."""
    upstream = [POPULATION, *map(view_asset_name, spec.features.views)]

    @dg.asset(
        key=[spec.name, SCORING_SET],
        deps=[[spec.name, table] for table in upstream],
        group_name=GROUP,
        kinds={"feast", "duckdb", "deltalake"},
        owners=spec.owners or None,
        description=(
            "The night's cases, each with its features as known at its event time. "
            "Every case of the population is here, with nulls where nothing was known."
        ),
        partitions_def=daily(spec),
        retry_policy=SAME_STORE,
        metadata=_set_columns(spec, label=False),
    )
    def joined(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> dg.MaterializeResult[None]:
        day, lake = day_of(context), installation.lake
        with explained():
            rows = scoring_set(spec, lake, installation.home, day)
            stored = _stored(context, spec, lake, SCORING_SET, rows)
        nulls = {name: rows.column(name).null_count for name in spec.feature_names}
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": rows.num_rows,
                "nulls per feature": dg.MetadataValue.json(nulls),
                "joined through": path_for(rows.num_rows),
                **stored,
            }
        )

    return joined


def training_set_asset(spec: UseCaseSpec) -> dg.AssetsDefinition:
    """Every case with a matured label as of the close of the partition's day."""
    upstream = [POPULATION, LABELS, *map(view_asset_name, spec.features.views)]

    @dg.asset(
        key=[spec.name, TRAINING_SET],
        deps=[
            dg.AssetDep(dg.AssetKey([spec.name, table]), partition_mapping=all_days())
            for table in upstream
        ],
        group_name=GROUP,
        kinds={"feast", "duckdb", "deltalake"},
        owners=spec.owners or None,
        description=(
            "Every case whose outcome had matured by the close of the partition's day, with the "
            "features known at its event time. Nights stopped at a gate are left out."
        ),
        partitions_def=daily(spec),
        retry_policy=SAME_STORE,
        metadata=_set_columns(spec, label=True),
    )
    def labelled(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> dg.MaterializeResult[None]:
        day, lake = day_of(context), installation.lake
        with explained():
            stopped = stopped_nights(spec, lake)
            as_of = closes_at(day)
            reviewed = reviewed_labels(spec, lake, as_of)
            rows = training_set(
                spec, lake, installation.home, as_of, without=stopped, reviewed=reviewed
            )
            stored = _stored(context, spec, lake, TRAINING_SET, rows)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": rows.num_rows,
                **label_figures(spec, rows.column(LABEL)),
                "joined through": path_for(rows.num_rows),
                "as of": as_of.isoformat(),
                "outcomes people decided": reviewed.num_rows if reviewed is not None else 0,
                "stopped nights left out": ", ".join(map(str, stopped)) or "none",
                "content digest": content_digest(rows),
                **stored,
            }
        )

    return labelled


def feature_coverage_check(spec: UseCaseSpec) -> dg.AssetChecksDefinition:
    """How many of the night's cases each view knows anything of; too few, and none is scored."""

    @dg.asset_check(
        asset=[spec.name, SCORING_SET],
        name=COVERAGE,
        blocking=True,
        partitions_def=daily(spec),
        retry_policy=SAME_STORE,
        description=(
            "Share of the night's cases with any value of each feature view: a view without a "
            "single value never passes, nor one below its `min_coverage`."
        ),
    )
    def judged(
        context: dg.AssetCheckExecutionContext, installation: Installation
    ) -> dg.AssetCheckResult:
        day, lake = day_of(context), installation.lake
        with explained():
            # In the schema of the lake's table: the same bytes the consumer will look at.
            rows = lake.read_day(spec.name, SCORING_SET, day)
            result = judge_coverage(spec, day, rows)
            run_id = context.run.run_id
            record(lake, spec.name, day, result, spec_version=spec.version, run_id=run_id)
            put_judged_anew(lake, installation.home, spec, [day], run_id)
        # The check's own description is not shown on the page of the run: say there what it found.
        (context.log.info if result.verdict == "pass" else context.log.error)(result.message)
        return finding(
            spec,
            result,
            {
                "rows": rows.num_rows,
                "share of cases known": dg.MetadataValue.json(dict(result.figures)),
                "smallest share allowed": dg.MetadataValue.json(dict(result.threshold)),
            },
        )

    return judged


def online_features_asset(spec: UseCaseSpec) -> dg.AssetsDefinition:
    """What is known of every entity at the close of a day, for whoever asks between the nights."""

    @dg.asset(
        key=[spec.name, ONLINE],
        deps=[
            dg.AssetDep(
                dg.AssetKey([spec.name, view_asset_name(view)]), partition_mapping=all_days()
            )
            for view in spec.features.views
        ],
        group_name=GROUP,
        kinds={"feast", "sqlite"},
        owners=spec.owners or None,
        description=(
            "The newest fact known of each entity at the close of the partition's day, in Feast's "
            "online store. Filled on demand; the day filled last is what the store holds."
        ),
        partitions_def=daily(spec),
        retry_policy=SAME_STORE,
        check_specs=[
            dg.AssetCheckSpec(
                PARITY,
                asset=[spec.name, ONLINE],
                blocking=True,
                partitions_def=daily(spec),
                description=(
                    "Values online are those of the offline join, bit for bit: of facts that "
                    "hold, that have expired, that were not known, and of nulls. A store of which "
                    "this is not true is not put in place."
                ),
            )
        ],
    )
    def online(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        with explained():
            try:
                done = materialize(spec, installation.home, closes_at(day_of(context)))
            except ParityError as error:
                yield _parity(spec, False, str(error), {})
                raise
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(done.entities.values()),
                "entities per view": dg.MetadataValue.json(done.entities),
                "known until": done.until.isoformat(),
            },
            check_results=[_parity(spec, True, _same(done.compared), done.compared)],
        )

    return online


def _same(compared: Mapping[str, Mapping[str, int]]) -> str:
    """That nothing differs, and of how many entities."""
    told = ", ".join(
        f"{view} {sum(n for state, n in found.items() if state != 'null')}"
        for view, found in compared.items()
    )
    return f"Every value compared is the same, entities by view: {told}; allowed are 0 others."


def _parity(
    spec: UseCaseSpec, passed: bool, text: str, compared: Mapping[str, Mapping[str, int]]
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey([spec.name, ONLINE]),
        check_name=PARITY,
        passed=passed,
        description=text,
        metadata={"entities compared, and nulls": dg.MetadataValue.json(compared)},
    )
