"""The blind sample: automatic decisions that a reviewer decides again without being told the first.

Whether a decision is in it follows from a keyed hash of its id: the same whenever it is asked, and
nobody without the key can tell. A larger share keeps what was in the smaller one.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from assets.decisions.policy import REFER
from assets.ingestion.pseudonym import load_key
from assets.release.arms import in_share

if TYPE_CHECKING:
    from assets.home import Home
    from assets.spec import UseCaseSpec

CONTEXT = "nightshift blind sample 1"


def blind_key(home: "Home") -> bytes:
    """The key of the sample, a 0600 file among the secrets, made on first use.

    Without it another sample is drawn: keep it with the others. Raises KeyRefused.
    """
    return load_key(home.pseudonym_key.with_name("blind_sample.key"))


def blind_sample(
    home: "Home", spec: "UseCaseSpec", decision_ids: pa.ChunkedArray
) -> pa.ChunkedArray:
    """Whether each of these automatic decisions (ids) is in the sample: booleans."""
    share = spec.review.blind_sample
    if share in (0, 1) or not len(decision_ids):
        return pa.chunked_array([pa.repeat(share == 1, len(decision_ids))])
    return in_share(blind_key(home), f"{CONTEXT}|{spec.name}", share, decision_ids)


def is_blind(home: "Home", spec: "UseCaseSpec", decision: Mapping[str, Any]) -> bool:
    """Is this decision (a live row) an automatic one of the sample?"""
    if decision["decision"] == REFER:
        return False
    ids = pa.chunked_array([pa.array([str(decision["decision_id"])], pa.string())])
    return bool(blind_sample(home, spec, ids)[0].as_py())


def hidden_place(key: bytes, decision_id: str) -> float:
    """A number in [0, 1): where among the night's referrals a blind case is put, so that its place
    in the queue does not tell what the machine made of it."""
    digest = hmac.new(key, f"{CONTEXT}|place|{decision_id}".encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
