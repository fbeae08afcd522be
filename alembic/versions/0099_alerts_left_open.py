"""Alerts that stay open on another group's word alone, found without reading every alert there ever was.

Revision ID: 0099
Revises: 0106
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0099"
down_revision = "0106"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_inbound_alerts_left_open",
        "inbound_alerts",
        ["door_id"],
        postgresql_where=sa.text("state <> 'resolved' and facts ? 'left_open'"),
    )


def downgrade() -> None:
    op.drop_index("ix_inbound_alerts_left_open", table_name="inbound_alerts")
