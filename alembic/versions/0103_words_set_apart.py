"""Which words of a message a dead letter stands for, where it was understood and we failed at them.

Revision ID: 0103
Revises: 0099
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0103"
down_revision = "0099"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dead_letters", sa.Column("apart", sa.ARRAY(sa.Integer()), nullable=True))
    op.create_index(
        "ix_dead_letters_set_apart",
        "dead_letters",
        ["received_at"],
        postgresql_where=sa.text("apart IS NOT NULL AND replay_asked_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_dead_letters_set_apart", table_name="dead_letters")
    op.drop_column("dead_letters", "apart")
