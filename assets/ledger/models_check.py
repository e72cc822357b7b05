"""Models that decided: what decisions cite, what the release record says, what is on the disk."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from assets.ledger.findings import Finding
from assets.release.artifact import require_whole
from assets.release.events import entry_of, read_events
from assets.training.manifest import ManifestError

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake
    from assets.spec import UseCaseSpec

Cited = Mapping[tuple[int | None, str | None], tuple[date, int]]
"""Version and digest to the first day that cites them, and how many decisions do."""


def model_findings(
    lake: "Lake", home: "Home", spec: "UseCaseSpec", cited: Cited
) -> Iterator[Finding]:
    """Whether each model cited is one that was registered, and its files are still those."""
    events = read_events(lake, spec.name)
    looked_at: set[int] = set()
    for (version, digest), (day, count) in sorted(cited.items(), key=str):
        if version is None and digest is None:
            continue
        where = f"decisions of {day}"
        cites = f"{count} decision{'s cite' if count > 1 else ' cites'}"
        entry = entry_of(events, version) if version is not None else None
        if version is None or entry is None:
            yield Finding(
                "model", where, f"{cites} model version {version}, which is not on release record"
            )
            continue
        if entry["model_digest"] != digest:
            yield Finding(
                "model",
                where,
                f"{cites} version {version} with the digest {_short(digest)}, the release record "
                f"says {_short(entry['model_digest'])}",
            )
        if version in looked_at:
            continue
        looked_at.add(version)
        yield from _files(home, spec, entry, version)


def _files(
    home: "Home", spec: "UseCaseSpec", entry: dict[str, Any], version: int
) -> Iterator[Finding]:
    try:
        require_whole(home, spec.name, entry)
    except (ManifestError, KeyError) as error:
        what = str(error) if isinstance(error, ManifestError) else "its record names no folder"
        yield Finding("model", f"model version {version}", what)


def _short(digest: Any) -> str:
    return f"{str(digest)[:12]}…"
