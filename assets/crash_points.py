"""Named places at which a test kills the process, to see what it leaves behind.

Inert unless the environment variable ``NIGHTSHIFT_CRASH_AT`` names a point; no other setting and no
command sets it.
"""

import os
import signal
from collections import Counter

ARMED = "NIGHTSHIFT_CRASH_AT"

POINTS = {
    "lake.creating": "a table is about to be made",
    "lake.created": "an empty table is there, not synced",
    "lake.writing": "a commit is about to be made, none of its files is there",
    "lake.committed": "a commit is there, its files not synced",
    "lake.synced": "a commit and its files are on the disk",
    "file.begun": "a file is about to be written beside its place",
    "file.written": "a file is written beside its place, not synced",
    "file.synced": "a file is on the disk beside its place",
    "file.renamed": "a file is in its place, its folder not synced",
    "file.removed": "a file is taken away, its folder not synced",
    "door.judged": "the rows of a source's days are judged, at most the pending mark is published",
    "door.quarantine": "the refused rows are published, the balance of the files is not",
    "door.files": "the balance of the files is published, the rows are not",
    "door.pending": "the profile says that rows are about to change, they have not yet",
    "door.rows": "the rows are published, their profile is not",
    "door.profile": "profiles are published: pending ones, or at last those of the rows",
    "features.changing": "day files of a view are about to change",
    "marts.project": "the files of the dbt project are written, its manifest is not",
    "model.logging": "a model is trained, nothing of it is in MLflow",
    "model.logged": "a model's files are written, not synced",
    "model.synced": "a model's files are on the disk, it is not registered",
    "model.registered": "a model is registered, no release speaks of it",
    "reports.snapshot": "a drift report's snapshot is written beside its place",
}
"""Every point, and what holds when it is reached."""

_times: Counter[str] = Counter()


def reached(point: str) -> None:
    """Kill this process (SIGKILL) if ``NIGHTSHIFT_CRASH_AT`` is ``point``, or ``point:N`` for the
    Nth time it is reached."""
    wanted = os.environ.get(ARMED)
    if wanted is None:
        return
    name, _, number = wanted.partition(":")
    if name != point:
        return
    _times[point] += 1
    if _times[point] == int(number or 1):
        os.kill(os.getpid(), signal.SIGKILL)
