"""What is no longer in history, aged out or erased, and how much of it the delivery ledger had counted.

Revision ID: 0064
Revises: 0063
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from models.apart import grant, keep_apart

revision = "0064"
down_revision = "0063"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "history_removals",
        sa.Column("machine_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reports", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("facts", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("kind in ('aged','erased')", name=op.f("ck_history_removals_kind")),
        sa.CheckConstraint("what in ('reports','figures')", name=op.f("ck_history_removals_what")),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_history_removals_starts_before_end")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_history_removals_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machines.id"], name=op.f("fk_history_removals_machine_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_history_removals")),
    )
    op.create_index(op.f("ix_history_removals_customer_id"), "history_removals", ["customer_id"], unique=False)
    op.create_index(op.f("ix_history_removals_machine_id"), "history_removals", ["machine_id"], unique=False)
    op.create_index(
        "uq_history_removals_aged",
        "history_removals",
        ["machine_id", "what"],
        unique=True,
        postgresql_where=sa.text("kind = 'aged'"),
    )
    op.create_index(
        "ix_history_removals_erased", "history_removals", ["done_at"], postgresql_where=sa.text("kind = 'erased'")
    )
    for statement in (*grant("history_removals"), *keep_apart("history_removals")):
        op.execute(statement)
    op.add_column("delivery_ledger", sa.Column("erased", sa.Integer(), server_default="0", nullable=False))
    op.create_check_constraint(
        op.f("ck_delivery_ledger_erased_was_stored"), "delivery_ledger", "erased <= scored + late"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_delivery_ledger_erased_was_stored"), "delivery_ledger", type_="check")
    op.drop_column("delivery_ledger", "erased")
    op.drop_table("history_removals")
