"""Find the loose parts of an hour of history without looking at the hours that are done.

Revision ID: 0021
Revises: 0020
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_reading_blocks_loose", "reading_blocks", ["hour", "machine_id"], postgresql_where=sa.text("part > 0")
    )


def downgrade() -> None:
    op.drop_index("ix_reading_blocks_loose", table_name="reading_blocks")
