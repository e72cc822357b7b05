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


def files(source: str) -> str:
    """Lake table of the files a source landed, with the balance of each."""
    return f"files_{source}"


def profile(source: str) -> str:
    """Lake table of what a source's day looks like: what the gates at the door judge by."""
    return f"profile_{source}"


LANDED_ON = "landed_on"
"""Day of the file a row came in (date32); only in tables of sources that take late rows, where it
may be later than the row's own day."""

QUARANTINE_SCHEMA = pa.schema(
    [
        ("quarantine_id", pa.string()),  # 16 hex digits of the SHA-256 of file digest and record
        ("source", pa.string()),
        ("file", pa.string()),  # name under the source's landing folder
        ("file_sha256", pa.string()),
        ("line", pa.int64()),  # 1-based line of the file (row number for Parquet)
        ("column", pa.string()),
        # type | required | range | values | digits | pattern | lost_digits | clock_change |
        # future | wrong_day | too_late | duplicate | conflict | shape | encoding
        ("rule", pa.string()),
        ("message", pa.string()),  # personal values masked
        ("original", pa.string()),  # the row as JSON text, personal columns masked
        ("person", pa.string()),  # whose key sealed the personal values: a token, or the row's id
        ("sealed", pa.string()),  # the masked values, encrypted (JSON or raw line); base64
        ("run_id", pa.string()),
    ]
)

CLOSED = "quarantine_closed"
CLOSED_SCHEMA = pa.schema(
    [
        ("quarantine_id", pa.string()),
        ("source", pa.string()),
        ("closed_at", TIMESTAMP),
        ("by", pa.string()),
        ("correction", pa.string()),  # file name of the corrected rows in landing
        ("correction_sha256", pa.string()),
    ]
)

FILES_SCHEMA = pa.schema(
    [
        ("file", pa.string()),
        ("sha256", pa.string()),
        ("bytes", pa.int64()),
        ("encoding", pa.string()),
        ("forgiven", pa.string()),  # what the file had and need not have; empty: nothing
        ("extra_columns", pa.string()),  # comma-separated
        ("repeats", pa.string()),  # name of the same day's file with the same bytes, else null
        ("landed", pa.int64()),  # landed == validated + quarantined
        ("validated", pa.int64()),
        ("quarantined", pa.int64()),
        ("run_id", pa.string()),
    ]
)

PROFILE_SCHEMA = pa.schema(
    [
        ("landed", pa.int64()),
        ("validated", pa.int64()),  # late rows among them
        ("quarantined", pa.int64()),
        ("late", pa.int64()),  # validated rows of earlier days
        ("future", pa.int64()),  # rows dated after the day closed
        ("duplicates", pa.int64()),  # rows that repeat a key
        ("newest", TIMESTAMP),  # latest time of the declared timestamp column
        ("rows_hash", pa.string()),  # order-free hash of the rows without their timestamp
        ("own_digest", pa.string()),  # SHA-256 of the contract and the files of the day
        ("late_from", pa.string()),  # JSON: day of later files with rows of this day → their digest
        ("input_digest", pa.string()),  # SHA-256 of the two: changes when the day's rows may have
        ("columns", pa.string()),  # JSON: per column what assets.ingestion.profile says
        ("run_id", pa.string()),
    ]
)

BUILT_FROM = "built_from"
BUILT_FROM_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("input_digest", pa.string()),  # of the source's day when the marts were last built
        ("run_id", pa.string()),
    ]
)

