"""Find a notice by the id its provider gave it: receipts at one address for all messages name only that.

Revision ID: 0100
Revises: 0098
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0100"
down_revision = "0098"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_notices_theirs",
        "notices",
        [sa.text("(receipt ->> 'theirs')")],
        postgresql_where=sa.text("(receipt ->> 'theirs') is not null"),
    )


def downgrade() -> None:
    op.drop_index("ix_notices_theirs", table_name="notices")
