"""What an import would do, line by line: make, change from and to, nothing, or refuse with the remedy. Plain."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from app.transfer import cells, kinds, terms_rows
from app.transfer.fields import Unfit
from app.transfer.kinds import Column, Key, Kind, Row
from app.transfer.references import Fault as Fault
from app.transfer.references import Known as Known
from app.transfer.references import References

Action = Literal["create", "change", "nothing", "refused"]
ACTIONS: Sequence[Action] = ("create", "change", "nothing", "refused")


@dataclass(frozen=True, slots=True)
class Change:
    """One field of something that is there already."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class LineSaid:
    """What would happen to one line of one file; the header is line 1."""

    file: str
    line: int
    kind: str
    key: str
    action: Action
    changes: tuple[Change, ...] = ()
    faults: tuple[Fault, ...] = ()
    note: str = ""
    row: Row = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that could be read, and what it holds."""

    file: str
    kind: Kind
    table: cells.Table


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole import; it is done only if no line is refused."""

    lines: Sequence[LineSaid]

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(line.action for line in self.lines)
        return {action: found[action] for action in ACTIONS}

    @property
    def refused(self) -> list[LineSaid]:
        return [line for line in self.lines if line.action == "refused"]

    @property
    def digest(self) -> str:
        """Equal for equal plans: whether what was looked at is what would be done now."""
        told = hashlib.sha256()
        for one in self.lines:
            told.update(repr((one.file, one.line, one.kind, one.action, sorted(one.row.items()), one.changes)).encode())
        return told.hexdigest()


def read_sheets(files: Sequence[tuple[str, bytes]]) -> tuple[list[Sheet], list[LineSaid]]:
    """The files as tables, in the order in which they must be made; and a refusal for each that cannot be read."""
    sheets, refused = [], []
    for name, raw in files:
        try:
            sheets.append(_sheet(name, raw))
        except cells.Unreadable as wrong:
            fault = Fault(wrong.field, wrong.problem, wrong.remedy)
            refused.append(LineSaid(name, wrong.line, "", "", "refused", faults=(fault,)))
    order = [kind.name for kind in kinds.KINDS]
    return sorted(sheets, key=lambda sheet: order.index(sheet.kind.name)), refused


def _sheet(name: str, raw: bytes) -> Sheet:
    table = cells.read(raw)
    kind = kinds.kind_of(name, table.columns)
    if kind is None:
        known = ", ".join(f"{one.name}.csv" for one in kinds.KINDS)
        raise cells.Unreadable(1, "file", "does not say what it holds", f"name it one of {known}")
    unknown = [column for column in table.columns if column not in kind.names]
    if unknown:
        known = ", ".join(kind.names)
        raise cells.Unreadable(1, unknown[0][:60], f"is no column of {kind.name}", f"leave it out; known are {known}")
    missing = [name for name in kind.key if name in kind.required and name not in table.columns]
    if missing:
        said = "is missing among the columns"
        raise cells.Unreadable(1, missing[0], said, "add the column; it says which row is meant")
    return Sheet(name, kind, table)


def plan(sheets: Sequence[Sheet], unreadable: Sequence[LineSaid], known: Known) -> Plan:
    """What would happen. `known` holds at least every row that the files name."""
    lines = [*unreadable]
    house = _House(known, sheets)
    for sheet in sheets:
        lines += [house.take(sheet, line, dict(zip(sheet.table.columns, record, strict=True)))
                  for line, record in sheet.table.records]  # fmt: skip
    return Plan(lines)


