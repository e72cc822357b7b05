"""Do the sources of features know whom the day's cases are about?"""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from assets.ingestion.day_gates import Finding, insufficient
from assets.lake import PARTITION, Lake
from assets.spec import UseCaseSpec, closes_at
from assets.tables import validated

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Known:
    """Of the different entities in a day's population: how many a feature view has facts of."""

    entities: int
    known: int


def known_entities(
    spec: UseCaseSpec, lake: Lake, view: str, first: date, last: date
) -> dict[date, Known]:
    """Per day first..last that has a population: the entities, and those with a fact in time.

    A fact is in time for a day when its timestamp is before the day closes, at most the view's
    ttl before it, and (but for snapshots) it had landed by then. Columns only, and only the
    partitions that can matter.
    """
    import duckdb

    source, declared = spec.view_source(view), spec.features.views[view]
    people = validated(spec.population.source)
    if not lake.exists(spec.name, people):
        return {}
    entity, at = _quoted(declared.entity), _quoted(declared.timestamp)
    ttl = f"INTERVAL {int(declared.time_to_live.total_seconds())} SECOND"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("people", lake.dataset(spec.name, people))
        _register_facts(connection, spec, lake, view)
        within = f"{PARTITION} <= DATE '{last}'"
        landed = f"facts.{PARTITION} <= cases.day"
        if spec.sources[source].arrival == "snapshot":
            # It stands for the source on every day, whatever the date of its file.
            within = landed = "true"
        else:
            # A fact lands on its day or later, so an older partition has nothing in time.
            earliest = (closes_at(first) - declared.time_to_live).date()
            within += f" AND {PARTITION} >= DATE '{earliest}'"
        rows = connection.execute(
            f"""
            WITH cases AS (
              SELECT DISTINCT {PARTITION} AS day, {entity} AS entity FROM people
              WHERE {PARTITION} BETWEEN DATE '{first}' AND DATE '{last}' AND {entity} IS NOT NULL
            ), facts AS (
              SELECT {entity} AS entity, {at} AS at, {PARTITION}
              FROM facts WHERE {within}
            ), found AS (
              SELECT day, entity FROM cases SEMI JOIN facts
              ON cases.entity = facts.entity AND {landed}
              AND facts.at < CAST(cases.day AS TIMESTAMPTZ) + INTERVAL 1 DAY
              AND facts.at >= CAST(cases.day AS TIMESTAMPTZ) + INTERVAL 1 DAY - {ttl}
            )
            SELECT day, count(*), count(found.entity)
            FROM cases LEFT JOIN found USING (day, entity) GROUP BY day
            """
        ).fetchall()
    return {day: Known(entities, known) for day, entities, known in rows}


def references(spec: UseCaseSpec, source: str, day: date, known: dict[str, Known]) -> Finding:
    """Share of the population's entities that the views over ``source`` know nothing of.

    ``known``: what :func:`known_entities` says of the day, by view. The worst view decides.
    """
    limits = spec.sources[source].gates
    most = max((of.entities for of in known.values()), default=0)
    if most < limits.min_rows:
        return insufficient(
            f"{most} different entities in the population are too few to judge "
            f"({limits.min_rows} are needed)",
            entities=most,
        )
    unknown = {view: 1 - of.known / of.entities for view, of in known.items() if of.entities}
    worst = max(unknown, key=lambda view: unknown[view])
    declared = spec.features.views[worst]
    figures = {
        view: {"entities": of.entities, "without facts": of.entities - of.known}
        for view, of in known.items()
    }
    seen = (
        f"{unknown[worst]:.1%} of {known[worst].entities} entities ({declared.entity}) of the "
        f"population have no row within {declared.ttl} for '{worst}'; allowed are "
        f"{limits.references:.1%}"
    )
    threshold = {"unknown share": limits.references}
    if unknown[worst] <= limits.references:
        return Finding("pass", seen, figures, threshold)
    return Finding(
        "fail",
        f"{seen}. See whether the files of '{source}' are complete and name {declared.entity} as "
        f"those of '{spec.population.source}' do, drop what is missing and run the day again",
        figures,
        threshold,
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _register_facts(
    connection: "duckdb.DuckDBPyConnection", spec: UseCaseSpec, lake: Lake, view: str
) -> None:
    """Table ``facts``: the source's rows that passed; without rows when none ever landed."""
    table = validated(spec.view_source(view))
    if lake.exists(spec.name, table):
        connection.register("facts", lake.dataset(spec.name, table))
        return
    declared = spec.features.views[view]
    connection.execute(
        f"CREATE VIEW facts AS SELECT {_quoted(declared.entity)}, {PARTITION}, "
        f"CAST(NULL AS TIMESTAMPTZ) AS {_quoted(declared.timestamp)} FROM people WHERE false"
    )
