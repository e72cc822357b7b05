"""A card put together from its facts, in the order of Mitchell et al. 2019.

"Model Cards for Model Reporting", FAT* 2019: model details, intended use, factors, metrics,
evaluation data, training data, quantitative analyses, ethical considerations, caveats and
recommendations. On top a box for those who read no further; at the end what it takes to check.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from assets.training.card import approval, words
from assets.training.card.analyses import analyses
from assets.training.card.caveats import approvals_of, caveats, ethics, evidence
from assets.training.card.data import evaluation, training
from assets.training.card.document import Card
from assets.training.card.intent import details, factors, intended_use, metrics
from assets.training.card.summary import summary


def card(facts: Mapping[str, Any], approvals: Sequence[approval.Approval]) -> Card:
    """The card of ``facts`` (of :func:`assets.training.card.facts.card_facts`).

    ``approvals``: dicts of ``name``, ``at`` (ISO 8601, UTC), ``reason`` and ``decision``
    (approve or reject), in the order they came.
    """
    purpose, version = facts["purpose"], facts["version"]
    return Card(
        title=f"Model card: {purpose['use_case']}, version {version['number']}",
        subtitle=(
            f"{version['estimator'].replace('_', ' ')}, trained with what was known at "
            f"{words.instant(version['as_of'])}; risk tier {facts['risk']['tier']}"
        ),
        status=approval.status(facts, approvals),
        summary=summary(facts, approvals),
        sections=(
            details(facts),
            intended_use(facts),
            factors(facts),
            metrics(facts),
            evaluation(facts),
            training(facts),
            *analyses(facts),
            ethics(facts),
            caveats(facts),
            evidence(facts),
            approvals_of(facts, approvals),
        ),
    )
