"""The part on a cascade: which cases another, cheaper model decides, and how often it is wrong."""

from collections.abc import Iterator, Mapping
from typing import Any

from assets.training.card import words
from assets.training.card.document import Block, Mono, Pairs, Paragraph

Facts = Mapping[str, Any]


def cascade(facts: Facts) -> Iterator[Block]:
    """Nothing where no cascade is declared; cards made before there were any have none."""
    declared = facts.get("cascade")
    if not declared:
        return
    gate = next((g for g in facts["gates"] if g["gate"] == "training.cascade"), None)
    if gate:
        yield Paragraph(words.told(gate))
    if not declared["digest"]:
        yield Paragraph("There is no cheaper model: this one scores every case.")
        return
    low, high = declared["band"]
    yield Paragraph(
        f"A case that a cheaper model ({declared['cheap'].replace('_', ' ')}), which was fitted on "
        f"what this one says, scores under {low:g} or over {high:g} is decided by that score. All "
        "others are scored by this model. Figures elsewhere on this card are of this model alone."
    )
    found = gate["figures"] if gate else {}
    rows = [
        ("Cases the cheaper model decides", words.percent(found.get("cheap_share"))),
        (
            "Of those, advised otherwise by this model",
            words.share(found.get("disagreement")),
        ),
        ("Of those, allowed to be", words.percent(declared["max_disagreement"])),
    ]
    otherwise = found.get("otherwise") or {}
    rows += [(f"Advised {what}", words.counted(n, "case")) for what, n in otherwise.items()]
    yield Pairs(
        "On held-out cases neither model has seen",
        (*rows, ("Digest of the cheaper model", Mono(declared["digest"]))),
    )
    yield Paragraph(
        f"Every night this model also scores up to {declared['sample']:,} of the clear cases, "
        "and where the advice differs more often than allowed, it scores all cases of the night."
    )
