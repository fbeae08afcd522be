"""What the ledger counted of a message that became a dead letter: machine, reason and how many, of each.

Revision ID: 0105
Revises: 0104
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0105"
down_revision = "0104"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dead_letters", sa.Column("counted", postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    op.drop_column("dead_letters", "counted")
