"""Deciding a day again: what says the same stays, what does not gets the next revision.

A revision is what a reviewer read and what a ledger sealed, so none is made for nothing: not by
another run, nor because other cases of the day changed. The earlier ones stay readable in the
versions of the table.
"""

from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.decisions.aligned import named
from assets.decisions.given_reasons import REASONS, TEXTS
from assets.decisions.outcomes import REFER, WITHDRAWN, DecisionRefused, one_array
from assets.decisions.sameness import same_rows
from assets.lake import PARTITION
from assets.tables import DECISIONS_SCHEMA, REASON, SCORING_SET

if TYPE_CHECKING:
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

NOT_COMPARED = ("revision", "run_id")


def revised(decisions: pa.Table, there: pa.Table) -> pa.Table:
    """``decisions`` in their order, each that says what its row in ``there`` says replaced by it,
    the others with the revision after that row's.

    Both of DECISIONS_SCHEMA, ``there`` with or without the day column. Run and revision are not
    compared. Raises DecisionRefused when ``there`` has two rows of one decision.
    """
    there = there.select(DECISIONS_SCHEMA.names).cast(DECISIONS_SCHEMA)
    ids = one_array(there.column("decision_id"))
    if len(pc.unique(ids)) != len(ids):
        twice = [one["values"] for one in pc.value_counts(ids).to_pylist() if one["counts"] > 1]
        raise DecisionRefused(
            f"the table of decisions has two rows of the same decision ({named(twice)}); one is "
            "live. Nothing was decided: somebody wrote into the table, `nightshift audit verify` "
            "says where"
        )
    if not len(ids) or not decisions.num_rows:
        return decisions
    import numpy as np

    found = pc.index_in(one_array(decisions.column("decision_id")), ids)
    before = pc.is_valid(found).to_numpy(zero_copy_only=False)
    place = pc.fill_null(found, 0).to_numpy(zero_copy_only=False)
    old = there.take(pa.array(place))
    same = before & same_rows(decisions, old, without=NOT_COMPARED)
    rows = decisions.num_rows
    chosen = np.where(same, rows + np.arange(rows), np.arange(rows))
    merged = pa.concat_tables([decisions, old]).take(pa.array(chosen))
    earlier = one_array(old.column("revision")).to_numpy(zero_copy_only=False)
    revision = np.where(same, earlier, np.where(before, earlier + 1, 1))
    at = DECISIONS_SCHEMA.get_field_index("revision")
    return merged.set_column(at, DECISIONS_SCHEMA.field(at), pa.array(revision, pa.int64()))


def with_withdrawn(
    spec: "UseCaseSpec", decisions: pa.Table, there: pa.Table, run_id: str
) -> pa.Table:
    """``decisions``, and after them those of ``there`` whose case is none of the day's any more.

    The scoring set holds every case of the population, so such a case was taken out of the data:
    its file was replaced, its row corrected into another day or found wrong. Its decision may have
    been acted on, so it neither disappears nor stands as it is: it is referred, by the rule
    ``withdrawn``, with score and model as they were, and a person says what becomes of it. Should
    the case come back, it is decided again.
    """
    there = there.select(DECISIONS_SCHEMA.names).cast(DECISIONS_SCHEMA)
    here = pc.is_in(
        one_array(there.column("decision_id")), one_array(decisions.column("decision_id"))
    )
    gone = there.filter(pc.invert(here)).sort_by("decision_id")
    if not gone.num_rows:
        return decisions
    new = pc.not_equal(one_array(gone.column("rule")), WITHDRAWN)
    reason = {"feature": WITHDRAWN, "weight": None, "text": TEXTS[WITHDRAWN]}
    flat = pa.array([reason] * gone.num_rows, REASON)
    offsets = pa.array(range(gone.num_rows + 1), pa.int32())
    said: dict[str, Any] = {
        "decision": REFER,
        "advice": REFER,
        "rule": WITHDRAWN,
        "spec_version": pc.if_else(new, spec.version, one_array(gone.column("spec_version"))),
        "run_id": run_id,
        "reasons": pa.ListArray.from_arrays(offsets, flat, type=REASONS),
    }
    for name, value in said.items():
        place = DECISIONS_SCHEMA.get_field_index(name)
        column = pa.repeat(value, gone.num_rows) if isinstance(value, str) else value
        gone = gone.set_column(place, DECISIONS_SCHEMA.field(place), column)
    return pa.concat_tables([decisions, gone.cast(DECISIONS_SCHEMA)])


def value_versions(
    spec: "UseCaseSpec", lake: "Lake", day: date, cases: pa.Table, version: int, there: pa.Table
) -> pa.Array:
    """Of each row of ``cases`` the version of the lake's scoring set to cite for its values.

    ``cases`` is the day as of ``version``. A case decided before (``there``) whose values are what
    they were keeps the version it cited, so that a commit of another day, or of other cases of the
    day, makes no revision; any other cites ``version``. An earlier version that cannot be read any
    more is not cited again.
    """
    rows = cases.num_rows
    cited = pa.repeat(pa.scalar(version, pa.int64()), rows)
    if not there.num_rows or not rows:
        return cited
    key = spec.population.key
    names = [name for name in cases.column_names if name != PARTITION]
    own = pc.cast(one_array(cases.column(key)), pa.string())
    found = pc.index_in(own, one_array(there.column("case_key")))
    before = one_array(there.column("scoring_set_version")).take(found)
    for earlier in pc.unique(pc.drop_null(before)).to_pylist():
        if earlier == version:
            continue
        then = _as_it_was(lake, spec, day, earlier)
        if then is None or not set(names) <= set(then.column_names):
            continue
        place = pc.index_in(own, pc.cast(one_array(then.column(key)), pa.string()))
        old = then.select(names).take(pc.fill_null(place, 0)) if then.num_rows else None
        if old is None or old.schema.types != cases.select(names).schema.types:
            continue
        same = pa.array(same_rows(cases.select(names), old, tolerance=0.0))
        keeps = pc.and_(pc.and_(same, pc.is_valid(place)), pc.equal(before, earlier))
        cited = pc.if_else(pc.fill_null(keeps, False), before, cited)
    return cited


def _as_it_was(lake: "Lake", spec: "UseCaseSpec", day: date, version: int) -> pa.Table | None:
    from deltalake.exceptions import DeltaError

    try:
        return lake.read(spec.name, SCORING_SET, first=day, last=day, version=version)
    except (DeltaError, FileNotFoundError):
        return None
