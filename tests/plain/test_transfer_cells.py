"""CSV as it comes: encodings, separators, quotes, and cells a spreadsheet would run."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.transfer import cells
from app.transfer.cells import Unreadable

HEADER = "customer,name"
PLAIN = b"customer,name\r\nplant,Ada's Plant\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        PLAIN,
        b"\xef\xbb\xbf" + PLAIN,
        PLAIN.replace(b"\r\n", b"\n"),
        PLAIN.replace(b"\r\n", b"\r"),
        PLAIN.replace(b",", b";"),
        PLAIN.replace(b",", b"\t"),
        b"sep=;\r\n" + PLAIN.replace(b",", b";"),
        b" Customer , NAME ,,\r\nplant,Ada's Plant,,\r\n",
        b"\r\n" + PLAIN + b"\r\n,\r\n",
        b'"customer","name"\n"plant","Ada\'s Plant"',
    ],
    ids=["plain", "mark", "lf", "cr", "semicolon", "tab", "sep=", "padded header", "empty lines", "quoted"],
)
def test_the_same_table_is_read_however_it_was_saved(raw: bytes) -> None:
    table = cells.read(raw)
    assert table.columns == ("customer", "name")
    assert [record for _, record in table.records] == [("plant", "Ada's Plant")]


def test_a_record_is_named_by_the_line_it_begins_on() -> None:
    table = cells.read(b'customer,name\na,"two\nlines"\nb,one\n')
    assert [(line, record[0]) for line, record in table.records] == [(2, "a"), (4, "b")]
    assert table.records[0][1][1] == "two\nlines"


def test_a_line_after_the_separator_line_keeps_its_number() -> None:
    assert cells.read(b"sep=;\ncustomer;name\na;b\n").records[0][0] == 3


@pytest.mark.parametrize(
    ("raw", "line", "field", "said"),
    [
        (b"", 1, "file", "is empty"),
        (b"customer,name\nplant,\xe9lan\n", 2, "file", "is not UTF-8"),
        ("customer,name\n".encode("utf-16"), 1, "file", "is UTF-16"),
        (b"customer,name\na,\0\n", 2, "file", "NUL"),
        (b'customer,name\na,"never closed\nb,c\n', 2, "line", "never closed"),
        (b'customer,name\na,"b"c\n', 2, "line", "cannot be read"),
        (b"customer,name\na,b,c\n", 2, "line", "has 3 cells and the header 2"),
        (b"customer,name\na;b\n", 2, "line", "another separator"),
        (b"customer,,name\n", 1, "column 2", "has no name"),
        (b"customer,name,Customer\n", 1, "customer", "stands twice"),
    ],
)
def test_what_cannot_be_read_says_where_and_what_to_do(raw: bytes, line: int, field: str, said: str) -> None:
    with pytest.raises(Unreadable) as caught:
        cells.read(raw)
    assert (caught.value.line, caught.value.field) == (line, field)
    assert said in caught.value.problem
    assert caught.value.remedy


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_a_cell_a_spreadsheet_would_run_is_defused(first: str) -> None:
    cell = first + "1+1"
    assert cells.defused(cell) == "'" + cell
    assert cells.restored("'" + cell) == cell


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="'=+-@\t\r\nab, ;\"", max_size=12))
def test_whatever_is_defused_is_restored(cell: str) -> None:
    kept = cells.defused(cell)
    assert cells.restored(kept) == cell
    assert kept[:1] not in tuple("=+-@\t\r\n")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="'=+-@éa, ;\"\n\r", max_size=10))
def test_what_is_written_is_read_again(cell: str) -> None:
    table = cells.read(cells.write(("customer", "name"), [{"customer": "plant", "name": cell}]))
    assert [record for _, record in table.records] == [("plant", cell)]


def test_no_written_cell_begins_as_a_formula() -> None:
    raw = cells.write(("name",), [{"name": "=HYPERLINK(1)"}, {"name": "+33 1"}, {"name": "-x"}, {"name": "@x"}])
    rows = list(csv.reader(io.StringIO(raw.decode(), newline="")))[1:]
    assert all(row[0][0] == "'" for row in rows)
