"""How the customer of an incident is served now, where that is another way than the one they came by.

Revision ID: 0098
Revises: 0097
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0098"
down_revision = "0097"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incidents", sa.Column("served_by", sa.String(), server_default="", nullable=False))
    op.create_check_constraint(
        op.f("ck_incidents_served_by"), "incidents", "served_by in ('','phone','remote','written')"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_incidents_served_by"), "incidents", type_="check")
    op.drop_column("incidents", "served_by")
