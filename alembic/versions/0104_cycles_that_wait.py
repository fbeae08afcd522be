"""Parts of reports that were heard, and are not whole yet, stay with the position: whoever goes on from it has them.

Revision ID: 0104
Revises: 0103
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0104"
down_revision = "0103"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("log_positions", sa.Column("cycles", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("log_positions", "cycles")
