"""The view ``cases``: what was decided, on what, about which groups, and what came of it.

Everybody who compares groups of cases needs these four tables joined, and two of the joins are easy
to get wrong: of several outcomes of a case the last observed one holds, and an outcome counts only
once the case has matured. Counting early ones would count the bad ones, which come first.
"""

from datetime import date
from typing import TYPE_CHECKING

from assets.decisions.outcomes import WITHDRAWN
from assets.ingestion.csv_rows import quoted
from assets.lake import PARTITION
from assets.spec import closes_at
from assets.tables import DECISIONS, LABELS, SCORING_SET

if TYPE_CHECKING:
    from nightshift.about import UseCase

DECIDED = (
    *("decision_id", "case_key", "entity_key", "event_timestamp", "score", "prediction"),
    *("decision", "advice", "rule", "band", "overflow", "arm", "model_version", "fallback"),
)
"""Columns of the decision, as they are called there."""

TOLD = ("first_reason", "matured", "outcome", "outcome_observed_at")
"""Columns the view adds."""

OUTCOME_TYPE = {"binary": "BIGINT", "multiclass": "VARCHAR", "regression": "DOUBLE"}


def cases_sql(facts: "UseCase", values: list[str], last: date, *, labelled: bool) -> str:
    """The SELECT behind ``<use case>.cases``, over tables of the same schema.

    Columns: the day, DECIDED, TOLD, and every column of the scoring set (``values``) that is not
    key, entity, event time or day; one that is called like a column of the decision gets the prefix
    ``value_``. ``matured``: the outcome counts by the close of ``last``, the last night on record;
    ``outcome``: the last one observed by then, null until matured or where none came.
    """
    schema = quoted(facts.name)
    known = f"TIMESTAMPTZ '{closes_at(last).isoformat()}'"
    grows = f"INTERVAL {facts.matures_after.total_seconds():.0f} SECOND"
    matured = f"(d.event_timestamp + {grows} <= {known})"
    taken = {PARTITION, *DECIDED, *TOLD}
    keys = {facts.key, facts.entity, facts.event_timestamp, PARTITION}
    shown = [
        f"s.{quoted(name)} AS {quoted(f'value_{name}' if name in taken else name)}"
        for name in values
        if name not in keys
    ]
    outcomes = (
        f"""SELECT CAST({quoted(facts.key)} AS VARCHAR) AS case_key,
               arg_max(label, row(observed_at, {PARTITION}, label)) AS label,
               max(observed_at) AS observed_at
        FROM {schema}.{LABELS}
        WHERE label IS NOT NULL AND observed_at <= {known} AND {PARTITION} <= DATE '{last}'
        GROUP BY ALL"""
        if labelled
        else f"""SELECT NULL::VARCHAR AS case_key, NULL::{OUTCOME_TYPE[facts.task]} AS label,
               NULL::TIMESTAMPTZ AS observed_at WHERE false"""
    )
    columns = [
        f"d.{PARTITION}",
        *(f"d.{name}" for name in DECIDED),
        "d.reasons[1].feature AS first_reason",
        f"{matured} AS matured",
        f"CASE WHEN {matured} THEN o.label END AS outcome",
        f"CASE WHEN {matured} THEN o.observed_at END AS outcome_observed_at",
        *shown,
    ]
    return f"""SELECT {", ".join(columns)}
    FROM {schema}.{DECISIONS} AS d
    LEFT JOIN {schema}.{SCORING_SET} AS s
      ON s.{PARTITION} = d.{PARTITION} AND CAST(s.{quoted(facts.key)} AS VARCHAR) = d.case_key
    LEFT JOIN ({outcomes}) AS o ON o.case_key = d.case_key
    WHERE d.rule IS DISTINCT FROM '{WITHDRAWN}'"""
