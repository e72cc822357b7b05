"""The card where people find it: a page in the reports, and both texts and the facts in MLflow."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from assets.durable import write_whole
from assets.errors import NightshiftError
from assets.training.card.approval import Approval
from assets.training.card.facts import SCHEMA
from assets.training.card.html import render_html
from assets.training.card.markdown import render_markdown

if TYPE_CHECKING:
    from assets.home import Home
    from assets.training.registry import RegisteredVersion

PAGE, TEXT, FACTS = "model_card.html", "model_card.md", "facts.json"
"""Names among the MLflow run's artifacts."""


class CardError(NightshiftError):
    """A card cannot be made. The message says why and what to do."""


def write_card(
    home: "Home",
    registered: "RegisteredVersion",
    facts: Mapping[str, Any],
    approvals: Sequence[Approval],
) -> None:
    """Write the card of a version: page, text and facts to its MLflow run, ``home.model_card``.

    ``facts`` as of :func:`assets.training.card.facts.card_facts`, ``approvals`` as of
    :func:`assets.training.card.card.card`. Each file is there as a whole or not at all; the same
    facts and approvals give the same bytes. Raises CardError when the facts are of another version.
    """
    from assets.training.registry import log_card

    use_case, version = facts["purpose"]["use_case"], facts["version"]
    if (version["number"], version["digest"]) != (registered.version, registered.digest):
        raise CardError(
            f"{use_case}: the facts are of version {version['number']} "
            f"({str(version['digest'])[:12]}), not of version {registered.version} "
            f"({registered.digest[:12]}). Nothing was written"
        )
    files = {
        PAGE: render_html(facts, approvals),
        TEXT: render_markdown(facts, approvals),
        FACTS: json.dumps(facts, sort_keys=True, indent=1, ensure_ascii=False) + "\n",
    }
    # The facts first: where there is a page, it can be made again.
    log_card(home, registered, {name: files[name] for name in (FACTS, TEXT, PAGE)})
    write_whole(home.model_card(use_case, registered.version), files[PAGE])


def renew_card(
    home: "Home", registered: "RegisteredVersion", approvals: Sequence[Approval]
) -> None:
    """Write the card again with the approvals there are now; its facts stay as they were.

    Raises CardError when the facts in the version's MLflow run are gone, damaged or of another
    version, RegistryError when the run has no folder in this home.
    """
    from assets.training.registry import artifact_folder

    kept = artifact_folder(home, registered) / FACTS
    try:
        facts = json.loads(kept.read_text(encoding="utf-8"))
        known = isinstance(facts, dict) and facts["schema"] == SCHEMA
    except (FileNotFoundError, KeyError, ValueError):
        known = False
    if not known:
        raise CardError(
            f"version {registered.version}: {FACTS} among the artifacts of MLflow run "
            f"{registered.mlflow_run_id} is not there, or not as it was written, so its card "
            "cannot be made again. Restore it from a backup; the version itself is as it was"
        )
    write_card(home, registered, facts, approvals)
