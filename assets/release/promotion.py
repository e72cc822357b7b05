"""What the record says when a version has the approvals it needs."""

import json

from assets.release.events import CHAMPION, RETIRED, SYSTEM, Event, evidence_of


def promotion(
    events: list[Event], entry: Event, given: dict[str, Event], last: Event
) -> list[Event]:
    """The champion event that cites the approvals, and the end of the champion before it.

    ``given``: name to approval, in order; ``last``: the one that completes them, whose first day it
    is.
    """
    version = int(entry["model_version"])
    common = {
        "at": last["at"],
        "effective_from": last["effective_from"],
        "actor": SYSTEM,
        "spec_version": last["spec_version"],
        "run_id": last["run_id"],
    }
    evidence = {
        "record": evidence_of(entry)["record"],
        "approvals": [approval["signature"] for approval in given.values()],
    }
    champion = {
        **common,
        "model_version": version,
        "stage": CHAMPION,
        "model_digest": entry["model_digest"],
        "manifest_digest": entry["manifest_digest"],
        "reason": f"approved by {', '.join(given)}",
        "evidence": json.dumps(evidence, sort_keys=True),
    }
    newest = {int(e["model_version"]): e for e in events}
    retired = [
        {
            **common,
            "model_version": old,
            "stage": RETIRED,
            "model_digest": event["model_digest"],
            "manifest_digest": event["manifest_digest"],
            "reason": f"version {version} took its place",
            "evidence": json.dumps({"superseded_by": version}),
        }
        for old, event in newest.items()
        if event["stage"] == CHAMPION and old != version
    ]
    return [champion, *retired]