ALERTS = "alerts"
ALERTS_SCHEMA = pa.schema(
    [
        ("alert_id", pa.string()),  # uuid5 of the incident: raised once
        ("incident", pa.string()),
        ("happened", pa.string()),
        ("road_did", pa.string()),
        ("person_should", pa.string()),
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

PUSH = pa.struct([("feature", pa.string()), ("weight", pa.float64())])
"""A feature and what it added to the score's log-odds. (Delta calls the item of a list element.)"""

PREDICTIONS_SCHEMA = pa.schema(
    [
        ("case_key", pa.string()),
        ("entity_key", pa.string()),
        ("event_timestamp", TIMESTAMP),
        ("score", pa.float64()),  # probability of the positive label; null under a fallback
        ("prediction", pa.string()),  # multiclass: the likeliest class, score its probability
        ("missing", pa.float64()),  # share of the features without a value; null under a fallback
        # What pushed the score up, the most first, at most four; null under a fallback.
        ("reasons", pa.list_(pa.field("element", PUSH))),
        ("arm", pa.string()),  # champion | canary: whose score stands here; null under a fallback
        ("cheap", pa.bool_()),  # by the cascade's cheap model; null under a fallback
        ("model_version", pa.int64()),  # null under a fallback
        ("model_digest", pa.string()),
        ("fallback", pa.string()),  # why no model scored the case; null where one did
    ]
)

REASON = pa.struct(
    [
        ("feature", pa.string()),  # or the rule that decided
        ("weight", pa.float64()),  # what it added to the score's log-odds; null of a rule
        ("text", pa.string()),  # for the person the case is about
    ]
)

DECISIONS_SCHEMA = pa.schema(
    [
        ("decision_id", pa.string()),  # uuid5, stable across re-runs
        ("revision", pa.int64()),  # from 1; a later one replaces an earlier one
        ("case_key", pa.string()),
        ("entity_key", pa.string()),
        ("event_timestamp", TIMESTAMP),
        ("score", pa.float64()),
        ("prediction", pa.string()),  # multiclass: the likeliest class
        ("decision", pa.string()),  # approve | decline | refer
        ("advice", pa.string()),  # what the score alone says; differs where a person must confirm
        # The policy rule that decided; 'fallback' where no model could, 'withdrawn' where the case
        # was decided before and is in the night no more.
        ("rule", pa.string()),
        ("reasons", pa.list_(pa.field("element", REASON))),  # empty of an approval
        ("band", pa.string()),  # of the score, by the spec's names; null in none
        ("overflow", pa.bool_()),  # referred beyond what people can look at in a night
        ("value_at_risk", pa.float64()),  # orders referrals; null where nothing can be said
        ("arm", pa.string()),  # champion | canary; null under a fallback
        ("model_version", pa.int64()),  # null under a fallback
        ("model_digest", pa.string()),
        ("fallback", pa.string()),  # why no model scored the case; null where one did
        ("scoring_set_version", pa.int64()),  # of the lake table with the values that were used
        ("spec_version", pa.string()),
        ("run_id", pa.string()),
    ]
)

CHALLENGER_SCORES = "challenger_scores"
CHALLENGER_SCORES_SCHEMA = pa.schema(
    [
        ("case_key", pa.string()),
        ("entity_key", pa.string()),
        ("event_timestamp", TIMESTAMP),
        ("stage", pa.string()),  # of the challenger that night: shadow | canary
        ("arm", pa.string()),  # who decided the case: champion | canary
        ("version", pa.int64()),
        ("digest", pa.string()),
        ("score", pa.float64()),  # null where it is unusable
        ("prediction", pa.string()),
        ("advice", pa.string()),  # of the policy on this score
        ("champion_version", pa.int64()),
        ("champion_score", pa.float64()),
        ("champion_prediction", pa.string()),
        ("champion_advice", pa.string()),
    ]
)

RELEASE_CHECKS = "release_checks"
RELEASE_CHECKS_SCHEMA = pa.schema(
    [
        ("version", pa.int64()),
        ("stage", pa.string()),  # shadow | canary, that night
        # days | cases | scores | disagreement | non_inferiority | approval | referral_shift |
        # approval_shift | calibration | fairness | move
        ("check", pa.string()),
        # pass | fail | insufficient; of ``move``: hold | promote | roll_back
        ("verdict", pa.string()),
        ("message", pa.string()),
        ("figures", pa.string()),  # JSON object, sorted keys
        ("threshold", pa.string()),  # JSON object, sorted keys
        ("run_id", pa.string()),
    ]
)

REVIEWS = "reviews"
REVIEWS_SCHEMA = pa.schema(
    [
        ("review_id", pa.string()),  # uuid5 of decision, revision and sequence
        ("decision_id", pa.string()),
        ("revision", pa.int64()),  # of the decision that was reviewed
        ("case_key", pa.string()),
        ("sequence", pa.int64()),  # of the decision's reviews, from 1
        ("kind", pa.string()),  # review | second | blind
        ("outcome", pa.string()),  # approve | decline
        ("machine", pa.string()),  # what the decision advised
        ("rationale", pa.string()),
        ("reviewer", pa.string()),
        ("at", TIMESTAMP),
    ]
)
"""Append-only; the partition is the business day of the decision."""

CHECKPOINTS = "ledger_checkpoints"
CHECKPOINTS_SCHEMA = pa.schema(
    [
        ("sequence", pa.int64()),
        ("kind", pa.string()),  # decisions | reviews | releases | gates
        ("day", pa.date32()),  # null of releases
        ("revision", pa.int64()),  # of the decisions; else null
        ("rows", pa.int64()),
        ("root", pa.string()),  # SHA-256 over the canonical rows, hex
        ("table_version", pa.int64()),
        # JSON: what the rows rest on (spec digest, model digests, versions of input tables), and
        # the checkpoint they lawfully grew from.
        ("evidence", pa.string()),
        ("previous", pa.string()),  # digest of the checkpoint before; empty of the first
        ("digest", pa.string()),  # SHA-256 over all of the above, canonical JSON
        ("at", TIMESTAMP),  # close of the day, or the review's time
        ("public_key", pa.string()),
        ("signature", pa.string()),  # of the installation over the digest
        ("run_id", pa.string()),
    ]
)

SPECS = "ledger_specs"
SPECS_SCHEMA = pa.schema(
    [
        ("spec_version", pa.string()),
        ("sha256", pa.string()),  # of the text, hex
        ("spec", pa.string()),  # JSON of the spec, as its version was computed from
        ("run_id", pa.string()),
    ]
)

RELEASE_EVENTS_SCHEMA = pa.schema(
    [
        ("sequence", pa.int64()),
        ("at", TIMESTAMP),  # the injected clock (as-of), not the wall
        ("model_version", pa.int64()),
        # registered | refused | approved | shadow | canary | champion | retired | rejected |
        # rolled_back | redecided, which is no stage: days of the version are decided anew
        ("stage", pa.string()),
        ("effective_from", pa.date32()),  # first partition it applies to
        ("model_digest", pa.string()),  # SHA-256 of the model file
        ("manifest_digest", pa.string()),  # SHA-256 of the signed manifest of its files
        ("actor", pa.string()),  # system:nightshift or person:<name>
        ("reason", pa.string()),
        ("evidence", pa.string()),  # JSON: metrics, sample sizes, MLflow run, gates, approvals
        ("public_key", pa.string()),  # of the person who signed, or of the installation
        ("signature", pa.string()),  # by that key; see assets/release/statement.py
        ("spec_version", pa.string()),
        ("run_id", pa.string()),
    ]
)

PEOPLE = "people"
INSTALLATION = "installation"
"""Where the lake keeps what belongs to no use case."""

PEOPLE_SCHEMA = pa.schema(
    [
        ("sequence", pa.int64()),
        ("at", TIMESTAMP),
        ("event", pa.string()),  # enrolled | removed
        ("name", pa.string()),
        ("public_key", pa.string()),  # Ed25519, base64
        ("by", pa.string()),  # who enrolled them: system user
        ("signature", pa.string()),  # of the installation's key over the row
    ]
)

DRIFT = "drift"
PERFORMANCE = "performance"
FAIRNESS = "fairness"
ECONOMICS = "economics"
MEASURED = (DRIFT, PERFORMANCE, FAIRNESS, ECONOMICS)
"""Tables of :data:`MEASURES_SCHEMA`, each written by the asset of its name, a night a partition."""

MEASURES_SCHEMA = pa.schema(
    [
        ("measure", pa.string()),  # what was measured, like roc_auc or approval_rate
        ("subject", pa.string()),  # of what: a column, a group ('age=30-45'), a stage, 'overall'
        ("arm", pa.string()),  # champion | canary | challenger; empty: of no arm
        ("model_version", pa.int64()),  # null: of no version
        ("value", pa.float64()),  # null: could not be computed; detail says why
        ("low", pa.float64()),  # ends of the interval; null where there is none
        ("high", pa.float64()),
        ("n", pa.int64()),  # cases behind the value
        ("limit", pa.float64()),  # null where nothing judges the value
        ("verdict", pa.string()),  # of the measure; empty where nothing judges it
        ("detail", pa.string()),  # JSON object, sorted keys
        ("run_id", pa.string()),
    ]
)

COMPUTE = "compute"
COMPUTE_SCHEMA = pa.schema(
    [
        ("job", pa.string()),
        ("stage", pa.string()),  # group of the asset: ingestion, marts, ...
        ("step", pa.string()),
        ("seconds", pa.float64()),  # wall clock, as a machine is paid for
        ("started", TIMESTAMP),
        ("run_id", pa.string()),
    ]
)
"""Append-only: a night that is run again costs again. The partition is the run's day."""

INCIDENTS = "incidents"
INCIDENTS_SCHEMA = pa.schema(
    [
        ("incident_id", pa.string()),  # uuid5 of use case, kind, subject and the day it was opened
        ("kind", pa.string()),  # drift | performance | fairness | budget | queue | release
        ("subject", pa.string()),  # what of it, 'overall' where the kind says all
        ("state", pa.string()),  # open | closed, as of the partition's night
        ("opened_on", pa.date32()),
        ("last_seen_on", pa.date32()),  # last night that found it
        ("closed_on", pa.date32()),  # null while open
        ("nights", pa.int64()),  # nights that found it
        ("quiet", pa.int64()),  # nights in a row that did not
        ("happened", pa.string()),  # plain words, with figures and units
        ("road_did", pa.string()),
        ("person_should", pa.string()),
        ("model_version", pa.int64()),  # the champion it is about; null of none
        ("training_asked_on", pa.date32()),  # null: no training was asked for
        ("evidence", pa.string()),  # JSON object, sorted keys: the measures that say so
        ("run_id", pa.string()),
    ]
)
"""One row per incident that is open on, or was closed by, the partition's night: the state of that
night. The next night starts from it."""
