"""The steps of a replay: corrected rows tried out, dropped, taken in by the day's ingestion."""

import hashlib
from datetime import date, datetime
from typing import TYPE_CHECKING

from assets.errors import NightshiftError
from orchestration.command import key_of, tell

if TYPE_CHECKING:
    from assets.ingestion.corrections import Correction
    from assets.ingestion.replay import Closure
    from assets.spec import UseCaseSpec
    from orchestration.session import Session


def day_of(spec: "UseCaseSpec", source: str, into: datetime | None) -> date | None:
    """The day of ``--into``, if it can be one. Raises NightshiftError."""
    from assets.ingestion.quarantine import known_source

    known_source(spec, source)
    if into is None:
        return None
    if spec.sources[source].arrival == "snapshot":
        raise NightshiftError(
            f"--into: {source} is a snapshot; its rows are of no day of their own."
        )
    if into.date() < spec.start_date:
        raise NightshiftError(f"--into: {into.date()} is before the first day, {spec.start}.")
    return into.date()


def tried(session: "Session", spec: "UseCaseSpec", plan: "Correction") -> dict[str, str]:
    """The door's reason, by id, for the rows that it would refuse again."""
    from assets.ingestion.replay import still_refused
    from assets.ingestion.scratch import scratch

    refused: dict[str, str] = {}
    key = key_of(session.home)
    with scratch(session.home) as room:
        for day in plan.days:
            refused |= still_refused(spec, plan.source, day, plan.of_day(day), key, room)
    return refused


def taken_in(
    session: "Session", spec: "UseCaseSpec", plan: "Correction", refused: dict[str, str]
) -> "tuple[list[Closure], int]":
    """Drop each day's rows and run its ingestion; what is to be closed, and how many rows passed.

    ``refused`` gets the rows added that the day's other files do not let in. Nothing is closed
    before all days are through: the same command can then be given again.
    """
    from assets.ingestion.corrections import file_content
    from assets.ingestion.replay import Closure, answer, drop
    from orchestration.jobs import ingestion_job

    closures, taken = [], 0
    for day in plan.days:
        rows = [row for row in plan.of_day(day) if row.quarantine_id not in refused]
        if not rows:
            continue
        content = file_content(spec.sources[plan.source], rows)
        path = drop(session.home, spec, plan.source, day, content)
        outcome = session.run(ingestion_job(spec.name), day=max(day, spec.start_date))
        said = "\n".join(outcome.problems)
        found = answer(session.lake, spec, plan.source, path, day, rows)
        if not found.taken:
            raise NightshiftError(
                f"{path} holds the corrected rows, but the ingestion of {day} did not take it:\n"
                f"{said or f'run {outcome.run_id} failed'}\nNo row was closed. Mend that and give "
                "this command again."
            )
        if said:
            tell(said)
        refused |= found.refused
        name, digest = path.name, hashlib.sha256(content).hexdigest()
        passed = [row for row in rows if row.quarantine_id not in found.refused]
        taken += len(passed)
        closures += [Closure(row.quarantine_id, row.from_day, name, digest) for row in passed]
        # One row, one entry: the row as it first came stays open, its refused copy does not.
        closures += [Closure(copy, day, name, digest) for copy in found.copies]
    return closures, taken
