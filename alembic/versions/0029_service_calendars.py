"""Calendars by name, in versions from a date on.

Revision ID: 0029
Revises: 0045
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from models.apart import grant

revision = "0029"
down_revision = "0045"
branch_labels = None
depends_on = None

TABLES = ("service_calendars", "calendar_versions")
# A calendar without a customer is the house's: everybody may read it, and only ours may write it.
_MINE = "customer_id = nullif(current_setting('app.customer', true), '')::uuid"
_STAFF = "current_setting('app.reach', true) = 'staff'"


def _keep_apart(table: str) -> list[str]:
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY web ON {table} TO vigie_web USING (customer_id IS NULL OR {_MINE} OR {_STAFF})"
        f" WITH CHECK ({_STAFF})",
        f"CREATE POLICY worker ON {table} TO vigie_worker USING (true) WITH CHECK (true)",
        f"CREATE POLICY owner ON {table} TO vigie_owner USING (true) WITH CHECK (true)",
    ]


def upgrade() -> None:
    op.create_table(
        "service_calendars",
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("name ~ '^[a-z0-9][a-z0-9-]{0,62}$'", name=op.f("ck_service_calendars_name")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_service_calendars_customer_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_calendars")),
        sa.UniqueConstraint("name", name=op.f("uq_service_calendars_name")),
    )
    op.create_index(op.f("ix_service_calendars_customer_id"), "service_calendars", ["customer_id"], unique=False)
    op.create_table(
        "calendar_versions",
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("calendar_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("body", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["calendar_id"], ["service_calendars.id"], name=op.f("fk_calendar_versions_calendar_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_calendar_versions_customer_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_versions")),
        sa.UniqueConstraint("calendar_id", "version", name=op.f("uq_calendar_versions_calendar_id_version")),
    )
    op.create_index(op.f("ix_calendar_versions_customer_id"), "calendar_versions", ["customer_id"], unique=False)
    op.create_index(
        "ix_calendar_versions_calendar_id_effective_on",
        "calendar_versions",
        ["calendar_id", "effective_on"],
        unique=False,
    )
    for table in TABLES:
        for statement in (*grant(table), *_keep_apart(table)):
            op.execute(statement)


def downgrade() -> None:
    op.drop_table("calendar_versions")
    op.drop_table("service_calendars")
