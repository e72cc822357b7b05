"""What a person is told of a feature that counted against them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assets.spec import UseCaseSpec

SIGNS = {"ratio": "divided by", "difference": "less", "product": "times"}


def reason_texts(spec: "UseCaseSpec") -> dict[str, str]:
    """Text of every feature, in the order of the spec.

    ``policy.reasons`` where it has one, else the column's description, else the name. A derived
    feature without either is described by its formula, in the words of its operands. Never empty.
    """
    plain = {
        name: _described(spec, name) or name
        for name in spec.feature_names
        if name not in spec.features.derived
    }
    texts = {}
    for name in spec.feature_names:
        text = spec.policy.reasons.get(name, "").strip()
        if not text and name in spec.features.derived:
            derived = spec.features.derived[name]
            one, other = (plain[operand] for operand in derived.operands)
            formula = f"{_lead(one)} {SIGNS[derived.operation]} {_lead(other)}"
            text = derived.description.strip() or formula
        texts[name] = text or plain[name]
    return texts


def _lead(text: str) -> str:
    """A description as a part of a sentence: without its full stop."""
    return text.rstrip(". ")


def _described(spec: "UseCaseSpec", feature: str) -> str:
    if feature in spec.features.request:
        return spec.sources[spec.population.source].columns[feature].description.strip()
    for view, declared in spec.features.views.items():
        if feature in declared.columns:
            return spec.sources[spec.view_source(view)].columns[feature].description.strip()
    return ""
