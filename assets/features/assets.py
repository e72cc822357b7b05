"""Features in Dagster: the files Feast reads, the night's scoring set, the training set."""

import dagster as dg

from assets.content import content_digest
from assets.features.publish import publish_days
from assets.features.sets import scoring_set, set_schema, training_set
from assets.gate_results import verdicts
from assets.quality.scoring_population import GATE
from assets.spec import UseCaseSpec, closes_at
from assets.tables import LABELS, POPULATION, SCORING_SET, TRAINING_SET, features
from orchestration.failures import SAME_STORE, explained
from orchestration.partitions import all_days, daily, day_of, span
from orchestration.resources.installation import Installation

GROUP = "features"


def view_asset(spec: UseCaseSpec, view: str) -> dg.AssetsDefinition:
    """The day files of one Feast feature view."""
    declared = spec.features.views[view]

    @dg.asset(
        key=[spec.name, f"{view}_view"],
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


def _schema(spec: UseCaseSpec, *, label: bool) -> dg.TableSchema:
    return dg.TableSchema(
        [dg.TableColumn(field.name, str(field.type)) for field in set_schema(spec, label)]
    )


def scoring_set_asset(spec: UseCaseSpec) -> dg.AssetsDefinition:
    """The night's cases with their features, point in time."""
    upstream = [POPULATION, *(f"{view}_view" for view in spec.features.views)]

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
        metadata={"dagster/column_schema": _schema(spec, label=False)},
    )
    def joined(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> dg.MaterializeResult[None]:
        day, lake = day_of(context), installation.lake
        with explained():
            rows = scoring_set(spec, lake, installation.home, day)
            lake.ensure(spec.name, SCORING_SET, rows.schema)
            commit = lake.replace_day(
                spec.name,
                SCORING_SET,
                day,
                rows,
                {"run_id": context.run.run_id, "spec_version": spec.version},
            )
        nulls = {name: rows.column(name).null_count for name in spec.feature_names}
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": rows.num_rows,
                "nulls per feature": dg.MetadataValue.json(nulls),
                "table version": commit.version,
                "changed": commit.changed,
            }
        )

    return joined


def training_set_asset(spec: UseCaseSpec) -> dg.AssetsDefinition:
    """Every case with a matured label as of the close of the partition's day."""
    upstream = [POPULATION, LABELS, *(f"{view}_view" for view in spec.features.views)]

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
        metadata={"dagster/column_schema": _schema(spec, label=True)},
    )
    def labelled(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> dg.MaterializeResult[None]:
        day, lake = day_of(context), installation.lake
        with explained():
            judged = verdicts(lake, spec.name, GATE)
            stopped = [night for night, verdict in judged.items() if verdict != "pass"]
            rows = training_set(spec, lake, installation.home, closes_at(day), without=stopped)
            lake.ensure(spec.name, TRAINING_SET, rows.schema)
            commit = lake.replace_day(
                spec.name,
                TRAINING_SET,
                day,
                rows,
                {"run_id": context.run.run_id, "spec_version": spec.version},
            )
        positives = sum(rows.column("label").to_pylist())
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": rows.num_rows,
                "positives": positives,
                "as of": closes_at(day).isoformat(),
                "stopped nights left out": ", ".join(map(str, sorted(stopped))) or "none",
                "content digest": content_digest(rows),
                "table version": commit.version,
                "changed": commit.changed,
            }
        )

    return labelled
