"""Notices to one person within seconds join: the others say into which one.

Revision ID: 0046
Revises: 0052
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0046"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notices", sa.Column("joined_into", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_notices_joined_into"), "notices", "notices", ["joined_into"], ["id"], ondelete="SET NULL"
    )
    op.create_index(op.f("ix_notices_joined_into"), "notices", ["joined_into"])
    # Asked at each new notice: was this address told a moment ago?
    op.create_index("ix_notices_channel_address_settled_at", "notices", ["channel", "address", "settled_at"])


def downgrade() -> None:
    op.drop_index("ix_notices_channel_address_settled_at", table_name="notices")
    op.drop_index(op.f("ix_notices_joined_into"), table_name="notices")
    op.drop_constraint(op.f("fk_notices_joined_into"), "notices", type_="foreignkey")
    op.drop_column("notices", "joined_into")
