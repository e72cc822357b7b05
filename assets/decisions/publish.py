"""A day's decisions in the lake: made from what is there, published in one commit or not at all."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.policy import decide
from assets.decisions.revisions import value_versions
from assets.lake import PARTITION, Commit
from assets.tables import DECISIONS, DECISIONS_SCHEMA, PREDICTIONS, SCORING_SET

if TYPE_CHECKING:
    from assets.lake import Lake
    from assets.spec import UseCaseSpec


@dataclass(frozen=True)
class DecidedDay:
    """What the table holds of the day now (DECISIONS_SCHEMA), and how it came to."""

    decisions: pa.Table
    commit: Commit
    revised: int  # decisions that replaced an earlier one


def decide_day(spec: "UseCaseSpec", lake: "Lake", day: date, run_id: str) -> DecidedDay:
    """Decide the cases of ``day`` by its predictions, and publish what came of it.

    Decided again with the same predictions, values and spec nothing is written. The versions of the
    tables read, and the models behind the predictions, stand in the commit. Raises DecisionRefused
    as :func:`~assets.decisions.policy.decide` does, with nothing written, and CommitFailedError
    when another run decided the day meanwhile: deciding again then starts from what it left.
    """
    lake.ensure(spec.name, DECISIONS, DECISIONS_SCHEMA)
    seen = lake.version(spec.name, DECISIONS)
    there = lake.read(spec.name, DECISIONS, first=day, last=day, version=seen)
    made_of = {table: lake.version(spec.name, table) for table in (PREDICTIONS, SCORING_SET)}
    predictions, cases = (
        lake.read(spec.name, table, first=day, last=day, version=version)
        for table, version in made_of.items()
    )
    versions = value_versions(spec, lake, day, cases, made_of[SCORING_SET], there)
    decisions = decide(spec, predictions, cases, day, run_id, there=there, versions=versions)
    models = pc.unique(pc.drop_null(decisions.column("model_digest"))).to_pylist()
    commit = lake.replace_days(
        spec.name,
        DECISIONS,
        day,
        day,
        decisions.append_column(PARTITION, pa.repeat(day, decisions.num_rows)),
        {
            "run_id": run_id,
            "spec_version": spec.version,
            "model_digests": ",".join(sorted(models)),
            "predictions_version": str(made_of[PREDICTIONS]),
            "scoring_set_version": str(made_of[SCORING_SET]),
        },
        since=seen,
    )
    own = pc.and_(
        pc.equal(decisions.column("run_id"), run_id), pc.greater(decisions.column("revision"), 1)
    )
    return DecidedDay(decisions, commit, int(pc.sum(own).as_py() or 0))
