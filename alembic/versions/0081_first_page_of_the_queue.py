"""The first page of the queue, and of the list, without reading what is over.

Revision ID: 0081
Revises: 0072
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0081"
down_revision = "0072"
branch_labels = None
depends_on = None

STILL_OPEN = sa.text("state in ('open','acknowledged','working','waiting')")


def upgrade() -> None:
    op.create_index(
        "ix_incidents_queue", "incidents", ["severity", sa.text("opened_at desc")], postgresql_where=STILL_OPEN
    )
    op.create_index("ix_incidents_opened_at_id", "incidents", ["opened_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_incidents_opened_at_id", table_name="incidents")
    op.drop_index("ix_incidents_queue", table_name="incidents")
