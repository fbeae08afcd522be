"""The embedded log and the positions in it.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa


from alembic import op
from models.apart import grant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "log_records",
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("appended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("partition", "position", name=op.f("pk_log_records")),
    )
    op.create_index(op.f("ix_log_records_appended_at"), "log_records", ["appended_at"], unique=False)
    for statement in grant("log_records"):
        op.execute(statement)
    op.create_table(
        "log_positions",
        sa.Column("reader", sa.String(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("snapshot_position", sa.BigInteger(), nullable=False),
        sa.Column("snapshot", sa.LargeBinary(), nullable=True),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("reader", "partition", name=op.f("pk_log_positions")),
    )
    for statement in grant("log_positions"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("log_positions")
    op.drop_table("log_records")
