"""Count what was kept during maintenance, and looked at by nobody, in the delivery ledger.

Revision ID: 0036
Revises: 0035
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("delivery_ledger", sa.Column("in_maintenance", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("delivery_ledger", "in_maintenance")
