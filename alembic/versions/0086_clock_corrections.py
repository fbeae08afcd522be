"""From when on a machine's instants are corrected, and by how much.

Revision ID: 0086
Revises: 0090
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op
from models.apart import grant, keep_apart

revision = "0086"
down_revision = "0090"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "clock_corrections",
        sa.Column("machine_id", sa.Uuid(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("offset_s", sa.Float(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_clock_corrections_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machines.id"], name=op.f("fk_clock_corrections_machine_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock_corrections")),
    )
    op.create_index(op.f("ix_clock_corrections_customer_id"), "clock_corrections", ["customer_id"])
    op.create_index("ix_clock_corrections_machine_id", "clock_corrections", ["machine_id", "since"])
    for statement in (*grant("clock_corrections"), *keep_apart("clock_corrections")):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("clock_corrections")
