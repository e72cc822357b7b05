"""Headers as they really come: columns are found by name, and a file whose header leaves its rows
without meaning is refused with the reason."""

from pathlib import Path

import pytest

from assets.ingestion.landing import LandingError
from assets.source_spec import SourceSpec
from tests.landed import NAME, source, taken

HEADERS: dict[str, tuple[bytes, list[str], tuple[str, ...], list[str]]] = {
    "reordered": (b"b,a\n2,1\n", ["b", "a"], (), []),
    "one more": (b"b,note,a\n2,x,1\n", ["b", "note", "a"], (), ["note"]),
    "a nameless one more": (b",a,b\n0,1,2\n", ["", "a", "b"], (), ["(nameless column 1)"]),
    "a delimiter more": (b"a,b,\n1,2,\n", ["a", "b"], (), []),
    "a delimiter more, not in the rows": (b"a,b,\n1,2\n", ["a", "b"], (), []),
    "others twice": (b"x,a,x,b\n0,1,0,2\n", ["x", "a", "x", "b"], (), ["x", "x"]),
    "other case and blanks": (
        b" A ,B\n1,2\n",
        [" A ", "B"],
        ("column names written otherwise: ' A ' for 'a', 'B' for 'b'",),
        [],
    ),
    "quoted": (b'"a", "b"\n1,2\n', ["a", "b"], ("blanks around quoted cells",), []),
    "the exact name first": (b"A,a,b\n0,1,2\n", ["A", "a", "b"], (), ["A"]),
}


@pytest.mark.parametrize("header", HEADERS)
def test_columns_are_found_by_their_names(tmp_path: Path, header: str) -> None:
    data, names, forgiven, extra = HEADERS[header]
    found = taken(tmp_path, data)
    assert (found.rows, found.aside) == ([("1", "2")], [])
    assert (found.form.header, found.form.forgiven) == (names, forgiven)
    assert found.form.extra_columns == extra


def test_without_a_declared_header_columns_go_by_their_order(tmp_path: Path) -> None:
    spec = source(header=False)
    found = taken(tmp_path, b"1,2\n3\n4,5\n", spec)
    assert (found.rows, found.lines) == ([("1", "2"), ("4", "5")], [1, 3])
    assert found.aside == [(2, "shape", "3")]
    found = taken(tmp_path, b"1,2,3\n4,5,6\n", spec)
    assert (found.rows, len(found.aside)) == ([], 2)
    found = taken(tmp_path, b"b,a\n2,1\n", spec)
    assert (found.rows, found.lines) == ([("1", "2")], [2])
    assert found.form.forgiven == ("a header, though none is declared",)


def test_only_a_header_is_no_rows(tmp_path: Path) -> None:
    for data in (b"a,b", b"a,b\n", b"a,b\r\n\r\n"):
        found = taken(tmp_path, data)
        assert (found.rows, found.aside, found.form.rows) == ([], [], 0)


PERSONAL = SourceSpec.model_validate(
    {"columns": {n: {"type": "string", "pii": "pseudonymise"} for n in ("a", "b")}}
)
REFUSED: dict[str, tuple[bytes, SourceSpec, str]] = {
    "empty": (b"", source(), "it is empty where the names of the columns should be"),
    "only a mark": (b"\xef\xbb\xbf", source(), "it is empty where"),
    "blank": (b"\n\n", source(), "it is blank where the names of the columns should be"),
    "empty without header": (b"", source(header=False), "cannot be read as csv: it is empty"),
    "blank without header": (b"\n\n", source(header=False), "it is blank"),
    "a column lacks": (b"a,c\n1,2\n", source(), r"lacks the column\(s\) b; it has a, c"),
    "a column twice": (b"a,b,a\n1,2,3\n", source(), r"column\(s\) a more than once"),
    "a column twice, otherwise": (b"A,b,a \n1,2,3\n", source(), r"column\(s\) a more than once"),
    "a semicolon": (b"a;b\n1;2\n", source(), "seems to be delimited by a semicolon"),
    "a tab": (b"a\tb\n1\t2\n", source(), "seems to be delimited by a tab"),
    "a comma": (b"a,b\n1,2\n", source(delimiter=";"), "seems to be delimited by a comma"),
    "no header": (b"1,2\n3,4\n", source(), "declare header: false"),
    "no header, words": (b"Zoe,Bjarne\n", PERSONAL, "declare header: false"),
    "names unknown": (b"Zoe,Bjarne,Ylva\n", PERSONAL, "it has 3 others"),
    "a column more": (
        b"a,b,c\n1,2,3\n",
        source(extra_columns="refuse"),
        r"not in the contract: c; .*extra_columns: refuse",
    ),
    "a name that is no text": (b"a,\xff\n1,2\n", source(), "it is not UTF-8 text where the names"),
    "a broken header": (b'a,"b"b\n1,2\n', source(), "the line of its column names is broken"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_header_without_meaning_refuses_the_file(tmp_path: Path, why: str) -> None:
    data, spec, reason = REFUSED[why]
    with pytest.raises(LandingError, match=reason) as refused:
        taken(tmp_path, data, spec)
    said = str(refused.value)
    assert NAME in said
    assert "\n" not in said
    assert not any(value in said for value in ("Zoe", "Bjarne", "Ylva"))
