"""Whose signatures count on the release record: enrolled people's, and the installation's own."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assets.release.people import People, read_people
from assets.signing import load_private_key, public_key

if TYPE_CHECKING:
    from assets.home import Home
    from assets.lake import Lake


@dataclass(frozen=True)
class Authority:
    """People sign decisions, the installation signs what follows from them."""

    people: People
    installation: str  # its public key, base64; empty where its key is not there


def read_authority(lake: "Lake", home: "Home") -> Authority:
    """As on record now. Raises SigningKeyError when the installation's key cannot be read."""
    there = home.signing_key.exists()
    key = public_key(load_private_key(home.signing_key)) if there else ""
    return Authority(read_people(lake, home), key)
