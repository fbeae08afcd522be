"""Machines with credential and state.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from models.apart import grant, keep_apart

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "machines",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("rack", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'", name=op.f("ck_machines_name")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_machines_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_machines_site_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_machines")),
        sa.UniqueConstraint("name", name=op.f("uq_machines_name")),
    )
    op.create_index(op.f("ix_machines_customer_id"), "machines", ["customer_id"], unique=False)
    op.create_index(op.f("ix_machines_site_id"), "machines", ["site_id"], unique=False)
    for statement in grant("machines"):
        op.execute(statement)
    for statement in keep_apart("machines"):
        op.execute(statement)
    op.create_table(
        "machine_credentials",
        sa.Column("machine_id", sa.Uuid(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_machine_credentials_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machines.id"], name=op.f("fk_machine_credentials_machine_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_machine_credentials")),
    )
    op.create_index(op.f("ix_machine_credentials_customer_id"), "machine_credentials", ["customer_id"], unique=False)
    op.create_index(
        "uq_machine_credentials_live",
        "machine_credentials",
        ["machine_id"],
        unique=True,
        postgresql_where=sa.text("revoked_at is null"),
    )
    for statement in grant("machine_credentials"):
        op.execute(statement)
    for statement in keep_apart("machine_credentials"):
        op.execute(statement)
    op.create_table(
        "machine_states",
        sa.Column("machine_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_seq", sa.Integer(), nullable=True),
        sa.Column("cadence_s", sa.Double(), nullable=True),
        sa.Column("skew_s", sa.Double(), nullable=True),
        sa.Column("speaking", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("health", sa.String(), nullable=False),
        sa.Column("said", sa.String(), nullable=True),
        sa.Column("telemetry", sa.String(), nullable=False),
        sa.Column("latest", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("facts", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.CheckConstraint(
            "health in ('healthy','deviates','learning','unknown')", name=op.f("ck_machine_states_health")
        ),
        sa.CheckConstraint("speaking in ('speaking','silent','unknown')", name=op.f("ck_machine_states_speaking")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_machine_states_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machines.id"], name=op.f("fk_machine_states_machine_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("machine_id", name=op.f("pk_machine_states")),
    )
    op.create_index(op.f("ix_machine_states_customer_id"), "machine_states", ["customer_id"], unique=False)
    for statement in grant("machine_states"):
        op.execute(statement)
    for statement in keep_apart("machine_states"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("machine_states")
    op.drop_table("machine_credentials")
    op.drop_table("machines")
