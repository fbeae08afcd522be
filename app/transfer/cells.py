"""CSV as people's programs write it: encodings, separators, quoted newlines, cells a spreadsheet would run. Plain."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

SEPARATORS = (",", ";", "\t")
MOST_LINES = 200_000  # a bound on the work one file may ask for; a desk of this size moves in several steps
# A spreadsheet runs a cell that begins with one of these (OWASP, CSV injection; the last four are the wide forms).
_ACTIVE = "=+\\-@\t\r\n＝＋－＠"
_WOULD_RUN = re.compile(f"'*[{_ACTIVE}]")
_WAS_DEFUSED = re.compile(f"'+[{_ACTIVE}]")
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # what Excel writes to say which separator follows


class Unreadable(Exception):
    """A file that cannot be read as a table: where, what is wrong, and what to do."""

    def __init__(self, line: int, field: str, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.line, self.field, self.problem, self.remedy = line, field, problem, remedy


@dataclass(frozen=True, slots=True)
class Table:
    """A file as read: its columns, and each record with the line it begins on (the header is line 1)."""

    columns: tuple[str, ...]
    records: Sequence[tuple[int, tuple[str, ...]]]


def defused(cell: str) -> str:
    """The cell with a quote before it where a spreadsheet would run it. `restored` takes exactly that quote away."""
    return "'" + cell if _WOULD_RUN.match(cell) else cell


def restored(cell: str) -> str:
    """The cell as it was before `defused`."""
    return cell[1:] if _WAS_DEFUSED.match(cell) else cell


def write(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    """A table as RFC 4180 has it, UTF-8 without a mark, comma, CRLF; every cell defused. Same rows, same bytes."""
    text = io.StringIO(newline="")
    out = csv.writer(text, lineterminator="\r\n")
    out.writerow(columns)
    out.writerows([defused(row.get(column, "")) for column in columns] for row in rows)
    return text.getvalue().encode()


def read(raw: bytes) -> Table:
    """The table in a file. UTF-8 with or without its mark; comma, semicolon or tab. Raises Unreadable."""
    text = _decoded(raw)
    said = _SEPARATOR_LINE.match(text)
    skipped = 1 if said else 0
    if said is not None:
        text = text[said.end() :]
    if not text.strip():
        raise Unreadable(1, "file", "is empty", "begin with a line of column names")
    separator = said[1] if said is not None else _separator(text)
    records = _records(text, separator, skipped)
    line, header = records[0]
    columns = tuple(name.strip().lower() for name in header)
    while columns and not columns[-1]:
        columns = columns[:-1]  # spreadsheets leave empty columns at the end
    _check_header(line, columns)
    return Table(columns, [_fitted(line, cells, columns) for line, cells in records[1:] if any(map(str.strip, cells))])


def _decoded(raw: bytes) -> str:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Unreadable(1, "file", "is UTF-16", "save it as “CSV UTF-8”")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Unreadable(line, "file", "is not UTF-8", "save it as “CSV UTF-8”; accents are lost otherwise") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise Unreadable(line, "file", "holds a NUL character", "save it again as “CSV UTF-8”")
    return text


def _separator(text: str) -> str:
    """The one that stands most often in the header, outside quotes."""
    bare = re.sub(r'"[^"]*"', "", re.split(r"\r?\n|\r", text.lstrip("\r\n"), maxsplit=1)[0])
    return max(SEPARATORS, key=bare.count)


def _records(text: str, separator: str, skipped: int) -> list[tuple[int, list[str]]]:
    found: list[tuple[int, list[str]]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begins = 1
    try:
        for cells in reader:
            if found or any(map(str.strip, cells)):
                found.append((begins + skipped, cells))
            begins = reader.line_num + 1
            if len(found) > MOST_LINES:
                raise Unreadable(begins, "file", f"has more than {MOST_LINES} lines", "cut it into several files")
    except csv.Error as error:
        problem, remedy = _broken(str(error))
        raise Unreadable(begins + skipped, "line", problem, remedy) from None
    return found


def _broken(said: str) -> tuple[str, str]:
    if "end of data" in said:
        return "opens a quote that is never closed", 'close it with ", and write a quote inside a cell as ""'
    if "field limit" in said:
        return "has a cell that is too long", "a cell holds at most 131,072 characters; look for a missing quote"
    return f"cannot be read: {said}", 'put the whole cell in quotes, and write a quote inside it as ""'


def _check_header(line: int, columns: Sequence[str]) -> None:
    for place, name in enumerate(columns, start=1):
        if not name:
            raise Unreadable(line, f"column {place}", "has no name", "name it, or take the column out")
        if columns.count(name) > 1:
            raise Unreadable(line, name[:60], "stands twice among the columns", "keep one of the two")


def _fitted(line: int, cells: Sequence[str], columns: Sequence[str]) -> tuple[int, tuple[str, ...]]:
    """As many cells as columns. Missing ones at the end are empty; one too many is a separator in the wrong place."""
    extra = [cell for cell in cells[len(columns) :] if cell.strip()]
    if extra:
        problem = f"has {len(cells)} cells and the header {len(columns)}"
        raise Unreadable(line, "line", problem, "put a cell that holds the separator in quotes")
    if len(cells) < len(columns) and len(cells) == 1 and len(columns) > 1 and cells[0].count(";") + 1 == len(columns):
        raise Unreadable(line, "line", "uses another separator than the header", "use one separator in the whole file")
    padded = [*cells[: len(columns)], *[""] * (len(columns) - len(cells))]
    return line, tuple(restored(cell) for cell in padded)
