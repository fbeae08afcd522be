"""When a machine last came in with a credential, and from where.

Revision ID: 0087
Revises: 0091
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0087"
down_revision = "0091"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("machine_credentials", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("machine_credentials", sa.Column("last_used_from", sa.String(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("machine_credentials", "last_used_from")
    op.drop_column("machine_credentials", "last_used_at")
