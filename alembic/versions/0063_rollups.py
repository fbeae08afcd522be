"""Roll-ups of history by hour and by day, and a mark on the blocks they were made of.

Revision ID: 0063
Revises: 0041
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op
from models.apart import grant, keep_apart

revision = "0063"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reading_rollups",
        sa.Column("machine_id", sa.Uuid(), nullable=False),
        sa.Column("grain", sa.String(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("grain in ('hour','day')", name=op.f("ck_reading_rollups_grain")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_reading_rollups_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machines.id"], name=op.f("fk_reading_rollups_machine_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("machine_id", "grain", "starts_at", name=op.f("pk_reading_rollups")),
    )
    op.create_index(op.f("ix_reading_rollups_customer_id"), "reading_rollups", ["customer_id"], unique=False)
    for statement in (*grant("reading_rollups"), *keep_apart("reading_rollups")):
        op.execute(statement)
    op.add_column("reading_blocks", sa.Column("rolled", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_index(
        "ix_reading_blocks_unrolled", "reading_blocks", ["machine_id", "hour"], postgresql_where=sa.text("NOT rolled")
    )


def downgrade() -> None:
    op.drop_index("ix_reading_blocks_unrolled", table_name="reading_blocks")
    op.drop_column("reading_blocks", "rolled")
    op.drop_table("reading_rollups")
