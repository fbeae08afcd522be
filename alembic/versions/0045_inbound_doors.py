"""Doors for other people's alerts.

Revision ID: 0045
Revises: 0051
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from models.apart import grant, keep_apart

revision = "0045"
down_revision = "0051"
branch_labels = None
depends_on = None

_TABLES = ("inbound_doors", "inbound_alerts", "inbound_groups", "inbound_changes")


def _at(name: str, *, maybe: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=maybe)


def _words(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _facts(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.JSONB(none_as_null=True), nullable=False)


def _owned(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f(f"fk_{table}_customer_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def _of_a_door(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("door_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["door_id"], ["inbound_doors.id"], name=op.f(f"fk_{table}_door_id"), ondelete="CASCADE"
        ),
        *_owned(table),
    ]


def upgrade() -> None:
    op.create_table(
        "inbound_doors",
        _words("name"),
        _words("kind"),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        _words("token_end"),
        sa.Column("machine_id", sa.Uuid(), nullable=True),
        _facts("settings"),
        _words("made_by"),
        _at("created_at"),
        _at("used_at", maybe=True),
        _at("closed_at", maybe=True),
        sa.CheckConstraint("kind in ('alertmanager','pagerduty','nagios','hook')", name=op.f("ck_inbound_doors_kind")),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machines.id"], name=op.f("fk_inbound_doors_machine_id"), ondelete="SET NULL"
        ),
        sa.UniqueConstraint("token_hash", name=op.f("uq_inbound_doors_token_hash")),
        sa.UniqueConstraint("customer_id", "name", name=op.f("uq_inbound_doors_customer_id_name")),
        *_owned("inbound_doors"),
    )
    op.create_table(
        "inbound_alerts",
        _words("key"),
        sa.Column("sender_keys", postgresql.ARRAY(sa.TEXT()), nullable=False),
        _words("group_key"),
        _words("state"),
        _words("level"),
        _count("severity"),
        _words("title"),
        _words("summary"),
        _facts("facts"),
        _words("starts"),
        _at("sent_at", maybe=True),
        _count("number"),
        _count("triggers"),
        _count("occurrence"),
        _count("stale"),
        _at("first_at"),
        _at("last_at"),
        _at("ended_at", maybe=True),
        _at("asked_at", maybe=True),
        sa.Column("decision_id", sa.Uuid(), nullable=True),
        sa.Column("incident_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("state in ('triggered','acknowledged','resolved')", name=op.f("ck_inbound_alerts_state")),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.id"], name=op.f("fk_inbound_alerts_decision_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_inbound_alerts_incident_id"), ondelete="SET NULL"
        ),
        sa.UniqueConstraint("door_id", "key", name=op.f("uq_inbound_alerts_door_id_key")),
        *_of_a_door("inbound_alerts"),
    )
    op.create_index("ix_inbound_alerts_door_id_group_key", "inbound_alerts", ["door_id", "group_key"])
    op.create_index(op.f("ix_inbound_alerts_incident_id"), "inbound_alerts", ["incident_id"])
    op.create_table(
        "inbound_groups",
        _words("key"),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        _count("cut_off"),
        _at("last_at"),
        sa.UniqueConstraint("door_id", "key", name=op.f("uq_inbound_groups_door_id_key")),
        *_of_a_door("inbound_groups"),
    )
    op.create_table(
        "inbound_changes",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        _at("at"),
        _at("received_at"),
        _words("source"),
        _words("summary"),
        _facts("facts"),
        sa.UniqueConstraint("door_id", "digest", name=op.f("uq_inbound_changes_door_id_digest")),
        *_of_a_door("inbound_changes"),
    )
    op.create_index("ix_inbound_changes_customer_id_at", "inbound_changes", ["customer_id", "at"])
    for table in _TABLES:
        op.create_index(op.f(f"ix_{table}_customer_id"), table, ["customer_id"])
        for statement in (*grant(table), *keep_apart(table)):
            op.execute(statement)


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)
