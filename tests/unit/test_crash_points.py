"""Crash points: each is in the code and on the list, and none does anything unless asked to."""

import ast
import os
import signal
import subprocess
import sys
import timeit
from pathlib import Path

import pytest

from assets.crash_points import ARMED, POINTS, reached

PROJECT = Path(__file__).resolve().parents[2]


def points_in(code: str) -> list[str | None]:
    """What ``reached`` is called with in a module; None for anything but a plain text."""
    calls = [
        node
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call)
        and (getattr(node.func, "id", None) or getattr(node.func, "attr", None)) == "reached"
    ]
    return [
        call.args[0].value
        if call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
        else None
        for call in calls
    ]


def test_the_points_of_the_list_are_the_points_of_the_code() -> None:
    found: list[str | None] = []
    for folder in ("assets", "orchestration", "feature_repo"):
        for module in (PROJECT / folder).rglob("*.py"):
            found += points_in(module.read_text(encoding="utf-8"))
    assert None not in found
    assert set(found) == set(POINTS)


def test_a_point_that_is_not_plain_text_would_be_noticed() -> None:
    assert points_in('reached("one")\nx.reached(name)\nreached()') == ["one", None, None]


WORK = """
import sys
from assets.crash_points import reached
for point in sys.argv[1:]:
    reached(point)
    print(point, flush=True)
"""


def run(at: str | None, *points: str) -> tuple[int, list[str]]:
    """Exit code of a process that comes by the points, and those it survived."""
    environment = {k: v for k, v in os.environ.items() if k != ARMED}
    done = subprocess.run(
        [sys.executable, "-c", WORK, *points],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        env=environment | ({ARMED: at} if at is not None else {}),
        timeout=60,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.split()


@pytest.mark.parametrize(
    ("at", "survived"),
    [
        ("door.rows", ["door.files"]),
        ("door.files", []),
        ("door.rows:1", ["door.files"]),
        ("door.rows:2", ["door.files", "door.rows", "door.profile"]),
    ],
)
def test_the_process_is_killed_at_the_point_named_and_the_time_named(
    at: str, survived: list[str]
) -> None:
    code, passed = run(at, "door.files", "door.rows", "door.profile", "door.rows")
    assert (code, passed) == (-signal.SIGKILL, survived)


@pytest.mark.parametrize("at", [None, "", "door", "door.row", "door.rows:3", "elsewhere:1"])
def test_any_other_setting_leaves_it_alone(at: str | None) -> None:
    points = ["door.rows", "door.profile", "door.rows"]
    assert run(at, *points) == (0, points)


def test_a_point_costs_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ARMED, raising=False)
    loops = 10_000
    seconds = min(timeit.repeat(lambda: reached("lake.synced"), number=loops, repeat=20)) / loops
    # Under one microsecond on a quiet machine; the best of many on a busy one is not far off.
    assert seconds < 3e-6
