"""When somebody's time off was entered: an absence said afterwards counts from its entry for what was answered before.

Revision ID: 0108
Revises: 0107
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0108"
down_revision = "0107"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("times_off", sa.Column("said_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("times_off", "said_at")
