"""The small use case before and after new files landed, and the pieces of its night by name."""

import shutil
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from assets.content import RUN
from assets.features.publish import publish_days
from assets.home import Home
from assets.ingestion.pseudonym import load_key
from assets.ingestion.publish import read_profiles
from assets.ingestion.source_days import PENDING
from assets.lake import Lake
from assets.marts.build import build, prepare, publish
from assets.tables import files, profile, quarantine, validated
from tests.small_case import START, land, land_days, small_spec, take

SPEC = small_spec()
DAYS = 2
LAST = START + timedelta(days=DAYS - 1)
OLD, NEW = 0.0, 100.0
SOURCE = "readings"
DOOR = [validated(SOURCE), quarantine(SOURCE), files(SOURCE), profile(SOURCE)]
HERE = "tests.faults.plant"


def land_all(home: Home, heat: float) -> None:
    """Files of all sources; what the readings say, and one row they cannot say, by ``heat``."""
    land_days(home, DAYS, cases=30, heat=heat)
    name = f"readings_{START}.csv"
    whole = (home.landing_source("plant", SOURCE) / name).read_text()
    land(home, SOURCE, name, f"{whole}u1,{START}T00:00:00Z,{START}T01:00:00Z,hot {heat}\n")


def door(home: str) -> None:
    """The readings of all days through the door."""
    take(SPEC, Home(Path(home)), SOURCE, START, LAST)


def door_of_one_day(home: str, source: str = SOURCE) -> None:
    """A source's first day through the door."""
    take(SPEC, Home(Path(home)), source, START)


def doors(home: str) -> None:
    """All sources through the door."""
    for source in SPEC.sources:
        take(SPEC, Home(Path(home)), source, START, LAST)


def project(home: str) -> None:
    """The dbt project and its manifest."""
    prepare(SPEC, Home(Path(home)))


def marts_built(home: str) -> None:
    """The marts in their database."""
    build(SPEC, Home(Path(home)), START, LAST, lambda _: None)


def marts_published(home: str) -> None:
    """The marts from their database into the lake."""
    place = Home(Path(home))
    publish(SPEC, place, Lake(place.lake), START, LAST, "run")


def features(home: str) -> None:
    """The day files of the view."""
    place = Home(Path(home))
    publish_days(Lake(place.lake), place, SPEC, "readings")


def copied(home: Home, to: Path) -> Home:
    """The same home at another place."""
    shutil.copytree(home.root, to)
    return Home(to)


def before_and_after(room: Path) -> tuple[Home, Home]:
    """A home with the old files taken in and the new ones landed; the same after its night."""
    before = Home(room / "before")
    land_all(before, OLD)
    doors(str(before.root))
    land_all(before, NEW)
    after = copied(before, room / "after")
    doors(str(after.root))
    old, new = tables(before, DOOR), tables(after, DOOR)
    assert all(old[table] != new[table] for table in DOOR)
    return before, after


def require_whole(home: Home, before: Home, after: Home, what: Any) -> None:
    """Each table of the door is as before or after; and the profile, which stands for its day,
    fits the others or says that nothing is certain."""
    found, old, new = (tables(one, DOOR) for one in (home, before, after))
    *others, _ = DOOR
    for table in others:
        assert found[table] in (old[table], new[table]), (what, table)
    days = input_digests(home)
    if days == input_digests(before):
        assert found == old, what
    elif days == input_digests(after):
        assert found == new, what
    else:
        assert days == [PENDING] * len(days), what


def tables(home: Home, names: Sequence[str] = ()) -> dict[str, list[str]]:
    """Content of the tables of the lake that are there, all or those named."""
    lake = Lake(home.lake)
    found = names or sorted(path.name for path in (home.lake / "plant").iterdir())
    return {
        table: content(lake.read("plant", table)) for table in found if lake.exists("plant", table)
    }


def day_files(home: Home) -> dict[str, list[str]]:
    """Content of every day file of the view; fails for one that is not whole."""
    folder = home.feature_view("plant", "readings")
    return {path.name: content(pq.read_table(path)) for path in folder.glob("*.parquet")}


def content(rows: pa.Table) -> list[str]:
    """The rows in an order of their own, but for who wrote them and how they were sealed, which
    is by chance in every home. Plain text, because these tables are small and many."""
    plain = [{k: v for k, v in row.items() if k not in (RUN, "sealed")} for row in rows.to_pylist()]
    return sorted(map(repr, plain))


def input_digests(home: Home) -> list[str]:
    """What the profiles say the days were made of."""
    profiles = read_profiles(Lake(home.lake), "plant", SOURCE, START, LAST)
    return [one["input_digest"] for _, one in sorted(profiles.items())]


def key(path: str) -> None:
    """The installation's key, made on first use."""
    load_key(Path(path))
