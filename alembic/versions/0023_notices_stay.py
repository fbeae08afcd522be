"""A notice stays when the person it was sent to goes: it says what was told, and to which address.

Revision ID: 0023
Revises: 0022
"""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def _bind(ondelete: str) -> None:
    op.drop_constraint("fk_notices_person_id", "notices", type_="foreignkey")
    op.create_foreign_key("fk_notices_person_id", "notices", "people", ["person_id"], ["id"], ondelete=ondelete)


def upgrade() -> None:
    _bind("SET NULL")


def downgrade() -> None:
    _bind("CASCADE")
