"""Alerts: what happened, what the road did by itself, what a person should do. Each once.

An alert goes to the lake (append-only) and, as one line of JSON, to a file that anything can
follow; then to the channels of ``assets/alert_channels.py``. It never holds a personal value: it is
made of the messages of gates.
"""

import fcntl
import hashlib
import json
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import IO

from assets.alert_channels import channels, keep, send_waiting
from assets.errors import NightshiftError
from assets.gate_results import GateResult
from assets.home import Home
from assets.lake import PARTITION, Lake
from assets.spec import UseCaseSpec
from assets.tables import ALERTS, ALERTS_SCHEMA

NAMESPACE = uuid.UUID("6f1d3f0c-7c41-5f0e-9a55-0d6a4c1be7b2")
"""Of the ids of alerts; must never change, or every alert would be raised again."""

SPELLED_OUT = 3
"""Messages an alert holds in full; of the others it names the gates."""


@dataclass(frozen=True)
class Alert:
    """Something a person must know of. ``incident`` tells it from others of its day, and is the
    same whenever the same thing is found again."""

    use_case: str
    day: date
    incident: str
    happened: str
    road_did: str
    person_should: str

    @property
    def alert_id(self) -> str:
        return str(uuid.uuid5(NAMESPACE, f"{self.use_case}|{self.day}|{self.incident}"))


def raise_alert(home: Home, lake: Lake, alert: Alert, run_id: str) -> bool:
    """Put the alert on record, into ``home.alert_log`` and out by its channels; False when it is on
    record already.

    Killed between the two, the next call completes what is missing and says True: no alert is
    lost, and none stands anywhere twice. A channel that does not answer stops nothing.
    """
    import pyarrow as pa

    row = {
        "alert_id": alert.alert_id,
        "incident": alert.incident,
        "happened": alert.happened,
        "road_did": alert.road_did,
        "person_should": alert.person_should,
        "run_id": run_id,
    }
    told = {"use_case": alert.use_case, "day": alert.day.isoformat(), **row}
    out = channels()
    home.alert_log.parent.mkdir(parents=True, exist_ok=True)
    with home.alert_log.open("a+b") as log:
        # Two runs may find the same at once; the lock goes with the file handle.
        fcntl.flock(log, fcntl.LOCK_EX)
        lake.ensure(alert.use_case, ALERTS, ALERTS_SCHEMA, append_only=True)
        on_record = lake.read_day(alert.use_case, ALERTS, alert.day).column("alert_id").to_pylist()
        if alert.alert_id in on_record:
            return False
        if not _logged(log, alert.alert_id):
            _write_line(log, json.dumps(told, sort_keys=True))
        keep(home, told, out)
        rows = pa.Table.from_pylist(
            [row | {PARTITION: alert.day}],
            schema=ALERTS_SCHEMA.append(pa.field(PARTITION, pa.date32())),
        )
        lake.append(alert.use_case, ALERTS, rows, {"run_id": run_id})
    send_waiting(home, out)
    return True


def door_alert(spec: UseCaseSpec, day: date, failed: Sequence[GateResult]) -> Alert:
    """One alert for a day the door stays shut for, however many gates failed.

    The same gates failing on the same files are the same incident; a corrected file that fails
    again is another. Raises ValueError without a failed gate.
    """
    if not failed:
        raise ValueError("no gate failed: nothing to alert anyone to")
    ordered = sorted(failed, key=lambda result: result.gate)
    evidence = "\n".join(f"{result.gate} {result.evidence_digest}" for result in ordered)
    gates = ", ".join(result.gate for result in ordered)
    told = "; ".join(result.message for result in ordered[:SPELLED_OUT])
    count = "1 gate" if len(ordered) == 1 else f"{len(ordered)} gates"
    others = ", ".join(result.gate for result in ordered[SPELLED_OUT:])
    return Alert(
        use_case=spec.name,
        day=day,
        incident=f"door: {gates} [{hashlib.sha256(evidence.encode()).hexdigest()[:12]}]",
        happened=f"{count} at the door of {spec.name} did not pass for {day}: {told}"
        + (f"; and {others}" if others else ""),
        road_did=(
            f"Stopped the night of {spec.name} for {day} before its marts: nothing was scored or "
            "decided. Earlier days and other use cases are untouched."
        ),
        person_should=(
            "Read the messages, drop the right files into landing and run the day again; where "
            "the data is right, widen the limit named in the message under `gates` of the source "
            "in defs.yaml."
        ),
    )


def fallback_alert(spec: UseCaseSpec, day: date, refusal: NightshiftError) -> Alert:
    """One alert for a night no model could be trusted with, by what the refusal says.

    The same refusal of the same night is the same incident, however often the night is run.
    """
    reason = str(refusal)
    kind = type(refusal).__name__
    return Alert(
        use_case=spec.name,
        day=day,
        incident=f"model: {kind} [{hashlib.sha256(reason.encode()).hexdigest()[:12]}]",
        happened=f"No model could be trusted with {spec.name} for {day}: {reason}",
        road_did=(
            f"Scored nothing and referred every case of {spec.name} for {day} to a person (rule "
            "'fallback'). The night went on; earlier days and other use cases are untouched."
        ),
        person_should=(
            "Put right what the message names and have the cases reviewed. To score them after "
            f"all: `nightshift run {spec.name} --from {day} --to {day}`."
        ),
    )


def _logged(log: IO[bytes], alert_id: str) -> bool:
    log.seek(0)
    needle = json.dumps(alert_id).encode()
    # A line cut off by a kill has no end, and does not count.
    return any(needle in line and line.endswith(b"}\n") for line in log)


def _write_line(log: IO[bytes], line: str) -> None:
    size = log.seek(0, os.SEEK_END)
    if size:
        log.seek(size - 1)
        if log.read(1) != b"\n":
            line = f"\n{line}"
    log.write(f"{line}\n".encode())
    log.flush()
    os.fsync(log.fileno())
