"""What a clock remembers: whose it is, from when it counts, what an upgrade added, and why it was missed.

Revision ID: 0030
Revises: 0029
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Defaults serve the previous version, which writes promises without these columns.
    op.add_column("promises", sa.Column("party", sa.String(), server_default="customer", nullable=False))
    op.add_column("promises", sa.Column("counts_from", sa.DateTime(timezone=True), nullable=True))
    op.add_column("promises", sa.Column("legs", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False))
    op.add_column("promises", sa.Column("cause", sa.String(), server_default="", nullable=False))
    op.add_column("promises", sa.Column("cause_note", sa.String(), server_default="", nullable=False))
    op.add_column("promises", sa.Column("cause_by", sa.String(), server_default="", nullable=False))
    op.add_column("promises", sa.Column("cause_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint("party", "promises", "party in ('customer','internal','vendor')")
    op.create_check_constraint("cause_is_of_a_breach", "promises", "cause = '' or breached_at is not null")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_promises_cause_is_of_a_breach"), "promises", type_="check")
    op.drop_constraint(op.f("ck_promises_party"), "promises", type_="check")
    for column in ("cause_at", "cause_by", "cause_note", "cause", "legs", "counts_from", "party"):
        op.drop_column("promises", column)
