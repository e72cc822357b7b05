"""The second copy of the checkpoints: one canonical JSON object a line, in a file of its own.

It is what tells that the last checkpoint was taken out of the table, or the whole table replaced:
keep it where whoever may write to the lake may not (another disk, an append-only share).
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.durable import make_folder, sync
from assets.ledger.checkpoints import Checkpoint, LedgerError, canonical
from assets.storage_errors import storing

if TYPE_CHECKING:
    from assets.home import Home


@dataclass(frozen=True)
class Copied:
    """What the file holds."""

    lines: Sequence[bytes]  # whole ones, without their ends
    torn: bytes = b""  # what follows the last line end: a kill cut it off


def copy_file(home: "Home", use_case: str) -> Path:
    """The copy of a use case."""
    return home.ledger_copy / f"{use_case}.jsonl"


def read_copy(file: Path) -> Copied | None:
    """The copy as it stands, or None where there is none."""
    if not file.exists():
        return None
    *lines, torn = file.read_bytes().split(b"\n")
    return Copied(lines, torn)


def line_of(checkpoint: Checkpoint) -> bytes:
    """A checkpoint as its line, without the end."""
    return canonical(checkpoint.as_json())


def require_prefix(file: Path, checkpoints: Sequence[Checkpoint]) -> Copied:
    """The copy, which must say what the table says, as far as it goes.

    A torn last line counts as not there if it is the beginning of the line the table has. Raises
    LedgerError when the two do not agree: neither is made to follow the other, for nobody can tell
    which was changed.
    """
    copied = read_copy(file) or Copied([])
    wrong = "" if _same_end(copied, checkpoints) else disagreement(copied, checkpoints)
    if wrong:
        raise LedgerError(
            f"{wrong}. Nothing was written. Find out which of {file} and the table was changed "
            "(`nightshift audit verify`), and restore that one from a backup"
        )
    return copied


def _same_end(copied: Copied, checkpoints: Sequence[Checkpoint]) -> bool:
    """Are both as long, and the last ones equal? A checkpoint holds the digest of the one before,
    so that is enough to go on from; a verification compares every line."""
    if copied.torn or not checkpoints or len(copied.lines) != len(checkpoints):
        return False
    return copied.lines[-1] == line_of(checkpoints[-1])


def disagreement(copied: Copied, checkpoints: Sequence[Checkpoint]) -> str:
    """Where copy and table part; empty where the copy is the table's beginning, or all of it."""
    for number, (line, checkpoint) in enumerate(
        zip(copied.lines, checkpoints, strict=False), start=1
    ):
        if line != line_of(checkpoint):
            return (
                f"line {number} of the second copy is {_named(line)}, the table has "
                f"{checkpoint.named} with another content there"
            )
    if len(copied.lines) > len(checkpoints):
        lost = copied.lines[len(checkpoints) :]
        return (
            f"the second copy has {len(copied.lines)} checkpoints, the table {len(checkpoints)}: "
            f"{', '.join(_named(line) for line in lost[:3])} "
            f"{'was' if len(lost) == 1 else 'were'} taken out of the table"
        )
    follows = len(copied.lines) < len(checkpoints)
    if copied.torn and not (
        follows and line_of(checkpoints[len(copied.lines)]).startswith(copied.torn)
    ):
        return "the second copy ends in something that is no checkpoint of the table"
    return ""


def complete(file: Path, checkpoints: Sequence[Checkpoint]) -> int:
    """Bring the copy up to the table; the number of lines written. On the disk when this returns.

    Raises LedgerError as :func:`require_prefix` does.
    """
    copied = require_prefix(file, checkpoints)
    missing = checkpoints[len(copied.lines) :]
    if not missing:
        return 0
    # Only ever appended to, a torn line by what it lacks: the file may lie where nothing else is
    # allowed.
    wanted = b"".join(line_of(one) + b"\n" for one in missing)[len(copied.torn) :]
    make_folder(file.parent)
    with storing(file), file.open("ab") as out:
        out.write(wanted)
        out.flush()
        os.fsync(out.fileno())
        sync(file.parent)
    return len(missing)


def _named(line: bytes) -> str:
    """What a line of the copy is about, as far as it says."""
    try:
        said = json.loads(line)
        day = f" of {said['day']}" if said["day"] else ""
        return f"checkpoint {said['sequence']} ({said['kind']}{day})"
    except (ValueError, KeyError, TypeError):
        return "no checkpoint"
