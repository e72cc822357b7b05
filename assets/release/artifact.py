"""Whether the files of a version are those that were registered and judged."""

import hashlib
import json
from typing import TYPE_CHECKING

from assets.release.events import Event, evidence_of
from assets.training.manifest import MANIFEST, ManifestError, read_verified

if TYPE_CHECKING:
    from assets.home import Home


def require_whole(home: "Home", use_case: str, entry: Event) -> None:
    """Return only if the model folder is as the installation signed it, for this very training.

    ``entry``: the event the version came on record by. So nobody puts their name to a model that a
    night would refuse, or to another one than the gates judged. Raises ManifestError.
    """
    record = evidence_of(entry)["record"]
    folder = home.root / record["model_folder"]
    digest = str(entry["manifest_digest"])
    try:
        read_verified(home, folder, use_case=use_case, digest=digest, keep=())
        text = (folder / MANIFEST).read_bytes()
        if hashlib.sha256(text).hexdigest() != digest:
            raise ManifestError(f"{MANIFEST} was changed just now")
        said = json.loads(text)
        if said["training"] != record["training_digest"]:
            raise ManifestError("its manifest is signed for another training than the gates judged")
        if entry["model_digest"] not in said["files"].values():
            raise ManifestError("its manifest names no file with the model digest on record")
    except ManifestError as error:
        raise ManifestError(
            f"{use_case} version {entry['model_version']} is not as it was registered "
            f"({record['model_folder']}): {error}. Restore the folder from a backup, or train anew"
        ) from error
