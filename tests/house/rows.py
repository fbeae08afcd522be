"""At least one real row in every table, made from the tables themselves, so that a new table is never forgotten."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import Column, Connection, Table, func, insert, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from models import Base
from models.base import Utc

AT = dt.datetime(2026, 3, 10, 9, 0, tzinfo=dt.UTC)

# What a rule of the table asks of a value; everything else follows from the column's type.
CHOSEN: dict[str, Any] = {
    "allowances.granted": 7,
    "contracts.tier": "gold",
    "contracts.state": "active",
    "contract_lines.site_id": None,
    "contract_lines.service": "",
    "contract_notices.kind": "renewal",
    "contracts.notice_days": [60, 30],
    "coverage_gaps.kind": "uncovered",
    "terms_proposals.state": "rejected",
    "covers.state": "accepted",
    "covers.ends_at": AT + dt.timedelta(hours=8),
    "decisions.outcome": "granted",
    "delivery_ledger.received": 4,
    "delivery_ledger.scored": 1,
    "delivery_ledger.refused": 1,
    "delivery_ledger.duplicate": 1,
    "delivery_ledger.late": 1,
    "inbound_doors.kind": "alertmanager",
    "inbound_alerts.state": "triggered",
    "diagnostic_asks.expires_at": AT + dt.timedelta(minutes=2),
    "diagnostic_asks.state": "answered",
    "diagnostic_consents.until_at": AT + dt.timedelta(hours=8),
    "enrolment_codes.expires_at": AT + dt.timedelta(days=14),
    "enrolments.state": "pending",
    "enrolments.wants": "certificate",
    "escalations.trend": "steady",
    "fleet_events.place": "rack",
    "handovers.state": "offered",
    "history_removals.ends_at": AT + dt.timedelta(hours=8),
    "history_removals.kind": "aged",
    "history_removals.what": "reports",
    "house_sites.size": "medium",
    "incidents.served_by": "phone",
    "incidents.state": "waiting",
    "incidents.waiting_for": "customer",
    "machine_states.speaking": "silent",
    "machine_states.health": "deviates",
    "detachments.ends_at": AT + dt.timedelta(days=90),
    "machine_changes.kind": "restart",
    "machine_credentials.kind": "secret",
    "machine_credentials.label": "",
    "machines.name": "filled-1",
    "maintenance_windows.ends_at": AT + dt.timedelta(hours=2),
    "maintenance_windows.site_id": None,
    "model_artefacts.digest": "a" * 64,
    "model_releases.digest": "d" * 64,
    "release_artefacts.digest": "e" * 64,
    "model_duties.role": "challenger",
    "notices.given_up_at": None,
    "notices.joined_into": None,
    "people.role": "contact",
    "promises.state": "running",
    "promises.party": "customer",
    "promise_thresholds.percent": 75,
    "service_calendars.name": "filled",
    "reading_rollups.grain": "hour",
    "reservations.ends_at": AT + dt.timedelta(hours=8),
    "reservations.mode": "written",
    "reservations.tier": "",
    "shifts.ends_at": AT + dt.timedelta(hours=8),
    "signatures.digest": "c" * 64,
    "times_off.ends_at": AT + dt.timedelta(hours=8),
    "times_off.kind": "absent",
    "trainings.level": "senior",
    "companions.role": "second",
    "companions.state": "accepted",
    "severity_changes.state": "agreed",
    "attachments.digest": "b" * 64,
    "incident_relations.kind": "change",
    "incident_relations.other_id": None,
    "incident_deeds.undo_until": AT + dt.timedelta(minutes=1),
    "incidents.merged_into_id": None,
    "contracts.ends_on": AT.date() + dt.timedelta(days=300),
    "contract_lines.ends_on": AT.date() + dt.timedelta(days=300),
}


def fill(connection: Connection) -> None:
    """One row in each empty table, parents first, every optional column filled as well."""
    for table in Base.metadata.sorted_tables:
        if connection.scalar(select(func.count()).select_from(table)) == 0:
            connection.execute(insert(table).values(_row(connection, table)))


def dump(connection: Connection, tables: dict[str, list[str]] | None = None) -> dict[str, list[tuple[str, ...]]]:
    """Every row of every table as text, in a settled order; of `tables` (name → columns) only, when given."""
    wanted = columns(connection) if tables is None else tables
    found: dict[str, list[tuple[str, ...]]] = {}
    for name, names in wanted.items():
        listed = ", ".join(f'"{column}"::text' for column in names)
        rows = connection.exec_driver_sql(f'SELECT {listed} FROM "{name}"').all()  # noqa: S608 - names of our own catalogue
        found[name] = sorted(tuple(str(value) for value in row) for row in rows)
    return found


def columns(connection: Connection) -> dict[str, list[str]]:
    """The tables of the database and their columns, as they stand at this moment."""
    asked = (
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY table_name, column_name"
    )
    found: dict[str, list[str]] = {}
    for table, column in connection.exec_driver_sql(asked):
        found.setdefault(table, []).append(column)
    return found


def _row(connection: Connection, table: Table) -> dict[str, Any]:
    row = {}
    for column in table.columns:
        if column.identity is not None:
            continue
        key = f"{table.name}.{column.name}"
        row[column.name] = CHOSEN[key] if key in CHOSEN else _value(connection, column)
    return row


def _value(connection: Connection, column: Column[Any]) -> Any:
    for foreign in column.foreign_keys:
        return connection.scalar(select(foreign.column).limit(1))
    if isinstance(column.type, JSONB):
        return [] if column.default is not None and _is_list(column) else {"filled": True, "n": 1.5}
    if isinstance(column.type, ARRAY):
        return ["en"] if column.type.item_type.python_type is str else [2]
    if isinstance(column.type, Utc):
        return AT
    known: dict[type, Any] = {
        str: "filled", int: 2, float: 0.5, bool: True, bytes: b"\x00\x01filled", dt.date: AT.date(),
        uuid.UUID: uuid.uuid5(uuid.NAMESPACE_DNS, str(column)),
    }  # fmt: skip
    return known[column.type.python_type]


def _is_list(column: Column[Any]) -> bool:
    made = getattr(column.default, "arg", None)
    return callable(made) and isinstance(made(None), list)
