"""The checkpoints by themselves: digests, signatures, order, and the second copy."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from assets.ledger.checkpoints import Checkpoint, digest_of, is_genuine
from assets.ledger.findings import Finding
from assets.ledger.second_copy import disagreement, line_of, read_copy
from assets.tables import CHECKPOINTS


def chain_findings(
    use_case: str, checkpoints: Sequence[Checkpoint], installation: str
) -> Iterator[Finding]:
    """What is wrong with the chain, by rising sequence. ``installation``: its public key."""
    before: Checkpoint | None = None
    for number, one in enumerate(checkpoints, start=1):
        if before is not None and one.sequence == before.sequence:
            yield Finding("chain", one.named, f"the sequence {one.sequence} is there twice", one.at)
        elif one.sequence != (before.sequence + 1 if before else 1):
            first = before.sequence + 1 if before else 1
            lost = f"{first}" if one.sequence == first + 1 else f"{first} to {one.sequence - 1}"
            yield Finding(
                "chain", CHECKPOINTS, f"checkpoint {lost} is missing before {one.named}", one.at
            )
        if digest_of(use_case, one) != one.digest:
            yield Finding(
                "chain",
                one.named,
                "it says something else than its digest was made of: it was changed, or moved to "
                f"another place of the chain (row {number})",
                one.at,
            )
        if not is_genuine(one, installation):
            other = one.public_key != installation
            what = "signed by another key than" if other else "its signature is not"
            yield Finding("signature", one.named, f"{what} this installation's", one.at)
        if one.previous != (before.digest if before else ""):
            follows = before.named if before else "nothing"
            yield Finding(
                "chain", one.named, f"it does not follow {follows}, which comes before it", one.at
            )
        before = one


def copy_findings(file: Path, checkpoints: Sequence[Checkpoint]) -> Iterator[Finding]:
    """Where the second copy and the table part."""
    copied = read_copy(file)
    where = f"second copy {file.name}"
    if copied is None:
        if checkpoints:
            yield Finding(
                "copy", where, f"it is not there, the table has {len(checkpoints)} checkpoints"
            )
        return
    wrong = disagreement(copied, checkpoints)
    if wrong:
        at = _parted(copied.lines, checkpoints)
        yield Finding("copy", where, wrong, at.at if at else None)
        return
    missing = len(checkpoints) - len(copied.lines)
    if missing:
        first = checkpoints[len(copied.lines)]
        yield Finding(
            "copy",
            where,
            f"it ends {missing} checkpoint{'s' if missing > 1 else ''} before the table, which "
            f"goes on with {first.named}: it was shortened, or a run was killed before it wrote "
            "there (the next one completes it)",
            first.at,
        )


def _parted(lines: Sequence[bytes], checkpoints: Sequence[Checkpoint]) -> Checkpoint | None:
    """The checkpoint of the table at which the two part, or the last one both have."""
    for line, checkpoint in zip(lines, checkpoints, strict=False):
        if line != line_of(checkpoint):
            return checkpoint
    return checkpoints[-1] if checkpoints else None
