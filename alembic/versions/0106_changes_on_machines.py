"""What was changed on a machine, and when: releases, other versions, restarts.

Revision ID: 0106
Revises: 0100
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op
from models.apart import grant, keep_apart

revision = "0106"
down_revision = "0100"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "machine_changes",
        sa.Column("machine_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("told_by", sa.String(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("kind in ('deployment','restart')", name=op.f("ck_machine_changes_kind")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_machine_changes_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machines.id"], name=op.f("fk_machine_changes_machine_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_machine_changes")),
    )
    op.create_index(op.f("ix_machine_changes_customer_id"), "machine_changes", ["customer_id"])
    op.create_index("ix_machine_changes_machine_id", "machine_changes", ["machine_id", "at"])
    for statement in (*grant("machine_changes"), *keep_apart("machine_changes")):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("machine_changes")
