"""Declared mappings for agents we have no format for, and gateways that speak for other machines.

Revision ID: 0038
Revises: 0036
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from models.apart import grant, keep_apart

revision = "0038"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "source_mappings",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("spec", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_mappings")),
        sa.UniqueConstraint("name", name=op.f("uq_source_mappings_name")),
    )
    op.create_table(
        "gateway_machines",
        sa.Column("gateway_id", sa.Uuid(), nullable=False),
        sa.Column("machine_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_gateway_machines_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["gateway_id"], ["machines.id"], name=op.f("fk_gateway_machines_gateway_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machines.id"], name=op.f("fk_gateway_machines_machine_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway_machines")),
        sa.UniqueConstraint("gateway_id", "machine_id", name=op.f("uq_gateway_machines_gateway_id_machine_id")),
    )
    for column in ("customer_id", "machine_id"):
        op.create_index(op.f(f"ix_gateway_machines_{column}"), "gateway_machines", [column])
    for table in ("source_mappings", "gateway_machines"):
        for statement in grant(table):
            op.execute(statement)
    for statement in keep_apart("gateway_machines"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("gateway_machines")
    op.drop_table("source_mappings")
