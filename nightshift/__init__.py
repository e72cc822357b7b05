"""Read what a home of Nightshift has published: ``nightshift.open_lake()``.

See docs/notebooks.md. The command of the same name is :mod:`orchestration.cli`.
"""

from nightshift.about import UseCase
from nightshift.errors import ReadError
from nightshift.intervals import FEWEST, difference, share
from nightshift.read_lake import ReadLake, Table, Window, open_lake
from nightshift.result import Result

__all__ = [
    "FEWEST",
    "ReadError",
    "ReadLake",
    "Result",
    "Table",
    "UseCase",
    "Window",
    "difference",
    "open_lake",
    "share",
]
