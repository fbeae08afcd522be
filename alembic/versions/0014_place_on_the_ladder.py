"""Where on its ladder an incident stands: the start of the pass, the last page, the repeats.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incidents", sa.Column("ladder_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("incidents", sa.Column("climbed_at", sa.DateTime(timezone=True), nullable=True))
    # The defaults serve the previous version, which writes incidents without these columns.
    op.add_column("incidents", sa.Column("ladder_loop", sa.Integer(), server_default="0", nullable=False))
    op.add_column("incidents", sa.Column("ladder_round", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    for column in ("ladder_round", "ladder_loop", "climbed_at", "ladder_since"):
        op.drop_column("incidents", column)
