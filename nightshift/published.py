"""Which tables of the lake may be read, what each holds, and why the others may not.

An allow-list: a table somebody adds to the lake is not readable until a line here says what it is.
Readable is what holds no personal data beyond tokens and what the use case declared as columns a
model or its audit may see.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase

import pyarrow as pa

from assets import tables
from assets.lake import PARTITION

CASES = "cases"
"""Not a table of the lake but a view over four of them, see :mod:`nightshift.cases`."""


@dataclass(frozen=True)
class Published:
    """A table, or tables of one pattern, that may be read."""

    holds: str
    schema: pa.Schema | None = None
    """With the day column; None: follows the use case's spec. What has a schema of its own can be
    read before the first night wrote it, as a table without rows."""


def _nightly(schema: pa.Schema) -> pa.Schema:
    return schema.append(pa.field(PARTITION, pa.date32()))


PUBLISHED: dict[str, Published] = {
    CASES: Published(
        "One row per decided case: the decision, the values it was made from, the groups it is "
        "audited by and, once matured, its outcome."
    ),
    tables.DECISIONS: Published(
        "The live decision of every case: approve, decline or refer, with score, rule, reasons "
        "and the versions behind it.",
        _nightly(tables.DECISIONS_SCHEMA),
    ),
    tables.PREDICTIONS: Published(
        "The score of every case, what pushed it up the most, and which model gave it.",
        _nightly(tables.PREDICTIONS_SCHEMA),
    ),
    tables.CHALLENGER_SCORES: Published(
        "Score and advice of the challenger beside the champion's, on the same cases.",
        _nightly(tables.CHALLENGER_SCORES_SCHEMA),
    ),
    tables.DRIFT: Published(
        "What moved against the champion's training window, and whether it matters: a row per "
        "night, measure and column.",
        _nightly(tables.MEASURES_SCHEMA),
    ),
    tables.PERFORMANCE: Published(
        "How good the models are on outcomes that have matured: a row per night, measure, part "
        "of the cases, model version and arm.",
        _nightly(tables.MEASURES_SCHEMA),
    ),
    tables.FAIRNESS: Published(
        "Decisions and matured outcomes by group of the sensitive columns: a row per night, "
        "measure and group.",
        _nightly(tables.MEASURES_SCHEMA),
    ),
    tables.ECONOMICS: Published(
        "What a night cost and what its decisions are worth, in the use case's currency.",
        _nightly(tables.MEASURES_SCHEMA),
    ),
    tables.COMPUTE: Published(
        "Seconds of the machine by run and step.", _nightly(tables.COMPUTE_SCHEMA)
    ),
    tables.INCIDENTS: Published(
        "Incidents as each night left them: what happened, what the road did, what a person "
        "should do.",
        _nightly(tables.INCIDENTS_SCHEMA),
    ),
    tables.ALERTS: Published("Alerts that were raised.", _nightly(tables.ALERTS_SCHEMA)),
    tables.GATE_RESULTS: Published(
        "Every verdict of every gate, with figures, thresholds and what to do.",
        _nightly(tables.GATE_RESULTS_SCHEMA),
    ),
    tables.RELEASE_CHECKS: Published(
        "What was asked of the challenger each night, and the move that followed.",
        _nightly(tables.RELEASE_CHECKS_SCHEMA),
    ),
    tables.RELEASE_EVENTS: Published(
        "Every step of every model version, who took it and why.", tables.RELEASE_EVENTS_SCHEMA
    ),
    tables.POPULATION: Published(
        "The cases of each day: key and entity as tokens, event time, declared columns."
    ),
    tables.LABELS: Published("Outcomes as they were observed, by the day they arrived."),
    tables.SCORING_SET: Published("The cases of each night with the feature values they had then."),
    tables.TRAINING_SET: Published(
        "What each training learned from; the day is the training's as-of day, not the case's."
    ),
    tables.features("*"): Published(
        "Facts of a feature view as they were reported, by the day they arrived."
    ),
}

WITHHELD: dict[str, str] = {
    "quarantine_*": "it holds refused rows as they came, personal values sealed among them; "
    "`nightshift quarantine list` and `show` are for the data engineer",
    "validated_*": "it holds rows before the gates at the door have judged their day; what was "
    "published of them is in population, labels and the features_ tables",
    "files_*": "it is bookkeeping of the door; Dagster shows it on the asset of the source",
    "profile_*": "it is bookkeeping of the door; its gates' figures are in gate_results",
    tables.BUILT_FROM: "it is bookkeeping of the marts",
    tables.REVIEWS: "reviewers write about people in their own words, under their own names; how "
    "often they decide otherwise is in performance, measure override_rate",
    "ledger_*": "it is evidence, to be verified rather than queried: `nightshift audit verify`",
    "metrics": "an earlier version kept drift there; it is in drift now",
    tables.PEOPLE: "it says who may approve; `nightshift people list`",
}


def published(table: str) -> Published | None:
    """What a table is, by its name; None where it may not be read."""
    if not table.isidentifier():  # a name with .. in it would be of another table
        return None
    if table in PUBLISHED:
        return PUBLISHED[table]
    return next(
        (
            one
            for pattern, one in PUBLISHED.items()
            if "*" in pattern and fnmatchcase(table, pattern)
        ),
        None,
    )


def why_not(table: str) -> str | None:
    """Why a table of the platform may not be read; None where nothing is known of it."""
    return next((why for pattern, why in WITHHELD.items() if fnmatchcase(table, pattern)), None)
