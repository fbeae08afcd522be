"""When an engineer judged a finding, and how loud it had been at its loudest: what verdicts teach from.

Revision ID: 0041
Revises: 0054
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0041"
down_revision = "0054"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("findings", sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("findings", sa.Column("peak", sa.Float(), nullable=True))
    op.create_index(
        "ix_findings_judged_at", "findings", ["judged_at"], postgresql_where=sa.text("judged_at is not null")
    )


def downgrade() -> None:
    op.drop_column("findings", "peak")
    op.drop_column("findings", "judged_at")
