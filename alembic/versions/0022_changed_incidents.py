"""What changed since an instant: the question every open page asks at each nudge.

Revision ID: 0022
Revises: 0021
"""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_incidents_changed_at", "incidents", ["changed_at"])


def downgrade() -> None:
    op.drop_index("ix_incidents_changed_at", table_name="incidents")