class _House:
    """The house as it would be after the lines taken so far: later ones may refer to earlier ones."""

    def __init__(self, known: Known, sheets: Sequence[Sheet]) -> None:
        self._known = known
        self._refs = References(known, _records(sheets, "contracts"), _records(sheets, "calendars"))
        self._seen: dict[tuple[str, Key], tuple[str, int]] = {}

    def take(self, sheet: Sheet, line: int, given: Mapping[str, str]) -> LineSaid:
        """What happens to one line."""
        kind = sheet.kind
        row, faults = _read(kind, given)
        key = kinds.folded(kind, row)
        shown = ", ".join(filter(None, kind.key_of(row))) or given.get(kind.key[0], "")[:60]
        place = (sheet.file, line)

        def refused(*found: Fault) -> LineSaid:
            self._refs.refused.setdefault((kind.name, key), place)
            return LineSaid(*place, kind.name, shown, "refused", faults=found)

        if faults:
            return refused(*faults)
        before = self._seen.setdefault((kind.name, key), place)
        if before != place:
            said = f"stands already on line {before[1]} of {before[0]}"
            return refused(Fault(kind.key[0], said, "keep one of the two lines"))
        stands = self._known.get(kind.name, {}).get(key)
        changes = () if stands is None else _changes(kind, row, stands)
        whole = _made(kind, row) if stands is None else {**stands, **row}
        found = [*self._missing(kind, row, stands), *_fixed(kind, changes), *self._refs.wrong(kind, whole)]
        if not found:
            wrong = kind.check(whole)
            found = [Fault(*wrong)] if wrong is not None else []
        if not found and kind is kinds.TERMS and stands is None:
            whole, found = self._terms(whole)
        if found:
            return refused(*found)
        self._refs.after[kind.name][key] = whole
        action: Action = "create" if stands is None else "change" if changes else "nothing"
        note = kind.note.replace("NAME", shown).replace("ADDRESS", shown) if action == "create" else ""
        return LineSaid(*place, kind.name, shown, action, changes, (), note, whole)

    def _missing(self, kind: Kind, row: Row, stands: Row | None) -> list[Fault]:
        if stands is not None:
            return []
        return [Fault(name, "is missing", f"a new {kind.one} needs it") for name in kind.required if not row.get(name)]

    def _terms(self, row: Row) -> tuple[Row, list[Fault]]:
        """A version as it would be kept: what it leaves out is as its tier usually has it."""
        contract = self._refs.find("contracts", (row["contract"],))
        assert contract is not None  # a stray line does not come here
        if (row["contract"],) in self._known.get("contracts", {}):
            said = "stands already, and its terms change by a proposal"
            return row, [Fault("contract", said, "propose the change on the contract's page")]
        whole, wrong = terms_rows.complete(row, contract)
        return whole, [Fault(*one) for one in wrong] or self._refs.of_terms(whole, contract["customer"])


def _read(kind: Kind, given: Mapping[str, str]) -> tuple[dict[str, str], list[Fault]]:
    """The cells that say something, in the form we keep; and what is wrong with the others."""
    row: dict[str, str] = {}
    faults = []
    for column in kind.columns:
        cell = given.get(column.name)
        if cell is None or (not cell.strip() and not column.empty and column.name not in kind.key):
            continue
        try:
            row[column.name] = _value(column, cell)
        except Unfit as wrong:
            faults.append(Fault(column.name, wrong.problem, wrong.remedy))
    return row, faults


def _value(column: Column, cell: str) -> str:
    if cell.strip():
        return column.read(cell)
    if column.required:
        raise Unfit("is empty", "fill it in")
    return ""


def _made(kind: Kind, row: Row) -> Row:
    whole = {column.name: row.get(column.name, column.default) for column in kind.columns}
    if kind in (kinds.CONTACTS, kinds.PEOPLE) and not whole["notify"]:
        whole["notify"] = f"email {whole['email']}"
    return whole


def _records(sheets: Sequence[Sheet], kind: str) -> list[dict[str, str]]:
    """What the files say of a kind, as they write it."""
    return [
        {name: cell.strip() for name, cell in zip(sheet.table.columns, record, strict=True)}
        for sheet in sheets
        if sheet.kind.name == kind
        for _, record in sheet.table.records
    ]


def _changes(kind: Kind, row: Row, stands: Row) -> tuple[Change, ...]:
    return tuple(
        Change(name, stands.get(name, ""), value)
        for name, value in row.items()
        if name not in kind.key and value != stands.get(name, "")
    )


def _fixed(kind: Kind, changes: Sequence[Change]) -> list[Fault]:
    """Changes that an import does not make."""
    columns = {column.name: column for column in kind.columns}
    faults = []
    for change in changes:
        reason = columns[change.field].fixed or kind.kept
        said = kind.move(change.field, change.before, change.after)
        if reason:
            before, after = change.before or "empty", change.after or "empty"
            faults.append(Fault(change.field, f"is {before} and would become {after}", reason))
        elif said is not None:
            faults.append(Fault(change.field, *said))
    return faults
