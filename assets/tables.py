"""Names and schemas of the platform's own lake tables (all times UTC, microseconds).

Tables whose columns follow the spec (validated sources, marts, training and scoring sets) get
their schema from :func:`assets.ingestion.contract.arrow_schema` and the stage that writes them.
"""

import pyarrow as pa

TIMESTAMP = pa.timestamp("us", tz="UTC")

SCORING_SET = "scoring_set"
TRAINING_SET = "training_set"
PREDICTIONS = "predictions"
DECISIONS = "decisions"
GATE_RESULTS = "gate_results"
RELEASE_EVENTS = "release_events"
METRICS = "metrics"

POPULATION = "population"
LABELS = "labels"


def validated(source: str) -> str:
    """Lake table of a source's rows that passed the contract."""
    return f"validated_{source}"


def quarantine(source: str) -> str:
    """Lake table of a source's rows that did not."""
    return f"quarantine_{source}"


def features(view: str) -> str:
    """Lake table (and dbt mart) of a feature view's facts."""
    return f"features_{view}"


QUARANTINE_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("file", pa.string()),  # name under the source's landing folder
        ("file_sha256", pa.string()),
        ("line", pa.int64()),  # 1-based line of the file (row number for Parquet)
        ("column", pa.string()),
        ("rule", pa.string()),  # type | required | range | values | wrong_day | shape
        ("message", pa.string()),
        ("original", pa.string()),  # the row as JSON text, personal columns masked
        ("run_id", pa.string()),
    ]
)

GATE_RESULTS_SCHEMA = pa.schema(
    [
        ("gate", pa.string()),
        ("subject", pa.string()),  # table the gate looked at
        ("verdict", pa.string()),  # pass | fail | insufficient
        ("message", pa.string()),  # what, how much, what to do
        ("figures", pa.string()),  # JSON object, sorted keys
        ("threshold", pa.string()),  # JSON object, sorted keys
        ("evidence_digest", pa.string()),  # content_digest of the subject's rows
        ("spec_version", pa.string()),
        ("run_id", pa.string()),
    ]
)

PREDICTIONS_SCHEMA = pa.schema(
    [
        ("case_key", pa.string()),
        ("entity_key", pa.string()),
        ("event_timestamp", TIMESTAMP),
        ("score", pa.float64()),  # probability of the positive label
        ("model_version", pa.int64()),
        ("model_digest", pa.string()),
    ]
)

DECISIONS_SCHEMA = pa.schema(
    [
        ("decision_id", pa.string()),  # uuid5, stable across re-runs
        ("case_key", pa.string()),
        ("entity_key", pa.string()),
        ("event_timestamp", TIMESTAMP),
        ("score", pa.float64()),
        ("decision", pa.string()),  # approve | decline | refer
        ("advice", pa.string()),  # what the score alone says; differs where a person must confirm
        ("rule", pa.string()),  # the policy rule that decided
        ("model_version", pa.int64()),
        ("model_digest", pa.string()),
        ("spec_version", pa.string()),
        ("run_id", pa.string()),
    ]
)

RELEASE_EVENTS_SCHEMA = pa.schema(
    [
        ("sequence", pa.int64()),
        ("at", TIMESTAMP),  # the injected clock (as-of), not the wall
        ("model_version", pa.int64()),
        ("stage", pa.string()),  # registered | challenger | champion | retired | rejected
        ("effective_from", pa.date32()),  # first partition it applies to
        ("model_digest", pa.string()),  # SHA-256 of the model file
        ("actor", pa.string()),
        ("reason", pa.string()),
        ("evidence", pa.string()),  # JSON: held-out metrics, sample sizes, MLflow run
        ("spec_version", pa.string()),
        ("run_id", pa.string()),
    ]
)

METRICS_SCHEMA = pa.schema(
    [
        ("metric", pa.string()),
        ("subject", pa.string()),  # column name, or 'overall'
        ("value", pa.float64()),
        ("threshold", pa.float64()),
        ("verdict", pa.string()),
        ("detail", pa.string()),  # JSON object
        ("run_id", pa.string()),
    ]
)
