"""The shares of a promise that are warned of, each a row with its instant.

Revision ID: 0031
Revises: 0030
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op
from models.apart import grant, keep_apart

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "promise_thresholds",
        sa.Column("promise_id", sa.Uuid(), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("percent between 1 and 1000", name=op.f("ck_promise_thresholds_percent")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_promise_thresholds_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_promise_thresholds_incident_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["promise_id"], ["promises.id"], name=op.f("fk_promise_thresholds_promise_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promise_thresholds")),
        sa.UniqueConstraint("promise_id", "percent", name=op.f("uq_promise_thresholds_promise_id_percent")),
    )
    op.create_index(op.f("ix_promise_thresholds_customer_id"), "promise_thresholds", ["customer_id"], unique=False)
    op.create_index(op.f("ix_promise_thresholds_incident_id"), "promise_thresholds", ["incident_id"], unique=False)
    op.create_index(
        "ix_promise_thresholds_at",
        "promise_thresholds",
        ["at"],
        unique=False,
        postgresql_where=sa.text("fired_at is null and at is not null"),
    )
    for statement in (*grant("promise_thresholds"), *keep_apart("promise_thresholds")):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("promise_thresholds")
