"""What a contract is worth a year: the brief to the top of the house says what is at stake.

Revision ID: 0096
Revises: 0095
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0096"
down_revision = "0095"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("contracts", sa.Column("worth", sa.String(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("contracts", "worth")
