"""Self-enrolment: codes of customers, and machines that presented one and wait for a person's word.

Revision ID: 0060
Revises: 0059
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from models.apart import grant, keep_apart

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None

_WAITING = sa.text("state in ('pending','approved')")


def _at(name: str, *, maybe: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=maybe)


def _words(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False)


def _refers(table: str, column: str, to: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"fk_{table}_{column}"), ondelete=ondelete)


def upgrade() -> None:
    op.create_table(
        "enrolment_codes",
        _words("label"),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        _words("code_end"),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("most_uses", sa.Integer(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False, server_default="0"),
        _words("made_by"),
        _at("created_at"),
        _at("expires_at"),
        _at("revoked_at", maybe=True),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "uses between 0 and most_uses and most_uses between 1 and 10000", name=op.f("ck_enrolment_codes_uses")
        ),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_enrolment_codes_expires_at")),
        _refers("enrolment_codes", "site_id", "sites", "SET NULL"),
        _refers("enrolment_codes", "customer_id", "customers", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_codes")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_enrolment_codes_code_hash")),
    )
    op.create_table(
        "enrolments",
        sa.Column("code_id", sa.Uuid(), nullable=True),
        _words("name"),
        _words("title"),
        _words("source"),
        _words("wants"),
        _words("csr"),
        sa.Column("facts", postgresql.JSONB(none_as_null=True), nullable=False),
        _words("address"),
        sa.Column("ticket_hash", sa.LargeBinary(), nullable=False),
        _words("state"),
        _at("asked_at"),
        _at("until"),
        _at("decided_at", maybe=True),
        _words("decided_by"),
        _words("reason"),
        sa.Column("machine_id", sa.Uuid(), nullable=True),
        _at("delivered_at", maybe=True),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "state in ('pending','approved','delivered','refused','lapsed')", name=op.f("ck_enrolments_state")
        ),
        sa.CheckConstraint("wants in ('secret','certificate')", name=op.f("ck_enrolments_wants")),
        sa.CheckConstraint("(wants = 'certificate') = (csr <> '')", name=op.f("ck_enrolments_csr")),
        _refers("enrolments", "code_id", "enrolment_codes", "SET NULL"),
        _refers("enrolments", "machine_id", "machines", "SET NULL"),
        _refers("enrolments", "customer_id", "customers", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolments")),
        sa.UniqueConstraint("ticket_hash", name=op.f("uq_enrolments_ticket_hash")),
    )
    op.create_index("uq_enrolments_waiting", "enrolments", ["name"], unique=True, postgresql_where=_WAITING)
    op.create_index("ix_enrolments_state_asked_at", "enrolments", ["state", "asked_at"])
    for table, columns in (
        ("enrolment_codes", ["customer_id"]),
        ("enrolments", ["customer_id", "code_id", "machine_id"]),
    ):
        for column in columns:
            op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
        for statement in (*grant(table), *keep_apart(table)):
            op.execute(statement)


def downgrade() -> None:
    op.drop_table("enrolments")
    op.drop_table("enrolment_codes")
