"""What one check of the ladder found of a challenger, and how it goes on record."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from assets.tables import RELEASE_CHECKS, RELEASE_CHECKS_SCHEMA
from assets.training.gates.finding import plain

if TYPE_CHECKING:
    from datetime import date

    from assets.lake import Commit, Lake
    from assets.release.moves import Move

MOVE = "move"
"""The row that says what follows from the others."""

TOO_FEW_LABELS = "too_few_labels"
"""Figure of a check that is insufficient only because too few outcomes have matured."""


@dataclass(frozen=True)
class Check:
    """One verdict. ``figures`` and ``threshold`` are plain JSON values or Intervals."""

    name: str
    verdict: Literal["pass", "fail", "insufficient"]
    message: str  # what was found, in figures, against what is allowed
    figures: Mapping[str, Any] = field(default_factory=dict)
    threshold: Mapping[str, Any] = field(default_factory=dict)

    @property
    def waits_for_labels(self) -> bool:
        """Is nothing amiss but that too few outcomes have matured?"""
        return self.verdict == "insufficient" and bool(self.figures.get(TOO_FEW_LABELS))

    def as_json(self) -> dict[str, Any]:
        """Plain values: floats of six significant digits, no NaN or infinity (null)."""
        return {
            "verdict": self.verdict,
            "message": self.message,
            "figures": plain(self.figures),
            "threshold": plain(self.threshold),
        }


def rows_of(checks: Iterable[Check], move: "Move", run_id: str) -> pa.Table:
    """The checks and what follows from them, columns as in RELEASE_CHECKS_SCHEMA."""
    found = [(check.name, check.as_json()) for check in checks]
    verdict: dict[str, Any] = {"verdict": move.verdict, "message": move.reason}
    rows = [
        {
            "version": move.version,
            "stage": move.stage,
            "check": name,
            "verdict": said["verdict"],
            "message": said["message"],
            "figures": json.dumps(said.get("figures", {}), sort_keys=True),
            "threshold": json.dumps(said.get("threshold", {}), sort_keys=True),
            "run_id": run_id,
        }
        for name, said in [*found, (MOVE, verdict)]
    ]
    return pa.Table.from_pylist(rows, schema=RELEASE_CHECKS_SCHEMA)


def record_checks(
    lake: "Lake", use_case: str, day: "date", rows: pa.Table, run_id: str
) -> "Commit":
    """Make ``rows`` what is on record of a night; the same findings change nothing."""
    lake.ensure(use_case, RELEASE_CHECKS, RELEASE_CHECKS_SCHEMA)
    return lake.replace_day(use_case, RELEASE_CHECKS, day, rows, {"run_id": run_id})
