"""What one look at the landing zone remembers for the next, as a small JSON text."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from assets.ingestion.arrived_files import states_of


@dataclass(frozen=True)
class Waiting:
    """A file not dealt with yet: its state at the last look, and its SHA-256 once it was read."""

    state: str
    sha256: str = ""


@dataclass(frozen=True)
class Cursor:
    """What is remembered of a source's folder.

    ``until``: change time (ns) up to which files were dealt with, but for those ``waiting``.
    ``below``: digest of the names and states of the files dealt with; another one tells of files
    that came with an old change time, as those of a whole folder moved into place do.
    """

    until: int = 0
    below: str = field(default_factory=lambda: states_of([]))
    waiting: Mapping[str, Waiting] = field(default_factory=dict)


def dumped(cursors: Mapping[str, Cursor]) -> str:
    """The cursor of each source as one text; as long as the files that wait are many."""
    sources = {
        source: {
            "until": one.until,
            "below": one.below,
            "waiting": {name: [w.state, w.sha256] for name, w in sorted(one.waiting.items())},
        }
        for source, one in cursors.items()
    }
    return json.dumps(sources, separators=(",", ":"))


def loaded(cursor: str | None) -> dict[str, Cursor]:
    """The cursor of the look before. Without one, or with one that makes no sense, every file is
    new; what is on record asks for nothing all the same."""
    try:
        return {
            source: Cursor(
                until=int(one["until"]),
                below=str(one["below"]),
                waiting={name: Waiting(*map(str, held)) for name, held in one["waiting"].items()},
            )
            for source, one in json.loads(cursor or "{}").items()
        }
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}
