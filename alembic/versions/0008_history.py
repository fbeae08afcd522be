"""History blocks, delivery ledger and dead letters.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from models.apart import grant, keep_apart

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reading_blocks",
        sa.Column("machine_id", sa.Uuid(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("part", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reports", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_reading_blocks_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machines.id"], name=op.f("fk_reading_blocks_machine_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("machine_id", "hour", "part", name=op.f("pk_reading_blocks")),
    )
    op.create_index(op.f("ix_reading_blocks_customer_id"), "reading_blocks", ["customer_id"], unique=False)
    for statement in grant("reading_blocks"):
        op.execute(statement)
    for statement in keep_apart("reading_blocks"):
        op.execute(statement)
    op.create_table(
        "delivery_ledger",
        sa.Column("machine", sa.String(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("scored", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("duplicate", sa.Integer(), nullable=False),
        sa.Column("late", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.CheckConstraint("received = scored + refused + duplicate + late", name=op.f("ck_delivery_ledger_adds_up")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_delivery_ledger_customer_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("machine", "hour", name=op.f("pk_delivery_ledger")),
    )
    op.create_index(op.f("ix_delivery_ledger_customer_id"), "delivery_ledger", ["customer_id"], unique=False)
    for statement in grant("delivery_ledger"):
        op.execute(statement)
    for statement in keep_apart("delivery_ledger"):
        op.execute(statement)
    op.create_table(
        "dead_letters",
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("machine", sa.String(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.Column("replayed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_dead_letters_customer_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
    )
    op.create_index(op.f("ix_dead_letters_customer_id"), "dead_letters", ["customer_id"], unique=False)
    op.create_index(op.f("ix_dead_letters_machine"), "dead_letters", ["machine"], unique=False)
    op.create_index(op.f("ix_dead_letters_received_at"), "dead_letters", ["received_at"], unique=False)
    op.create_index(
        "uq_dead_letters_partition_position", "dead_letters", ["partition", "position", "item"], unique=True
    )
    for statement in grant("dead_letters"):
        op.execute(statement)
    for statement in keep_apart("dead_letters"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("dead_letters")
    op.drop_table("delivery_ledger")
    op.drop_table("reading_blocks")
