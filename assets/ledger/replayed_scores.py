"""The predictions of a night once more, each case by the model its decision names."""

from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from assets.errors import NightshiftError
from assets.release.events import Champion, entry_of, evidence_of, read_events
from assets.scoring.loader import VerifiedModel, load_verified
from assets.scoring.score import (
    Scores,
    fallback_predictions,
    predictions_of,
    scores_of,
)
from assets.training.frame import feature_frame

if TYPE_CHECKING:
    import numpy as np

    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

CHAMPION = "champion"


class CannotScore(NightshiftError):
    """A model that decided is not there, or not as it was. Says which and why."""


def predictions_again(
    lake: "Lake", home: "Home", spec: "UseCaseSpec", cases: pa.Table, decisions: pa.Table
) -> pa.Table:
    """PREDICTIONS_SCHEMA, a row per case of ``cases``, in their order.

    ``decisions`` say who scored which case. Every model scores the whole night, as it did then:
    scores of a part may end in other bits. Cases no model scored get the fallback on record.
    Raises CannotScore.
    """
    import numpy as np

    keys = pc.cast(cases.column(spec.population.key), pa.string()).combine_chunks()
    places = pc.index_in(keys, decisions.column("case_key").combine_chunks())
    if places.null_count or cases.num_rows != decisions.num_rows:
        raise CannotScore(
            f"the scoring set has {cases.num_rows} cases, on record are {decisions.num_rows} "
            f"decisions, and {places.null_count} cases have none"
        )
    who = decisions.select(["model_version", "model_digest", "arm", "fallback"]).take(places)
    found: list[pa.Table] = []
    order: list[np.ndarray] = []
    for one in who.group_by(who.column_names).aggregate([]).to_pylist():
        mine = np.ones(cases.num_rows, bool)
        for name, value in one.items():
            column = who.column(name)
            same = pc.is_null(column) if value is None else pc.equal(column, value)
            mine &= np.asarray(pc.fill_null(same, False))
        rows = cases.filter(pa.array(mine))
        if one["model_version"] is None:
            found.append(fallback_predictions(spec, rows, str(one["fallback"] or "")))
        else:
            found.append(_scored(lake, home, spec, cases, mine, one))
        order.append(np.flatnonzero(mine))
    if not found:
        return fallback_predictions(spec, cases, "")
    back = np.argsort(np.concatenate(order), kind="stable")
    return pa.concat_tables(found).take(pa.array(back))


def _scored(
    lake: "Lake",
    home: "Home",
    spec: "UseCaseSpec",
    cases: pa.Table,
    mine: "np.ndarray",
    one: dict[str, str | int | None],
) -> pa.Table:
    """Predictions of the cases of one arm by its model."""
    version, arm = int(one["model_version"] or 0), str(one["arm"] or CHAMPION)
    champion = registered(lake, spec, version, str(one["model_digest"]))
    model = _loaded(home, champion)
    frame = feature_frame(spec, cases)
    scores = scores_of(spec, model, frame, champion)
    if arm == CHAMPION:
        every = predictions_of(spec, model, cases, frame, scores, champion, arm=arm)
        return every.filter(pa.array(mine))
    # What it rests on was computed for its own arm alone, as in the night.
    own = Scores(scores.values[mine], scores.cheap[mine], scores.classes, scores.cascade)
    part = frame[mine].reset_index(drop=True)
    rows = cases.filter(pa.array(mine))
    return predictions_of(spec, model, rows, part, own, champion, arm=arm)


def registered(lake: "Lake", spec: "UseCaseSpec", version: int, digest: str) -> Champion:
    """The version as the release record has it. Raises CannotScore where it is not on it, or with
    another digest. Whether it may decide today is not asked: it did then."""
    entry = entry_of(read_events(lake, spec.name), version)
    if entry is None:
        raise CannotScore(f"model version {version} is not on the release record")
    if entry["model_digest"] != digest:
        raise CannotScore(
            f"the decisions name digest {digest[:12]}… of model version {version}, the release "
            f"record says {str(entry['model_digest'])[:12]}…"
        )
    record = evidence_of(entry).get("record") or {}
    return Champion(
        use_case=spec.name,
        version=version,
        digest=digest,
        effective_from=entry["effective_from"],
        as_of=datetime.fromisoformat(str(record["as_of"])),
        evidence=record,
        manifest_digest=str(entry["manifest_digest"]),
    )


def _loaded(home: "Home", champion: Champion) -> VerifiedModel:
    try:
        return load_verified(home, champion)
    except NightshiftError as error:
        raise CannotScore(f"the model cannot be loaded: {error}") from error
