"""What a verification found, as values and as text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class Finding:
    """Something that is not as the ledger says, or that the ledger does not say."""

    check: (
        str  # signature | chain | copy | rows | history | inputs | model | spec | case | retention
    )
    where: str  # table, day, checkpoint or file
    what: str  # a sentence for people
    since: datetime | None = None  # UTC; None where nobody can tell

    @property
    def told(self) -> str:
        """The finding in a line."""
        since = f" Since {self.since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC." if self.since else ""
        return f"{self.check}: {self.where}: {self.what}{since}"


@dataclass(frozen=True)
class Verification:
    """The state of one use case's ledger. ``notes``: what could not be checked, and why that is no
    fault."""

    use_case: str
    at: datetime
    checkpoints: int
    days: int
    decisions: int
    findings: Sequence[Finding]
    notes: Sequence[str] = ()

    @property
    def sound(self) -> bool:
        """Was nothing found?"""
        return not self.findings

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "use_case": self.use_case,
            "at": self.at.astimezone(UTC).isoformat(),
            "sound": self.sound,
            "checkpoints": self.checkpoints,
            "days": self.days,
            "decisions": self.decisions,
            "findings": [
                {
                    "check": one.check,
                    "where": one.where,
                    "what": one.what,
                    "since": one.since.astimezone(UTC).isoformat() if one.since else None,
                }
                for one in self.findings
            ],
            "notes": list(self.notes),
        }

    def as_text(self) -> str:
        """For people, a finding a line."""
        head = (
            f"{self.use_case}: {self.checkpoints} checkpoints over {self.days} days, "
            f"{self.decisions:,} decisions: "
        )
        count = len(self.findings)
        verdict = "sound" if self.sound else f"{count} finding{'s' if count > 1 else ''}"
        lines = [head + verdict]
        lines += [f"  {one.told}" for one in self.findings]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)
