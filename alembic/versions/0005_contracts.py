"""Contracts with versioned terms, lines and allowances.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from models.apart import grant, keep_apart

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contracts",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("state in ('draft','active','suspended','cancelled')", name=op.f("ck_contracts_state")),
        sa.CheckConstraint("tier in ('bronze','silver','gold','platinum')", name=op.f("ck_contracts_tier")),
        sa.CheckConstraint("ends_on is null or ends_on >= starts_on", name=op.f("ck_contracts_ends_after_start")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_contracts_customer_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contracts")),
        sa.UniqueConstraint("number", name=op.f("uq_contracts_number")),
    )
    op.create_index(op.f("ix_contracts_customer_id"), "contracts", ["customer_id"], unique=False)
    for statement in grant("contracts"):
        op.execute(statement)
    for statement in keep_apart("contracts"):
        op.execute(statement)
    op.create_table(
        "contract_terms",
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contracts.id"], name=op.f("fk_contract_terms_contract_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_contract_terms_customer_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_terms")),
        sa.UniqueConstraint("contract_id", "version", name=op.f("uq_contract_terms_contract_id_version")),
    )
    op.create_index(op.f("ix_contract_terms_customer_id"), "contract_terms", ["customer_id"], unique=False)
    for statement in grant("contract_terms"):
        op.execute(statement)
    for statement in keep_apart("contract_terms"):
        op.execute(statement)
    op.create_table(
        "contract_lines",
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("machine_id", sa.Uuid(), nullable=True),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "ends_on is null or starts_on is null or ends_on >= starts_on",
            name=op.f("ck_contract_lines_ends_after_start"),
        ),
        sa.CheckConstraint("machine_id is null or site_id is null", name=op.f("ck_contract_lines_one_subject")),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contracts.id"], name=op.f("fk_contract_lines_contract_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_contract_lines_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machines.id"], name=op.f("fk_contract_lines_machine_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_contract_lines_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_lines")),
    )
    op.create_index(op.f("ix_contract_lines_contract_id"), "contract_lines", ["contract_id"], unique=False)
    op.create_index(op.f("ix_contract_lines_customer_id"), "contract_lines", ["customer_id"], unique=False)
    op.create_index(op.f("ix_contract_lines_machine_id"), "contract_lines", ["machine_id"], unique=False)
    op.create_index(op.f("ix_contract_lines_site_id"), "contract_lines", ["site_id"], unique=False)
    for statement in grant("contract_lines"):
        op.execute(statement)
    for statement in keep_apart("contract_lines"):
        op.execute(statement)
    op.create_table(
        "allowances",
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("granted", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("used >= 0 and used <= granted", name=op.f("ck_allowances_never_overspent")),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contracts.id"], name=op.f("fk_allowances_contract_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_allowances_customer_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allowances")),
        sa.UniqueConstraint(
            "contract_id", "kind", "period_start", name=op.f("uq_allowances_contract_id_kind_period_start")
        ),
    )
    op.create_index(op.f("ix_allowances_customer_id"), "allowances", ["customer_id"], unique=False)
    for statement in grant("allowances"):
        op.execute(statement)
    for statement in keep_apart("allowances"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("allowances")
    op.drop_table("contract_lines")
    op.drop_table("contract_terms")
    op.drop_table("contracts")
