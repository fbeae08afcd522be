"""A kind of row that may be moved: its columns, its key, and what must fit within one row. Plain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.transfer.fields import Reader

Row = Mapping[str, str]
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """`default` is what a new row gets; `empty`: an empty cell is a value; `fixed`: why it is not changed here."""

    name: str
    read: Reader
    required: bool = False
    default: str = ""
    empty: bool = False
    fixed: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of row, one file of an export."""

    name: str
    one: str  # what a person calls one of them
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    right: str  # what whoever imports it must be allowed (app/rights.py)
    check: Callable[[Row], tuple[str, str, str] | None] = lambda row: None
    note: str = ""  # said of each one that is made
    move: Callable[[str, str, str], tuple[str, str] | None] = lambda field, before, after: None  # a change that is none
    kept: str = ""  # why nothing of one that is there is changed

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.required)

    def key_of(self, row: Row) -> Key:
        return tuple(row.get(name, "") for name in self.key)
