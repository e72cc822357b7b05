"""The specs decisions were made by, as they were: text and digest, by version.

A decision cites the version of its spec, twelve digits of the SHA-256 of the spec's JSON. The whole
text is kept beside the checkpoints, and its whole digest in them.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from assets.errors import NightshiftError
from assets.spec import UseCaseSpec
from assets.tables import SPECS, SPECS_SCHEMA

if TYPE_CHECKING:
    from assets.lake import Lake


class SpecNotKept(NightshiftError):
    """A spec version whose text is not there, or is not what its version says."""


@dataclass(frozen=True)
class KeptSpec:
    """A spec as it was. ``parsed_version`` differs from ``version`` where the platform has learnt
    fields since, which then have their defaults."""

    version: str
    sha256: str
    spec: UseCaseSpec

    @property
    def parsed_version(self) -> str:
        return self.spec.version


def keep_spec(lake: "Lake", spec: UseCaseSpec, run_id: str) -> bool:
    """Put the spec's text on record; False when it is there already. Under the caller's lock."""
    lake.ensure(spec.name, SPECS, SPECS_SCHEMA, partitioned=False, append_only=True)
    if spec.version in digests(lake, spec.name):
        return False
    text = spec.model_dump_json()
    row = {
        "spec_version": spec.version,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "spec": text,
        "run_id": run_id,
    }
    lake.append(spec.name, SPECS, pa.Table.from_pylist([row], schema=SPECS_SCHEMA))
    return True


def digests(lake: "Lake", use_case: str) -> dict[str, str]:
    """Version to the SHA-256 of its text as it stands, of all that are kept."""
    if not lake.exists(use_case, SPECS):
        return {}
    rows = lake.read(use_case, SPECS, columns=["spec_version", "spec"]).to_pylist()
    return {
        row["spec_version"]: hashlib.sha256(row["spec"].encode()).hexdigest()
        for row in reversed(rows)
    }


def kept_spec(lake: "Lake", use_case: str, version: str) -> KeptSpec:
    """The spec of a version. Raises SpecNotKept where there is none, or its text was changed."""
    from pydantic import ValidationError

    rows = lake.read(use_case, SPECS).to_pylist() if lake.exists(use_case, SPECS) else []
    found = [row for row in rows if row["spec_version"] == version]
    if not found:
        raise SpecNotKept(f"{use_case}: the spec of version {version} was not kept")
    text = found[0]["spec"]
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    if not sha256.startswith(version):
        raise SpecNotKept(
            f"{use_case}: the text kept of spec version {version} was changed: its SHA-256 begins "
            f"with {sha256[:12]}"
        )
    try:
        return KeptSpec(version, sha256, UseCaseSpec.model_validate_json(text))
    except ValidationError as error:
        raise SpecNotKept(
            f"{use_case}: the spec of version {version} is kept, but this version of the platform "
            f"cannot read it ({error.error_count()} fields)"
        ) from error


def missing(lake: "Lake", use_case: str, cited: Iterable[str]) -> list[str]:
    """Of the versions cited, those without a text that is theirs."""
    kept = digests(lake, use_case)
    return sorted(v for v in set(cited) if not kept.get(v, "").startswith(v) or not v)
