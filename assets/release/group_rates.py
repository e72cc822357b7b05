"""Do the groups of a sensitive column fare alike where the challenger decides?"""

from itertools import combinations
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.lake import PARTITION
from assets.release.checks import Check
from assets.release.compared import Compared, both_usable, entity_numbers, hits, of_arm
from assets.release.guardrails import ALL, JUDGED, spans
from assets.release.rates import share_of
from assets.tables import SCORING_SET
from assets.training.gates.groups import group_names, may_be_named
from assets.training.gates.shares import Share, ratio

if TYPE_CHECKING:
    import numpy as np

    from assets.lake import Lake
    from assets.spec import UseCaseSpec


def fairness_check(spec: "UseCaseSpec", compared: Compared, sensitive: pa.Table) -> Check:
    """Smallest ratio of the groups' approval rates, by the policy's advice, in the canary's arm.

    ``sensitive``: of :func:`sensitive_values`. Of every sensitive column all pairs of groups of at
    least ``model.gates.fairness.min_group`` cases are compared (four-fifths rule, 29 CFR 1607.4 D);
    the pairs of all columns share the error probability (Bonferroni). It fails when the interval of
    a pair lies wholly below ``guardrails.fairness_ratio``, of the night or of all so far, and is
    insufficient while some column has fewer than two such groups.
    """
    guard, least = spec.release.guardrails, spec.model.gates.fairness.min_group
    threshold = {
        "least": guard.fairness_ratio,
        "confidence": guard.confidence,
        "min_group": least,
    }
    figures: dict[str, Any] = {}
    for span, rows in spans(compared).items():
        own = both_usable(of_arm(rows, "canary")).join(
            sensitive, keys=["case_key", PARTITION], join_type="left outer"
        )
        shares = {column: _shares(spec, own, column) for column in spec.sensitive}
        figures[span] = _judged(spec, shares, least)
    found = {
        (span, column): one
        for span, columns in figures.items()
        for column, one in columns.items()
        if one["lowest"] is not None
    }
    unknown = [column for column in spec.sensitive if (ALL, column) not in found]
    allowed = f"at least {guard.fairness_ratio:g}"
    if found:
        (span, column), worst = min(
            found.items(), key=lambda item: (item[1]["lowest"]["interval"].high, item[0])
        )
        pair = worst["lowest"]
        figures[JUDGED] = low = pair["interval"]
        told = (
            f"by {column}, {pair['group']} is approved {low.value:.3g} ({low.low:.3g} to "
            f"{low.high:.3g}) times as often as {pair['against']}"
            f"{'' if span == ALL else ' tonight'}, {allowed}"
        )
        if low.high < guard.fairness_ratio:
            return Check("fairness", "fail", told, figures, threshold)
    if unknown:
        told = f"fewer than two groups of {least} cases by {', '.join(unknown)} in the arm so far"
        return Check("fairness", "insufficient", told, figures, threshold)
    return Check("fairness", "pass", told, figures, threshold)


def sensitive_values(lake: "Lake", spec: "UseCaseSpec", compared: Compared) -> pa.Table:
    """Of the cases of the stage: ``case_key`` (text), the day, and the sensitive columns."""
    key = spec.population.key
    rows = lake.read(
        spec.name,
        SCORING_SET,
        columns=[key, PARTITION, *spec.sensitive],
        first=compared.first,
        last=compared.day,
    )
    # A column may be sensitive and be called case_key: what is joined by comes first, by place.
    keys = pc.cast(rows.column(key), pa.string())
    columns = {"case_key": keys, PARTITION: rows.column(PARTITION)}
    groups = {
        f"group {column}": pa.array(group_names(one, rows.column(column)), pa.string())
        for column, one in spec.sensitive.items()
    }
    return pa.table(columns | groups)


def _shares(spec: "UseCaseSpec", own: pa.Table, column: str) -> dict[str, tuple[Share, int]]:
    """Per group, largest first: share approved, and cases."""
    if not own.num_rows:
        return {}
    groups = own.column(f"group {column}").combine_chunks().dictionary_encode()
    codes = pc.fill_null(groups.indices, -1).to_numpy(zero_copy_only=False)
    approved, entities = hits(own, "advice", "approve"), entity_numbers(own)
    found = {}
    for place, group in enumerate(groups.dictionary.to_pylist()):
        of_group: np.ndarray = codes == place
        found[str(group)] = (
            share_of(approved[of_group], _renumbered(entities[of_group])),
            int(of_group.sum()),
        )
    return dict(sorted(found.items(), key=lambda item: (-item[1][1], item[0])))


def _renumbered(entities: "np.ndarray") -> "np.ndarray":
    import numpy as np

    return np.unique(entities, return_inverse=True)[1]


def _judged(
    spec: "UseCaseSpec", shares: dict[str, dict[str, tuple[Share, int]]], least: int
) -> dict[str, Any]:
    """Per column its groups, and the pair most surely too far apart (the lowest upper end)."""
    large = {c: {g: s for g, (s, n) in of.items() if n >= least} for c, of in shares.items()}
    pairs = {column: list(combinations(groups, 2)) for column, groups in large.items()}
    tests = max(1, sum(map(len, pairs.values())))
    confidence = 1 - (1 - spec.release.guardrails.confidence) / tests
    judged = {}
    for column, groups in large.items():
        compared: list[dict[str, Any]] = []
        for pair in pairs[column]:
            low, high = sorted(pair, key=lambda g: (groups[g].value, g))
            found = ratio(groups[low], groups[high], confidence)
            compared.append({"group": low, "against": high, "interval": found})
        small = {g: n for g, (_, n) in shares[column].items() if n < least}
        named = {g: n for g, n in small.items() if may_be_named(spec, column, g)}
        judged[column] = {
            "groups": {
                g: {"cases": shares[column][g][1], "approved": s.value} for g, s in groups.items()
            },
            "not_judged": named,
            "not_judged_unnamed": {
                "groups": len(small) - len(named),
                "cases": sum(small.values()) - sum(named.values()),
            },
            "lowest": min(
                compared,
                key=lambda one: (one["interval"].high, one["interval"].value, one["group"]),
                default=None,
            ),
        }
    return judged
