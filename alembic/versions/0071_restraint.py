"""What was held back and why, incidents that flap, and since when a contract's false alarms count.

Revision ID: 0071
Revises: 0070
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from models.apart import grant, keep_apart

revision = "0071"
down_revision = "0070"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("findings", sa.Column("held_back", sa.String(), server_default="", nullable=False))
    op.add_column("findings", sa.Column("held_words", sa.String(), server_default="", nullable=False))
    op.create_index("ix_findings_held_back", "findings", ["opened_at"], postgresql_where=sa.text("held_back <> ''"))
    op.add_column("incidents", sa.Column("flapping_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("contracts", sa.Column("false_alarms_from", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "restraints",
        sa.Column("machine_id", sa.Uuid(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("facts", postgresql.JSONB(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_restraints_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machines.id"], name=op.f("fk_restraints_machine_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restraints")),
    )
    op.create_index(op.f("ix_restraints_customer_id"), "restraints", ["customer_id"])
    op.create_index("ix_restraints_machine_id", "restraints", ["machine_id", "began_at"])
    for statement in (*grant("restraints"), *keep_apart("restraints")):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("restraints")
    op.drop_column("contracts", "false_alarms_from")
    op.drop_column("incidents", "flapping_since")
    op.drop_index("ix_findings_held_back", "findings")
    op.drop_column("findings", "held_words")
    op.drop_column("findings", "held_back")
