"""A small use case for tests of the gates: parcels, their senders' accounts, losses."""

from assets.spec import UseCaseSpec


def parcels_spec(**blocks: object) -> UseCaseSpec:
    """A use case with one feature view, and the given blocks (``quality``, ``monitoring`` …)."""
    columns = {
        "parcel_id": {"type": "string"},
        "sender": {"type": "string", "pii": "pseudonymise"},
        "sent_at": {"type": "timestamp"},
        "weight": {"type": "float", "min": 0, "max": 5000, "unit": "kg"},
        "counter": {"type": "string", "values": ["desk", "web", "phone"]},
    }
    accounts = {
        "sender": {"type": "string"},
        "seen_at": {"type": "timestamp"},
        "income": {"type": "float", "required": False},
    }
    results = {
        "parcel_id": {"type": "string"},
        "lost": {"type": "bool"},
        "checked_at": {"type": "timestamp"},
    }
    return UseCaseSpec.model_validate(
        {
            "name": "parcels",
            "start": "2026-01-01",
            "sources": {
                "parcels": {"columns": columns},
                "accounts": {"columns": accounts},
                "checks": {"columns": results},
            },
            "population": {
                "source": "parcels",
                "key": "parcel_id",
                "entity": "sender",
                "event_timestamp": "sent_at",
            },
            "label": {
                "source": "checks",
                "column": "lost",
                "positive": True,
                "observed_at": "checked_at",
                "matures_after": "20d",
            },
            "features": {
                "request": ["weight", "counter"],
                "views": {
                    "accounts": {
                        "entity": "sender",
                        "timestamp": "seen_at",
                        "ttl": "90d",
                        "columns": ["income"],
                    }
                },
            },
            **blocks,
        }
    )
