"""Model artefacts with digest and lineage.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from models.apart import grant, keep_apart

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "model_artefacts",
        sa.Column("machine_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("lineage", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("length(digest) = 64", name=op.f("ck_model_artefacts_digest_is_sha256")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_model_artefacts_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machines.id"], name=op.f("fk_model_artefacts_machine_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_artefacts")),
    )
    op.create_index(op.f("ix_model_artefacts_customer_id"), "model_artefacts", ["customer_id"], unique=False)
    op.create_index(
        "uq_model_artefacts_live",
        "model_artefacts",
        ["machine_id", "name"],
        unique=True,
        postgresql_where=sa.text("retired_at is null"),
    )
    for statement in grant("model_artefacts"):
        op.execute(statement)
    for statement in keep_apart("model_artefacts"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("model_artefacts")
