"""What hangs on an incident, row by row, as the database writes rows in JSON: looked at twice, compared, put back.

The tables and columns are named here and nowhere else, so whatever an act may touch can be taken back.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

from sqlalchemy import text
from sqlalchemy.orm import Session

Row: TypeAlias = dict[str, Any]  # Any: a value as PostgreSQL writes it in JSON
Rows: TypeAlias = dict[str, dict[str, Row]]  # table → id → row
Changes: TypeAlias = dict[str, Any]  # {table: {"made": [id], "changed": {id: {column: [before, after]}}}}

_OF_INCIDENT = "t.incident_id = any(:ids)"
_WHOLE = "to_jsonb(t)"


def _only(*columns: str) -> str:
    return "jsonb_build_object({})".format(", ".join(f"'{name}', to_jsonb(t.{name})" for name in ("id", *columns)))


# What is looked at of each table, and which of its rows. Notices and findings are many: only what an act may change.
TABLES: Mapping[str, tuple[str, str]] = {
    "incidents": (_WHOLE, "t.id = any(:ids)"),
    "promises": (_WHOLE, _OF_INCIDENT),
    "promise_thresholds": (_WHOLE, _OF_INCIDENT),
    "handovers": (_WHOLE, _OF_INCIDENT),
    "companions": (_WHOLE, _OF_INCIDENT),
    "help_wanted": (_WHOLE, _OF_INCIDENT),
    "incident_relations": (_WHOLE, "(t.incident_id = any(:ids) or t.other_id = any(:ids))"),
    "incident_causes": (_WHOLE, _OF_INCIDENT),
    "severity_changes": (_WHOLE, _OF_INCIDENT),
    "attachments": (_WHOLE, _OF_INCIDENT),
    "escalations": (_WHOLE, _OF_INCIDENT),
    "allowance_takings": (
        _WHOLE,
        "t.decision_id in (select i.decision_id from incidents i where i.id = any(:ids))",
    ),
    "findings": (_only("incident_id", "verdict", "judged_at"), _OF_INCIDENT),
    "inbound_alerts": (_only("incident_id"), _OF_INCIDENT),
    "timeline": (_only("incident_id", "public", "text", "facts"), _OF_INCIDENT),
    "notices": (_only("incident_id", "rung", "round", "subject", "body", "given_up_at", "last_error"), _OF_INCIDENT),
}
# Counted anew by every change, whatever it is.
_COUNTED = {"incidents": frozenset({"version", "changed_at", "alone_since", "alone_s"})}


def look(session: Session, incident_ids: Collection[uuid.UUID]) -> Rows:
    """Every row of these incidents as it stands now."""
    session.flush()  # the database is asked, not the session
    found: Rows = {}
    for table, (what, which) in TABLES.items():
        asked = text(f"SELECT {what} FROM {table} t WHERE {which}")  # noqa: S608 - names of this module only
        rows = session.scalars(asked, {"ids": list(incident_ids)})
        found[table] = {str(row["id"]): row for row in rows}
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


def put_back(session: Session, table: str, id: str, columns: Mapping[str, tuple[Any, Any]]) -> None:  # Any: as Row
    """Set the columns of a row to what they were before. The caller has looked that nobody changed them since."""
    if table not in TABLES:
        raise ValueError(f"{table} is no table of an incident")
    names = ", ".join(f'"{name}"' for name in sorted(columns))
    before = {name: pair[0] for name, pair in columns.items()}
    session.execute(
        text(
            f"UPDATE {table} SET ({names}) = (SELECT {names} FROM "  # noqa: S608 - names of this module and of columns
            f"jsonb_populate_record(null::{table}, cast(:before AS jsonb))) WHERE id = :id"
        ),
        {"before": json.dumps(before), "id": id},
    )


def unmake(session: Session, table: str, ids: Collection[str]) -> None:
    """Take rows away that an act made."""
    if table not in TABLES:
        raise ValueError(f"{table} is no table of an incident")
    session.execute(text(f"DELETE FROM {table} WHERE id = any(cast(:ids AS uuid[]))"), {"ids": list(ids)})  # noqa: S608 - as above
