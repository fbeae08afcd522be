"""The history of an incident's severity: proposed by one side, agreed by the other.

Revision ID: 0076
Revises: 0075
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op
from models.apart import grant, keep_apart

revision = "0076"
down_revision = "0075"
branch_labels = None
depends_on = None

TABLES = ("severity_changes",)


def upgrade() -> None:
    op.create_table(
        "severity_changes",
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("was", sa.Integer(), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("by_customer", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("holds_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("answered_by", sa.String(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "state in ('proposed','agreed','refused','withdrawn','set')", name=op.f("ck_severity_changes_state")
        ),
        sa.CheckConstraint(
            "was between 1 and 4 and wanted between 1 and 4", name=op.f("ck_severity_changes_severities")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_severity_changes_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_severity_changes_incident_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_severity_changes")),
    )
    op.create_index(op.f("ix_severity_changes_customer_id"), "severity_changes", ["customer_id"], unique=False)
    op.create_index("ix_severity_changes_incident_id_at", "severity_changes", ["incident_id", "at"], unique=False)
    op.create_index(
        "uq_severity_changes_one_open",
        "severity_changes",
        ["incident_id"],
        unique=True,
        postgresql_where=sa.text("state = 'proposed'"),
    )
    for table in TABLES:
        for statement in (*grant(table), *keep_apart(table)):
            op.execute(statement)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
