"""Changes of terms that wait for a second person.

Revision ID: 0025
Revises: 0024
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from models.apart import grant, keep_apart

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The default serves the previous version, which writes terms without this column.
    op.add_column("contract_terms", sa.Column("confirmed_by", sa.String(), server_default="", nullable=False))
    op.create_table(
        "terms_proposals",
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("changes", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("needs", postgresql.JSONB(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("author_key", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("decided_key", sa.String(), nullable=False),
        sa.Column("decided_reason", sa.String(), nullable=False),
        sa.Column("terms_id", sa.Uuid(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("state in ('pending','confirmed','rejected')", name=op.f("ck_terms_proposals_state")),
        sa.CheckConstraint(
            "(state = 'pending') = (decided_at is null)", name=op.f("ck_terms_proposals_decided_when_not_pending")
        ),
        sa.CheckConstraint(
            "state <> 'confirmed' or decided_key <> author_key", name=op.f("ck_terms_proposals_second_person")
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contracts.id"], name=op.f("fk_terms_proposals_contract_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_terms_proposals_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["terms_id"], ["contract_terms.id"], name=op.f("fk_terms_proposals_terms_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_terms_proposals")),
    )
    op.create_index(op.f("ix_terms_proposals_contract_id"), "terms_proposals", ["contract_id"], unique=False)
    op.create_index(op.f("ix_terms_proposals_customer_id"), "terms_proposals", ["customer_id"], unique=False)
    for statement in (*grant("terms_proposals"), *keep_apart("terms_proposals")):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("terms_proposals")
    op.drop_column("contract_terms", "confirmed_by")
