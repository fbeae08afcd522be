"""Escalations of a case or an account: owner, next word, trend, exit criteria.

Revision ID: 0054
Revises: 0038
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from models.apart import grant, keep_apart

revision = "0054"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "escalations",
        sa.Column("incident_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("by_customer", sa.Boolean(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("exit_criteria", sa.String(), nullable=False),
        sa.Column("trend", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_word_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_words", sa.String(), nullable=False),
        sa.Column("history", postgresql.JSONB(), nullable=False),
        sa.Column("demo", sa.Boolean(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("trend in ('new','improving','steady','worsening')", name=op.f("ck_escalations_trend")),
        sa.CheckConstraint("(ended_at is null) = (ended_words = '')", name=op.f("ck_escalations_ends_with_words")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_escalations_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_escalations_incident_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["people.id"], name=op.f("fk_escalations_owner_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalations")),
    )
    op.create_index(op.f("ix_escalations_customer_id"), "escalations", ["customer_id"], unique=False)
    running = sa.text("ended_at is null")
    op.create_index(
        "uq_escalations_one_open_case", "escalations", ["incident_id"], unique=True, postgresql_where=running
    )
    op.create_index(
        "uq_escalations_one_open_account",
        "escalations",
        ["customer_id"],
        unique=True,
        postgresql_where=sa.text("ended_at is null and incident_id is null"),
    )
    op.create_index("ix_escalations_next_word_at", "escalations", ["next_word_at"], postgresql_where=running)
    for statement in (*grant("escalations"), *keep_apart("escalations")):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("escalations")
