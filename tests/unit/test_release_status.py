"""What people are told of the ladder: how it stands, what is awaited, what happened."""

import json
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from assets.home import Home
from assets.lake import PARTITION, Lake
from assets.release.authority import read_authority
from assets.release.champion import genuine
from assets.release.events import read_events
from assets.release.status import release_status
from assets.release.timeline import Span, release_timeline, spans, timeline_figure
from assets.tables import RELEASE_CHECKS, RELEASE_CHECKS_SCHEMA
from tests.released import (
    AS_OF,
    NAME,
    NOW,
    approved,
    direct_spec,
    judged,
    make_spec,
    person,
    put,
    registered,
    rejected,
    rolled_back,
    scored,
    stepped,
    written,
)
from tests.remembered import RememberedLake

FIRST = AS_OF.date()


def night(number: int) -> date:
    return FIRST + timedelta(days=number)


@pytest.fixture
def lake(home: Home) -> Lake:
    """In memory: what is tested here is what is told."""
    return RememberedLake(home.lake)


def checked(lake: Lake, day: date, version: int, stage: str, **verdicts: str) -> None:
    """The checks of a night, as the ladder's asset leaves them; 3 of 7 days and cases."""
    lake.ensure(NAME, RELEASE_CHECKS, RELEASE_CHECKS_SCHEMA)
    rows = [
        {
            "version": version,
            "stage": stage,
            "check": check,
            "verdict": verdict,
            "message": f"3 of 7 {check}",
            "figures": json.dumps({check: 3}),
            "threshold": json.dumps({check: 7}),
            "run_id": "r",
            PARTITION: day,
        }
        for check, verdict in verdicts.items()
    ]
    schema = RELEASE_CHECKS_SCHEMA.append(pa.field(PARTITION, pa.date32()))
    lake.replace_day(NAME, RELEASE_CHECKS, day, pa.Table.from_pylist(rows, schema=schema))


def test_what_is_awaited_from_the_first_version_to_a_rollback(home: Home, lake: Lake) -> None:
    spec = make_spec()

    def told() -> str:
        (line, *_) = release_status(lake, home, spec).awaited
        return line

    assert told() == "a first version, for no version decides: `nightshift train boats`"
    put(lake, spec, 1)
    assert told().startswith("1 person to approve a version, for none decides: read the card of")
    ann = person(home, lake, "ann")
    approved(home, lake, spec, 1, ann)
    assert told() == "a new version: `nightshift train boats`"
    put(lake, spec, 2)
    assert told() == "the next night, at whose end version 2 enters the shadow"
    stepped(home, lake, spec, night(0))
    assert told() == "the first night of version 2 in the shadow"
    scored(lake, night(1))
    checked(lake, night(1), 2, "shadow", days="insufficient", scores="pass", move="hold")
    found = release_status(lake, home, spec)
    assert found.awaited == ["days: 3 of 7 days"]
    assert (found.of_asked("days"), found.of_asked("cases")) == ((3, 7), None)
    assert found.checked_on == night(1)
    approved(home, lake, spec, 2, ann)
    stepped(home, lake, spec, night(2), 2)
    scored(lake, night(3), night(4), versions=[1, 2])
    checked(lake, night(4), 2, "canary", days="pass", move="promote")
    assert told() == "the next night: version 2 met all of its checks"
    rolled_back(home, lake, spec, ann)
    assert release_status(lake, home, spec).awaited[1] == (
        "2 days from 2026-03-04 to 2026-03-05 stand as version 2 decided them, which is out: "
        "`nightshift redecide boats --from 2026-03-04 --to 2026-03-05 --reason TEXT` decides them "
        "anew"
    )
    said = json.loads(json.dumps(release_status(lake, home, spec).as_json()))
    assert said["champion"]["version"] == 1
    assert said["challenger"] is None
    assert said["timeline"][-1]["affected"] == ["2026-03-04", "2026-03-05"]


@pytest.mark.parametrize(
    ("release", "approvals", "said"),
    [
        ({"shadow": None}, 0, "1 person to approve version 2: `nightshift approve boats 2"),
        ({"shadow": None}, 1, "the next night, at whose end version 2 enters the canary"),
        (
            {"shadow": None, "canary": None},
            0,
            "1 person to approve version 2: `nightshift approve boats 2",
        ),
    ],
)
def test_what_is_awaited_follows_the_stages_of_the_spec(
    home: Home, lake: Lake, release: dict[str, Any], approvals: int, said: str
) -> None:
    spec, ann = make_spec(**release), person(home, lake, "ann")
    put(lake, spec, 1)
    approved(home, lake, spec, 1, ann)
    put(lake, spec, 2)
    if approvals:
        approved(home, lake, spec, 2, ann)
    assert release_status(lake, home, spec).awaited[0].startswith(said)


def test_a_version_that_cannot_enter_is_told_with_the_reason(home: Home, lake: Lake) -> None:
    spec = make_spec()
    for version in (1, 2):
        put(lake, spec, version)
    approved(home, lake, spec, 1, person(home, lake, "ann"))
    judged(lake, registered(2), leak="fail")
    (line,) = release_status(lake, home, spec).awaited
    assert "version 2 is kept off the ladder: of its gates, leak says fail" in line


def test_rows_that_do_not_count_are_shown_as_such(home: Home, lake: Lake) -> None:
    spec = make_spec()
    put(lake, spec, 1)
    approved(home, lake, spec, 1, person(home, lake, "ann"))
    written(lake, {**read_events(lake, NAME)[-1], "stage": "canary", "model_version": 9})
    found = release_status(lake, home, spec)
    assert [event["counts"] for event in found.timeline] == [True, True, True, False]
    assert "release event 4 says that version 9 is canary" in " ".join(found.problems)


def test_spans_and_the_picture_tell_the_same_story(home: Home, lake: Lake) -> None:
    spec, ann = make_spec(), person(home, lake, "ann")
    for version in (1, 2):
        put(lake, spec, version)
    assert release_timeline(lake, home, spec, night(0)).startswith(b"\x89PNG")
    for version in (1, 2):
        approved(home, lake, spec, version, ann)
    stepped(home, lake, spec, night(0))
    stepped(home, lake, spec, night(2), 2)
    stepped(home, lake, spec, night(4), 2, "canary")
    scored(lake, night(6))
    rolled_back(home, lake, spec, ann)
    events = genuine(spec, read_events(lake, NAME), read_authority(lake, home))
    assert spans(events, night(9)) == [
        Span(1, "champion", night(0), night(4)),
        Span(1, "champion", night(7), night(9)),
        Span(2, "shadow", night(1), night(2)),
        Span(2, "canary", night(3), night(4)),
        Span(2, "champion", night(5), night(6)),
    ]
    assert spans(events, night(3))[-1] == Span(2, "canary", night(3), night(3))
    figure = timeline_figure(events, until=night(9), use_case=NAME)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["version 1", "version 2"]
    assert len(axes.patches) == 5
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "shadow",
        "canary",
        "champion",
        "rolled back",
    ]


def test_a_champion_superseded_before_its_first_night_held_none(home: Home, lake: Lake) -> None:
    spec, ann = direct_spec(), person(home, lake, "ann")
    for version in (1, 2):
        put(lake, spec, version)
    approved(home, lake, spec, 1, ann, effective_from=night(5))
    approved(home, lake, spec, 2, ann, effective_from=night(3), now=NOW)
    rejected(home, lake, spec, 2, ann, effective_from=night(6))
    events = genuine(spec, read_events(lake, NAME), read_authority(lake, home))
    assert spans(events, night(9)) == [Span(2, "champion", night(3), night(5))]
