"""What each decision took from an allowance, so that it is given back exactly once.

Revision ID: 0026
Revises: 0025
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op
from models.apart import grant, keep_apart

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The default serves the previous version, which writes allowances without this column.
    op.add_column("allowances", sa.Column("extra", sa.Integer(), server_default="0", nullable=False))
    op.create_check_constraint(op.f("ck_allowances_extra"), "allowances", "extra >= 0")
    op.create_table(
        "allowance_takings",
        sa.Column("allowance_id", sa.Uuid(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("given_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("given_back_by", sa.String(), nullable=False),
        sa.Column("given_back_reason", sa.String(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("units > 0", name=op.f("ck_allowance_takings_units")),
        sa.CheckConstraint(
            "(given_back_at is null) = (given_back_reason = '')", name=op.f("ck_allowance_takings_given_back_says_why")
        ),
        sa.ForeignKeyConstraint(
            ["allowance_id"], ["allowances.id"], name=op.f("fk_allowance_takings_allowance_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_allowance_takings_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.id"], name=op.f("fk_allowance_takings_decision_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allowance_takings")),
        sa.UniqueConstraint("decision_id", name=op.f("uq_allowance_takings_decision_id")),
    )
    op.create_index(op.f("ix_allowance_takings_allowance_id"), "allowance_takings", ["allowance_id"], unique=False)
    op.create_index(op.f("ix_allowance_takings_customer_id"), "allowance_takings", ["customer_id"], unique=False)
    for statement in (*grant("allowance_takings"), *keep_apart("allowance_takings")):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("allowance_takings")
    op.drop_constraint(op.f("ck_allowances_extra"), "allowances", type_="check")
    op.drop_column("allowances", "extra")
