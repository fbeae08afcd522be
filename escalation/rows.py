"""What hangs on an incident, row by row, as the database writes rows in JSON: looked at twice, compared, put back.

The tables and columns are named here and nowhere else, so whatever an act may touch can be taken back.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

from sqlalchemy import (
    Column,
    ColumnElement,
    String,
    Table,
    cast,
    delete,
    func,
    literal,
    null,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from models.base import Base

Row: TypeAlias = dict[str, Any]  # Any: a value as PostgreSQL writes it in JSON
Rows: TypeAlias = dict[str, dict[str, Row]]  # table → id → row
Changes: TypeAlias = dict[str, Any]  # {table: {"made": [id], "changed": {id: {column: [before, after]}}}}

# What is looked at of each table: every column, or, where rows are many, only those an act may change.
TABLES: Mapping[str, tuple[str, ...]] = {
    "incidents": (),
    "promises": (),
    "promise_thresholds": (),
    "handovers": (),
    "turn_ends": (),
    "companions": (),
    "help_wanted": (),
    "incident_relations": (),
    "incident_causes": (),
    "severity_changes": (),
    "attachments": (),
    "escalations": (),
    "allowance_takings": (),
    "findings": ("incident_id", "verdict", "judged_at"),
    "inbound_alerts": ("incident_id",),
    "timeline": ("incident_id", "public", "text", "facts"),
    "notices": ("incident_id", "rung", "round", "subject", "body", "given_up_at", "last_error"),
}
# Counted anew by every change, whatever it is.
_COUNTED = {"incidents": frozenset({"version", "changed_at", "alone_since", "alone_s"})}


def _table(name: str) -> Table:
    if name not in TABLES:
        raise ValueError(f"{name} is no table of an incident")
    return Base.metadata.tables[name]


def _whose(table: Table, incident_ids: Collection[uuid.UUID]) -> ColumnElement[bool]:
    """Which rows of a table belong to these incidents."""
    match table.name:
        case "incidents":
            return table.c.id.in_(incident_ids)
        case "incident_relations":
            return or_(table.c.incident_id.in_(incident_ids), table.c.other_id.in_(incident_ids))
        case "allowance_takings":
            incidents = _table("incidents")
            return table.c.decision_id.in_(select(incidents.c.decision_id).where(incidents.c.id.in_(incident_ids)))
        case _:
            return table.c.incident_id.in_(incident_ids)


def look(session: Session, incident_ids: Collection[uuid.UUID]) -> Rows:
    """Every row of these incidents as it stands now."""
    session.flush()  # the database is asked, not the session
    found: Rows = {}
    for name, columns in TABLES.items():
        table = _table(name)
        parts = [part for column in ("id", *columns) for part in (literal(column), func.to_jsonb(table.c[column]))]
        what = func.jsonb_build_object(*parts) if columns else func.to_jsonb(table.table_valued())
        rows = session.scalars(select(type_coerce(what, JSONB)).where(_whose(table, incident_ids)))
        found[name] = {str(row["id"]): row for row in rows}
    return found


def differences(before: Rows, after: Rows) -> Changes:
    """What was made and what was changed between two looks; a table in which nothing was is left out."""
    found: Changes = {}
    for table, rows in after.items():
        known, counted = before.get(table, {}), _COUNTED.get(table, frozenset())
        made = [id for id in rows if id not in known]
        changed = {}
        for id, row in rows.items():
            moved = {
                name: [known[id].get(name), value]
                for name, value in row.items()
                if id in known and name not in counted and known[id].get(name) != value
            }
            if moved:
                changed[id] = moved
        if made or changed:
            found[table] = {"made": made, "changed": changed}
    return found


def moved_on(now: Rows, changes: Changes) -> list[str]:
    """Which columns have changed again since: "incidents.severity". What is gone meanwhile counts too."""
    found = []
    for table, parts in changes.items():
        for id, columns in parts["changed"].items():
            row = now.get(table, {}).get(id)
            for name, (_, after) in columns.items():
                if row is None or row.get(name) != after:
                    found.append(f"{table}.{name}")
    return found


def put_back(session: Session, name: str, id: str, columns: Mapping[str, tuple[Any, Any]]) -> None:  # Any: as Row
    """Set the columns of a row to what they were before. The caller has looked that nobody changed them since."""
    table = _table(name)
    before = {column: _value(table.c[column], pair[0]) for column, pair in columns.items()}
    session.execute(update(table).where(table.c.id == uuid.UUID(id)).values(before))


def _value(column: Column[Any], given: object) -> ColumnElement[Any]:  # Any: the column's own type
    """A value from JSON as its column has it: PostgreSQL reads back what it wrote."""
    if given is None:
        return null()
    if isinstance(column.type, JSONB):
        return literal(given, JSONB)
    return cast(literal(str(given), String), column.type)


def unmake(session: Session, name: str, ids: Collection[str]) -> None:
    """Take rows away that an act made."""
    table = _table(name)
    session.execute(delete(table).where(table.c.id.in_([uuid.UUID(id) for id in ids])))
