"""Where people of ours work: a site of the house, or home.

Revision ID: 0082
Revises: 0081
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0082"
down_revision = "0081"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The default serves the previous version, which writes people without it.
    op.add_column("people", sa.Column("site", sa.String(), server_default=sa.text("''"), nullable=False))


def downgrade() -> None:
    op.drop_column("people", "site")
