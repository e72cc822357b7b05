"""Sections 8 and 9, and what is needed to check the card: digests, environment, approvals."""

from collections.abc import Mapping, Sequence
from typing import Any

from assets.training.card import approval, words
from assets.training.card.document import (
    Block,
    Bullets,
    Cell,
    Command,
    Mono,
    Pairs,
    Paragraph,
    Section,
    Table,
)

Facts = Mapping[str, Any]


def ethics(facts: Facts) -> Section:
    withheld, rules = facts["withheld"], facts["policy"]
    items = []
    kept = sorted({*withheld["denied"], *withheld["sensitive"]})
    if kept:
        items.append(
            f"Kept from the model: {words.listed(kept)}. Other features may still stand in for "
            "them, which is why groups are measured and not assumed to be alike."
        )
    if withheld["pseudonymised"] or withheld["dropped"]:
        items.append(
            "Personal data stays at the door: it is replaced by keyed tokens or dropped before "
            "anything is computed. This card holds figures and no case; the golden rows kept "
            "beside the model are cases, with their keys and features."
        )
    if facts["purpose"]["task"] == "binary":
        items.append(
            "A case may be declined without a person looking at it: the policy says so."
            if rules["automatic_decline"]
            else "Nobody is declined by the model alone: a person confirms."
        )
    items.append(
        "Fewer mistakes for one group can mean more for another, and not all measures of fairness "
        "can hold at once (Kleinberg, Mullainathan and Raghavan 2017). Which matter here is for "
        "those who answer for the use case to say, in the limits of the gates."
    )
    return Section("Ethical considerations", (Bullets(tuple(items)),))


def caveats(facts: Facts) -> Section:
    blocks: list[Block] = [Bullets(tuple(limit["text"] for limit in facts["limits"]))]
    if facts["notes"]:
        blocks += [Paragraph("Notes of the training", strong=True), Bullets(tuple(facts["notes"]))]
    return Section("Caveats and recommendations", tuple(blocks))


def evidence(facts: Facts) -> Section:
    """What a person needs to check that the model which decides is the one described here."""
    version, golden = facts["version"], facts["golden"]
    rows: list[tuple[str, Cell]] = [
        ("Model file (SHA-256)", Mono(version["digest"])),
        ("Manifest of its files (SHA-256)", Mono(version.get("manifest_digest") or "-")),
        ("Signature of the manifest (Ed25519)", Mono(version.get("signature") or "-")),
        ("Key that signed", Mono(version.get("public_key") or "-")),
        ("Training (SHA-256 of rows and settings)", Mono(version["training_digest"])),
        ("Training set", Mono(facts["training"]["digest"])),
        ("MLflow run", Mono(version["mlflow_run_id"])),
        ("Seed", Mono(str(version["seed"]))),
    ]
    blocks: list[Block] = [
        Pairs("Digests", tuple(rows)),
        Paragraph(
            f"{words.counted(golden['rows'], 'golden row')} are kept with the version (digest "
            f"{golden['digest'][:12]}): cases with the scores it gave them when it was made. Each "
            "night, before it scores anything, it must give the same scores again, or the night "
            "goes to people."
        ),
    ]
    inputs = tuple(
        (table, Mono(str(found[0])), Mono(str(found[1])))
        for table, found in (version.get("input_versions") or {}).items()
    )
    if inputs:
        blocks.append(Table("Tables it was made from", ("Table", "Version", "Digest"), inputs))
    judged = tuple((g["gate"], Mono(words.figures(g["figures"], 40))) for g in facts["gates"])
    if judged:
        blocks.append(Table("Figures of the gates, as recorded", ("Gate", "Figures"), judged))
    environment = facts["version"].get("environment") or {}
    if environment:
        packages = tuple((name, Mono(str(v))) for name, v in environment.items())
        blocks.append(Table("Environment", ("Package", "Version"), packages))
    return Section("Evidence and environment", tuple(blocks))


def approvals_of(facts: Facts, approvals: Sequence[approval.Approval]) -> Section:
    blocks: list[Block] = [Paragraph(approval.asked(facts))]
    if approvals:
        rows = tuple(
            (
                a["name"],
                "rejected" if a in approval.rejected_by(approvals) else "approved",
                words.instant(a["at"]),
                a["reason"],
            )
            for a in approvals
        )
        blocks.append(Table("Approvals", ("Who", "Decision", "When", "Reason"), rows))
    else:
        blocks.append(Paragraph(approval.standing(facts, approvals)[0]))
    if typed := approval.command(facts, approvals):
        blocks.append(Command(typed))
    return Section("Approval", tuple(blocks))
