"""Contracts expire, renew one another and speak of their end; a line may stand for a service.

Revision ID: 0024
Revises: 0023
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_STATES = "state in ('draft','active','suspended','expired','cancelled')"
_BEFORE = "state in ('draft','active','suspended','cancelled')"
_SUBJECT = "(machine_id is not null)::int + (site_id is not null)::int + (service <> '')::int <= 1"


def _check(name: str, table: str, rule: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)


def upgrade() -> None:
    # The defaults serve the previous version, which writes contracts and lines without these columns.
    op.add_column("contracts", sa.Column("renews_id", sa.Uuid(), nullable=True))
    op.add_column(
        "contracts",
        sa.Column(
            "notice_days", postgresql.ARRAY(sa.Integer()), server_default=sa.text("'{60,30,7}'"), nullable=False
        ),
    )
    op.add_column("contracts", sa.Column("made_by", sa.String(), server_default="", nullable=False))
    op.create_foreign_key(
        op.f("fk_contracts_renews_id"), "contracts", "contracts", ["renews_id"], ["id"], ondelete="SET NULL"
    )
    op.create_check_constraint(op.f("ck_contracts_renews_another"), "contracts", "renews_id <> id")
    op.create_index(
        "uq_contracts_one_successor",
        "contracts",
        ["renews_id"],
        unique=True,
        postgresql_where=sa.text("renews_id is not null and state <> 'cancelled'"),
    )
    _check("state", "contracts", _STATES)
    op.add_column("contract_lines", sa.Column("service", sa.String(), server_default="", nullable=False))
    _check("one_subject", "contract_lines", _SUBJECT)
    op.execute("UPDATE allowances SET kind = 'visits' WHERE kind = 'site_visit'")


def downgrade() -> None:
    op.execute("UPDATE allowances SET kind = 'site_visit' WHERE kind = 'visits'")
    _check("one_subject", "contract_lines", "machine_id is null or site_id is null")
    op.drop_column("contract_lines", "service")
    op.execute("UPDATE contracts SET state = 'active' WHERE state = 'expired'")  # its dates say so there
    _check("state", "contracts", _BEFORE)
    op.drop_index("uq_contracts_one_successor", table_name="contracts")
    op.drop_constraint(op.f("ck_contracts_renews_another"), "contracts", type_="check")
    op.drop_constraint(op.f("fk_contracts_renews_id"), "contracts", type_="foreignkey")
    for column in ("made_by", "notice_days", "renews_id"):
        op.drop_column("contracts", column)
