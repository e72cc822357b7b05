"""Work in processes of their own that can be killed, without paying for imports each time.

A parent imports everything once and runs nothing; each piece of work is done by a child it forks.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from assets.crash_points import ARMED

PROJECT = Path(__file__).resolve().parents[2]

PARENT = """
import importlib, json, os, sys, traceback
for name in sys.argv[1].split(","):
    importlib.import_module(name)
from assets.errors import NightshiftError
children = {}
print("ready", flush=True)

def work(order):
    os.environ.update(order["environment"])
    said = ""
    code = 0
    try:
        module, name = order["work"]
        getattr(importlib.import_module(module), name)(*order["arguments"])
    except NightshiftError as error:
        code, said = 1, f"{type(error).__name__}: {error}"
    except BaseException:
        code, said = 2, traceback.format_exc()
    with open(order["outcome"], "w") as file:
        file.write(said)
    os._exit(code)

for line in sys.stdin:
    order = json.loads(line)
    if order.get("wait"):
        _, status = os.waitpid(order["wait"], 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
        continue
    child = os.fork()
    if child == 0:
        work(order)
    print(child, flush=True)
"""


@dataclass(frozen=True)
class Outcome:
    """``code``: 0 done, 1 a NightshiftError, 2 another error, -9 killed; what the error said."""

    code: int
    said: str


class Work:
    """Functions of modules, each run in a child of its own; arguments are texts and numbers."""

    def __init__(self, folder: Path, *modules: str) -> None:
        self.folder = folder
        self.modules = modules
        self.number = 0

    def __enter__(self) -> "Work":
        self.parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, ",".join(self.modules)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
            env={k: v for k, v in os.environ.items() if k != ARMED} | {"PYTHONPATH": str(PROJECT)},
        )
        assert self._answer() == "ready"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        assert self.parent.stdin is not None
        self.parent.stdin.close()
        self.parent.wait(timeout=60)

    def start(self, module: str, name: str, *arguments: Any, at: str | None = None) -> int:
        """Start a piece of work, to be killed at a crash point; the child's process id."""
        self.number += 1
        order = {
            "work": [module, name],
            "arguments": arguments,
            "environment": {ARMED: at} if at else {},
            "outcome": str(self.folder / f"outcome-{self.number}"),
        }
        child = int(self._told(order))
        (self.folder / f"outcome-{self.number}").touch()
        (self.folder / f"number-{child}").write_text(str(self.number))
        return child

    def end(self, child: int) -> Outcome:
        """Wait for a child to end, one way or another."""
        code = int(self._told({"wait": child}))
        number = (self.folder / f"number-{child}").read_text()
        return Outcome(code, (self.folder / f"outcome-{number}").read_text())

    def do(self, module: str, name: str, *arguments: Any, at: str | None = None) -> Outcome:
        """Do a piece of work to its end."""
        return self.end(self.start(module, name, *arguments, at=at))

    def _told(self, order: dict[str, Any]) -> str:
        assert self.parent.stdin is not None
        self.parent.stdin.write(json.dumps(order) + "\n")
        self.parent.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self.parent.stdout is not None
        answer = self.parent.stdout.readline().strip()
        assert answer, "the parent has died"
        return answer
