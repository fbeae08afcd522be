"""What each machine's score was, minute by minute, so that one can ask later why nothing was opened.

Revision ID: 0072
Revises: 0055
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from models.apart import grant, keep_apart

revision = "0072"
down_revision = "0055"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "score_traces",
        sa.Column("machine_id", sa.Uuid(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("scores", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_score_traces_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machines.id"], name=op.f("fk_score_traces_machine_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("machine_id", "hour", name=op.f("pk_score_traces")),
    )
    op.create_index(op.f("ix_score_traces_customer_id"), "score_traces", ["customer_id"])
    op.create_index("ix_score_traces_hour", "score_traces", ["hour"])
    for statement in (*grant("score_traces"), *keep_apart("score_traces")):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("score_traces")
