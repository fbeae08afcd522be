"""What numbers a machine has sent, and who shares the partitions of the log.

Revision ID: 0020
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from models.apart import grant

revision = "0020"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A machine may count up to 2^63 - 1.
    op.alter_column("machine_states", "last_seq", type_=sa.BigInteger(), existing_nullable=True)
    op.add_column(
        "machine_states",
        sa.Column("seqs", postgresql.JSONB(none_as_null=True), nullable=False, server_default=sa.text("'[]'::jsonb")),
    )
    op.create_table(
        "log_members",
        sa.Column("reader", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("reader", "owner", name=op.f("pk_log_members")),
    )
    for statement in grant("log_members"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("log_members")
    op.drop_column("machine_states", "seqs")
    # A number the smaller column cannot hold is forgotten; the machine's next report brings it back.
    op.execute("UPDATE machine_states SET last_seq = NULL WHERE last_seq > 2147483647")
    op.alter_column("machine_states", "last_seq", type_=sa.Integer(), existing_nullable=True)
