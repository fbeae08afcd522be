"""How long an engineer has been alone with an incident: since when now, and in all before.

Revision ID: 0053
Revises: 0046
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0053"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incidents", sa.Column("alone_since", sa.DateTime(timezone=True), nullable=True))
    # The default serves the previous version, which writes incidents without this column.
    op.add_column("incidents", sa.Column("alone_s", sa.Float(), server_default=sa.text("0"), nullable=False))
    op.create_index(
        "ix_incidents_alone_since", "incidents", ["alone_since"], postgresql_where=sa.text("alone_since is not null")
    )


def downgrade() -> None:
    op.drop_column("incidents", "alone_s")
    op.drop_column("incidents", "alone_since")
