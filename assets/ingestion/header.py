"""The names of a CSV file's columns against the declared ones."""

import csv
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from assets.ingestion.landing import LandingError, unreadable
from assets.ingestion.records import Records
from assets.source_spec import SourceSpec

DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar", ":": "a colon"}
LIKE_A_VALUE = re.compile(r"[+-]?\d[\d.,:+TZ /-]*")


@dataclass(frozen=True)
class Header:
    """``names``: of all columns, the declared ones where the file has no header. ``places``: of
    the declared columns among them. ``there``: whether the file's first record is the header."""

    names: list[str]
    places: dict[str, int]
    extra: list[str]
    there: bool


def header_of(
    path: Path, found: Records, spec: SourceSpec, encoding: str, forgiven: list[str]
) -> Header:
    """The header from a file's first records. Raises LandingError when it makes no sense."""
    if not spec.header:
        try:
            names = _cells(found.record(0), spec)
        except (UnicodeDecodeError, csv.Error):
            names = []
        if not _is_header(names, spec):
            places = {name: at for at, name in enumerate(spec.file_columns)}
            return Header(list(spec.file_columns), places, [], there=False)
        forgiven.append("a header, though none is declared")
    elif 0 in found.broken:
        raise unreadable(path, "csv", f"the line of its column names is broken: {found.broken[0]}")
    else:
        names = _names(path, found.record(0), spec, encoding)
    if not names[-1].strip() and _ends_without_cell(found, len(names), spec):
        names = names[:-1]
    places = places_of(path, names, spec, forgiven)
    return Header(names, places, extra_columns(path, names, places.values(), spec), there=True)


def _cells(record: bytes, spec: SourceSpec) -> list[str]:
    text = record.decode("utf-8")
    # The csv module opens a cell with a quote behind blanks only when it drops all such blanks.
    quoted = re.search(rf'(?:^|{re.escape(spec.delimiter)}) +"', text) is not None
    return next(csv.reader([text], delimiter=spec.delimiter, skipinitialspace=quoted), [])


def _names(path: Path, record: bytes, spec: SourceSpec, encoding: str) -> list[str]:
    if not record.strip():
        raise no_header(path, spec, "blank")
    try:
        return _cells(record, spec)
    except UnicodeDecodeError as error:
        reason = f"it is not {encoding.upper()} text where the names of its columns should be"
        raise unreadable(path, "csv", reason) from error
    except csv.Error as error:
        raise unreadable(
            path, "csv", f"the line of its column names is broken ({error})"
        ) from error


def _ends_without_cell(found: Records, cells: int, spec: SourceSpec) -> bool:
    """Whether the delimiter a header ends with is no column's: the first row has nothing there."""
    try:
        row = _cells(found.record(1), spec) if len(found) > 1 else []
    except (UnicodeDecodeError, csv.Error):
        return False
    return len(row) < cells or not row[cells - 1]


def no_header(path: Path, spec: SourceSpec, what: str) -> LandingError:
    """``what`` is there instead of a header: the refusal."""
    return LandingError(
        f"{path} has no header: it is {what} where the names of the columns should be. Expected "
        f"{', '.join(spec.headers.values())}. Nothing of it was taken; replace the file and run "
        "the partition again."
    )


def places_of(
    path: Path, names: list[str], spec: SourceSpec, forgiven: list[str]
) -> dict[str, int]:
    """Place among ``names`` of each declared column that is in the file, by the column's own name.

    Other case and blanks around a name are forgiven and told. Raises LandingError for columns that
    lack or are there more than once."""
    headers = list(spec.headers.values())
    twice = [name for name in headers if names.count(name) > 1]
    found = {name: names.index(name) for name in headers if names.count(name) == 1}
    taken = set(found.values())
    loose: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        if at not in taken:
            loose.setdefault(_plain(name), []).append(at)
    open_ = [name for name in headers if name not in found and name not in twice]
    wanted = [_plain(name) for name in open_]
    otherwise = []
    for name, plain in zip(open_, wanted, strict=True):
        places = loose.get(plain, [])
        if len(places) == 1 and wanted.count(plain) == 1:
            found[name] = places[0]
            otherwise.append(f"'{names[places[0]]}' for '{name}'")
        elif places:
            twice.append(name)
    if twice:
        raise LandingError(
            f"{path} has the column(s) {', '.join(twice)} more than once, so which is meant is "
            "unclear. Nothing of it was taken; ask the source for a file that has each once."
        )
    if len(found) < len(headers):
        raise _lacking(path, names, [name for name in headers if name not in found], spec)
    if otherwise:
        forgiven.append(f"column names written otherwise: {', '.join(otherwise)}")
    return {column: found[name] for column, name in spec.headers.items()}


def extra_columns(
    path: Path, names: list[str], places: Iterable[int], spec: SourceSpec
) -> list[str]:
    """Names beyond the declared ones. Raises LandingError when the contract refuses them."""
    declared = set(places)
    extra = [
        name or f"(nameless column {at + 1})" for at, name in enumerate(names) if at not in declared
    ]
    if extra and spec.extra_columns == "refuse":
        raise LandingError(
            f"{path} has columns that are not in the contract: {', '.join(extra)}; the contract "
            "refuses such (extra_columns: refuse). Nothing of it was taken; declare them in "
            "defs.yaml, or ask the source for the agreed columns."
        )
    return extra


def _is_header(names: list[str], spec: SourceSpec) -> bool:
    """Whether a first line has all declared names, though no header is declared."""
    return {_plain(name) for name in spec.file_columns} <= {_plain(name) for name in names}


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip().casefold()


def _lacking(path: Path, names: list[str], missing: list[str], spec: SourceSpec) -> LandingError:
    said = f"{path} lacks the column(s) {', '.join(missing)}"
    cure = "Ask the source for the agreed columns, or change the contract in defs.yaml."
    other = _other_delimiter(names, spec) if spec.format == "csv" else None
    if other is not None:
        return LandingError(
            f"{said}; it has {', '.join(names)}. It seems to be delimited by {DELIMITERS[other]}, "
            f"where the contract has {DELIMITERS.get(spec.delimiter, repr(spec.delimiter))}: "
            "change delimiter in defs.yaml, or ask the source for the agreed one."
        )
    none_known = len(missing) == len(spec.headers)
    if spec.format == "csv" and none_known and _reads_like_a_row(names, spec):
        # What stands there may be personal: it is not repeated.
        return LandingError(
            f"{said}. It looks like there is no header: its first line reads like a row. Nothing "
            "of it was taken; declare header: false in defs.yaml, or ask the source for a header."
        )
    personal = any(column.pii for column in spec.columns.values())
    if none_known and personal and spec.format == "csv":
        return LandingError(f"{said}; it has {len(names)} others. {cure}")
    return LandingError(f"{said}; it has {', '.join(names)}. {cure}")


def _other_delimiter(names: list[str], spec: SourceSpec) -> str | None:
    """The delimiter that would give more of the declared names."""
    line = spec.delimiter.join(names)
    wanted = {_plain(name) for name in spec.headers.values()}
    there = len(wanted & {_plain(name) for name in names})
    counts = {
        one: len(wanted & {_plain(name.strip('"')) for name in line.split(one)})
        for one in DELIMITERS
        if one != spec.delimiter
    }
    best = max(counts, key=lambda one: counts[one])
    return best if counts[best] > there else None


def _reads_like_a_row(names: list[str], spec: SourceSpec) -> bool:
    values = [name for name in names if LIKE_A_VALUE.fullmatch(name.strip())]
    return bool(values) or len(names) == len(spec.headers) > 1
