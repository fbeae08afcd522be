"""Canaries: machines whose faults are known, and each fault made on them.

Revision ID: 0091
Revises: 0086
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op
from models.apart import grant, keep_apart

revision = "0091"
down_revision = "0086"
branch_labels = None
depends_on = None

TABLES = ("canaries", "canary_faults")


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _owned(table: str) -> tuple[object, ...]:
    keys = (("machine_id", "machines"), ("customer_id", "customers"))
    return (
        sa.Column("machine_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        *(
            sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"fk_{table}_{column}"), ondelete="CASCADE")
            for column, to in keys
        ),
    )


def upgrade() -> None:
    op.create_table(
        "canaries",
        sa.Column("every_s", sa.Integer(), nullable=False),
        _at("made_at"),
        sa.Column("made_by", sa.String(), nullable=False),
        *_owned("canaries"),
        sa.UniqueConstraint("machine_id", name=op.f("uq_canaries_machine_id")),
    )
    op.create_table(
        "canary_faults",
        sa.Column("kind", sa.String(), nullable=False),
        _at("began_at"),
        sa.Column("due_s", sa.Integer(), nullable=False),
        _at("mended_at", nullable=True),
        sa.Column("void", sa.Boolean(), server_default=sa.false(), nullable=False),
        *_owned("canary_faults"),
    )
    op.create_index("ix_canary_faults_machine_id_began_at", "canary_faults", ["machine_id", "began_at"])
    for table in TABLES:
        op.create_index(op.f(f"ix_{table}_customer_id"), table, ["customer_id"])
        for statement in (*grant(table), *keep_apart(table)):
            op.execute(statement)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
