"""What a contract tells by itself: of its end, and of machines where telemetry and cover disagree.

Revision ID: 0027
Revises: 0026
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from models.apart import grant, keep_apart

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def _owned(table: str) -> list[sa.Column[object] | sa.Constraint]:
    return [
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f(f"fk_{table}_customer_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def upgrade() -> None:
    op.alter_column("notices", "incident_id", nullable=True)  # a word about a contract belongs to no incident
    op.create_table(
        "contract_notices",
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("days_before", sa.Integer(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told", postgresql.JSONB(), nullable=False),
        *_owned("contract_notices"),
        sa.CheckConstraint("kind in ('expiry','renewal','ended')", name=op.f("ck_contract_notices_kind")),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contracts.id"], name=op.f("fk_contract_notices_contract_id"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint(
            "contract_id", "kind", "last_day", "days_before",
            name=op.f("uq_contract_notices_contract_id_kind_last_day_days_before"),
        ),
    )  # fmt: skip
    op.create_table(
        "coverage_gaps",
        sa.Column("machine_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told", postgresql.JSONB(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.String(), nullable=False),
        sa.Column("settled_reason", sa.String(), nullable=False),
        *_owned("coverage_gaps"),
        sa.CheckConstraint("kind in ('uncovered','unheard')", name=op.f("ck_coverage_gaps_kind")),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machines.id"], name=op.f("fk_coverage_gaps_machine_id"), ondelete="CASCADE"
        ),
    )
    op.create_index(op.f("ix_coverage_gaps_machine_id"), "coverage_gaps", ["machine_id"], unique=False)
    op.create_index(
        "uq_coverage_gaps_open",
        "coverage_gaps",
        ["machine_id", "kind"],
        unique=True,
        postgresql_where=sa.text("ended_at is null"),
    )
    for table in ("contract_notices", "coverage_gaps"):
        op.create_index(op.f(f"ix_{table}_customer_id"), table, ["customer_id"], unique=False)
        for statement in (*grant(table), *keep_apart(table)):
            op.execute(statement)


def downgrade() -> None:
    op.drop_table("coverage_gaps")
    op.drop_table("contract_notices")
    op.execute("DELETE FROM notices WHERE incident_id IS NULL")  # the previous version can neither show nor send them
    op.alter_column("notices", "incident_id", nullable=False)
