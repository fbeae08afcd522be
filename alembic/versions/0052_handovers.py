"""Hand-overs: an incident offered with a structured note, which the taker must accept before the giver is free.

Revision ID: 0052
Revises: 0031
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from models.apart import grant, keep_apart

revision = "0052"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "handovers",
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("giver_id", sa.Uuid(), nullable=True),
        sa.Column("taker_id", sa.Uuid(), nullable=True),
        sa.Column("note", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("climbed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("state in ('offered','accepted','refused','withdrawn')", name=op.f("ck_handovers_state")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_handovers_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_handovers_incident_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["giver_id"], ["people.id"], name=op.f("fk_handovers_giver_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["taker_id"], ["people.id"], name=op.f("fk_handovers_taker_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handovers")),
    )
    op.create_index(op.f("ix_handovers_customer_id"), "handovers", ["customer_id"], unique=False)
    op.create_index(
        "uq_handovers_one_offered",
        "handovers",
        ["incident_id"],
        unique=True,
        postgresql_where=sa.text("state = 'offered'"),
    )
    for statement in (*grant("handovers"), *keep_apart("handovers")):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("handovers")
