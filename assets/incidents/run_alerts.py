"""What people are told of a run that failed, came through after all, or never came."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from assets.alerts import SPELLED_OUT, Alert

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec

Kind = Literal["night", "training", "history", "ingestion"]

IN_THE_RUN = ("door:", "ledger:")
"""How alerts begin that are raised within a run, and after which it fails."""


@dataclass(frozen=True)
class Work:
    """What a run was for: a job of a use case over a day, or over days on end."""

    use_case: str
    kind: Kind
    job: str
    first: date
    last: date

    @property
    def label(self) -> str:
        """Tells one from others of the same first day."""
        return self.job if self.first == self.last else f"{self.job} {self.first} to {self.last}"

    @property
    def words(self) -> str:
        days = f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"
        return {
            "night": f"The night of {self.use_case} for {days}",
            "training": f"The training of {self.use_case} on what was known at the end of {days}",
            "history": f"Building past days of {self.use_case}, {days},",
            "ingestion": f"Taking in the files of {self.use_case} for {days}",
        }[self.kind]

    @property
    def command(self) -> str:
        """That does the same again."""
        days = f"--from {self.first} --to {self.last}"
        return {
            "night": f"`nightshift run {self.use_case} {days}`",
            "training": f"`nightshift train {self.use_case} --as-of "
            f"{self.last + timedelta(days=1)}`",
            "history": f"`nightshift history {self.use_case} {days}`",
            "ingestion": f"`nightshift history {self.use_case} {days}`",
        }[self.kind]


@dataclass(frozen=True)
class Wrong:
    """Why a run failed. ``step``: empty where it was the run itself."""

    step: str
    text: str


@dataclass(frozen=True)
class OnRecord:
    """An alert of the days of a piece of work."""

    incident: str
    happened: str


def untold(wrong: Sequence[Wrong], alerts: Sequence[OnRecord], door: str) -> list[Wrong]:
    """What nobody was told of yet. ``door``: name of the step whose alert spells out its gates.

    The run itself tells people of a shut door and of a broken seal, then fails: no second alert.
    """
    at_the_door = any(one.incident.startswith("door:") for one in alerts)
    told = [one.happened for one in alerts if one.incident.startswith(IN_THE_RUN)]
    return [
        one
        for one in wrong
        if not (at_the_door and one.step == door)
        and not any(one.text in happened for happened in told)
    ]


def failures(work: Work, incidents: Iterable[str]) -> int:
    """Alerts on record that say that the work failed."""
    own = re.compile(re.escape(f"run failed: {work.label}") + r"( after \d+)?")
    within = IN_THE_RUN if work.kind == "night" else ()
    return sum(bool(own.fullmatch(one)) or one.startswith(within) for one in set(incidents))


def recovered_from(work: Work, incidents: Iterable[str]) -> int:
    """How many failures there were when the work last came through; 0: it never had to."""
    came = re.compile(re.escape(f"run recovered: {work.label} after ") + r"(\d+)")
    found = [came.fullmatch(one) for one in incidents]
    return max((int(one[1]) for one in found if one), default=0)


def failed_alert(
    spec: "UseCaseSpec",
    work: Work,
    wrong: Sequence[Wrong],
    *,
    decided: int,
    link: str,
    after: int,
) -> Alert:
    """One alert for a piece of work that failed, however often it is tried.

    ``decided``: cases of the days that have a decision; ``link``: page of the run; ``after``: of
    :func:`recovered_from`, for what fails again after it came through is news.
    """
    steps = sorted({one.step for one in wrong if one.step})
    at = f" at {', '.join(steps)}" if steps else ""
    told = "; ".join(one.text for one in wrong[:SPELLED_OUT]) or "no reason is on record"
    others = len(wrong) - SPELLED_OUT
    if work.kind == "training":
        did = (
            "Stopped the training; a version a gate refused decides nothing. Nights go on as "
            "before, with the champion there is."
        )
    elif decided:
        count = "1 case is" if decided == 1 else f"{decided} cases are"
        did = f"Stopped at the failed step: {count} decided and stand; what comes after is missing."
    else:
        did = (
            "Stopped at the failed step: no case of these days is decided. Earlier days and other "
            "use cases are untouched."
        )
    return Alert(
        use_case=work.use_case,
        day=work.first,
        incident=f"run failed: {work.label}" + (f" after {after}" if after else ""),
        happened=f"{work.words} failed{at}: {told}"
        + (f"; and {others} more" if others > 0 else ""),
        road_did=did,
        person_should=(
            f"See the run at {link}, put right what it names, then run it again: {work.command}. "
            "It is safe to run again as often as needed."
        ),
    )


def recovered_alert(work: Work, failed: int, link: str) -> Alert:
    """The alert that says that what failed came through. ``failed``: of :func:`failures`."""
    return Alert(
        use_case=work.use_case,
        day=work.first,
        incident=f"run recovered: {work.label} after {failed}",
        happened=f"{work.words} came through after all.",
        road_did="Went on with everything that waited for it.",
        person_should=f"Nothing. The run is at {link}.",
    )


def missing_alert(
    spec: "UseCaseSpec", day: date, due: datetime, grace: timedelta, newest: date | None, going: str
) -> Alert:
    """One alert for a night that is not on record when it should be. ``due``: tick of the schedule
    (UTC); ``newest``: newest night that was scored; ``going``: what is known of its run, or
    empty."""
    name, hours = spec.name, grace.total_seconds() / 3600
    before = f"The newest night that was scored is {newest}" if newest else "None was ever scored"
    return Alert(
        use_case=name,
        day=day,
        incident=f"night never came: {name}_nightly",
        happened=(
            f"The night of {name} for {day} never came: it was due at {due:%Y-%m-%d %H:%M} UTC, "
            f"and {hours:g} hours later it is not on record. "
            f"{going or 'No run of it is on record.'} {before}."
        ),
        road_did="Nothing: no case of that day is decided, and nothing of it is lost.",
        person_should=(
            f"Look whether the schedule {name}_nightly_schedule is on and the daemon is running "
            "(Dagster, Automation and Deployment), and at the runs that wait or sit. Then run it: "
            f"`nightshift run {name} --from {day} --to {day}`."
        ),
    )


def came_alert(spec: "UseCaseSpec", day: date, decided: int) -> Alert:
    """The alert that says that a night that never came did."""
    count = "1 case is" if decided == 1 else f"{decided} cases are"
    return Alert(
        use_case=spec.name,
        day=day,
        incident=f"night came: {spec.name}_nightly",
        happened=f"The night of {spec.name} for {day} came after all: {count} decided.",
        road_did="Went on as on any night.",
        person_should="Nothing.",
    )
