"""What is on record of the door: verdicts of the gates, and the input each source has now."""

from dataclasses import dataclass, replace
from datetime import date

from assets.ingestion.source_days import input_digests
from assets.lake import PARTITION, Lake
from assets.spec import UseCaseSpec
from assets.tables import GATE_RESULTS


@dataclass(frozen=True)
class OnRecord:
    """A gate's verdict, as far as the door asks for it."""

    verdict: str
    message: str
    evidence_digest: str


@dataclass(frozen=True)
class DoorRecord:
    """Results by day and gate, and per source the input digest of every day that has a profile."""

    results: dict[tuple[date, str], OnRecord]
    digests: dict[str, dict[date, str]]

    def failed_days(self, source: str) -> set[date]:
        """Days on which a gate of the source is on record as failed."""
        return {day for day, result in self._failures(source)}

    def failed_inputs(self, source: str) -> set[str]:
        """Input digests a gate of the source failed on, on whatever day."""
        return {result.evidence_digest for day, result in self._failures(source)}

    def _failures(self, source: str) -> list[tuple[date, OnRecord]]:
        return [
            (day, result)
            for (day, gate), result in self.results.items()
            if result.verdict == "fail" and gate.startswith(f"{source}.")
        ]


def door_verdicts(lake: Lake, spec: UseCaseSpec, first: date | None, last: date) -> DoorRecord:
    """What gates said of the days first..last (None: from the beginning), without any digest."""
    results = {}
    if lake.exists(spec.name, GATE_RESULTS):
        wanted = ["gate", "verdict", "message", "evidence_digest", PARTITION]
        rows = lake.read(spec.name, GATE_RESULTS, columns=wanted, first=first, last=last)
        for row in rows.to_pylist():
            results[row[PARTITION], row["gate"]] = OnRecord(
                row["verdict"], row["message"], row["evidence_digest"]
            )
    return DoorRecord(results, {})


def door_record(lake: Lake, spec: UseCaseSpec, first: date | None, last: date) -> DoorRecord:
    """What is on record for the days first..last (None: from the beginning)."""
    digests = {
        source: input_digests(
            lake, spec.name, source, None if declared.arrival == "snapshot" else first, last
        )
        for source, declared in spec.sources.items()
    }
    return replace(door_verdicts(lake, spec, first, last), digests=digests)


def digest_now(spec: UseCaseSpec, record: DoorRecord, source: str, day: date) -> str:
    """Input digest of what stands for the source on ``day``; empty when nothing does."""
    digests = record.digests[source]
    if spec.sources[source].arrival != "snapshot":
        return digests.get(day, "")
    dated = [d for d in digests if d <= day]
    return digests[max(dated)] if dated else ""
