"""Ids of decisions: the same whenever and wherever a case is decided."""

import uuid
from collections.abc import Iterable
from datetime import date
from hashlib import sha1

NAMESPACE = uuid.UUID("6f1b3f0e-6f0b-5c59-9a57-7d1f3a0c2b84")
"""Namespace of decision ids. Changing it would change every id ever given."""

PURPOSE = "decision"


def decision_ids(use_case: str, case_keys: Iterable[str], day: date) -> list[str]:
    """``uuid5(NAMESPACE, "<use case>|<case key>|<day>|decision")`` for each case key.

    RFC 9562, section 5.5, as :func:`uuid.uuid5` gives it, without an object per row. A key may
    itself hold a bar: the parts around it have a fixed form, so no two cases share a name.
    """
    start = sha1(NAMESPACE.bytes + f"{use_case}|".encode(), usedforsecurity=False)
    end = f"|{day.isoformat()}|{PURPOSE}".encode()
    ids = []
    for key in case_keys:
        name = start.copy()
        name.update(key.encode() + end)
        h = name.hexdigest()
        variant = "89ab"[int(h[16], 16) & 3]
        ids.append(f"{h[:8]}-{h[8:12]}-5{h[13:16]}-{variant}{h[17:20]}-{h[20:32]}")
    return ids
