"""A dead letter may be asked for again: who wants it sent the way once more, and since when.

Revision ID: 0034
Revises: 0053
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0034"
down_revision = "0053"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dead_letters", sa.Column("replay_asked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("dead_letters", sa.Column("replay_asked_by", sa.String(), server_default="", nullable=False))
    op.create_index(
        "ix_dead_letters_asked",
        "dead_letters",
        ["replay_asked_at"],
        postgresql_where=sa.text("replay_asked_at IS NOT NULL AND replayed_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_dead_letters_asked", table_name="dead_letters")
    op.drop_column("dead_letters", "replay_asked_by")
    op.drop_column("dead_letters", "replay_asked_at")
