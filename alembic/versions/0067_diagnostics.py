"""Remote diagnostics: a customer's consent, and each reading asked of a machine with what came of it.

Revision ID: 0067
Revises: 0071
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from models.apart import grant, keep_apart

revision = "0067"
down_revision = "0071"
branch_labels = None
depends_on = None

TABLES = ("diagnostic_consents", "diagnostic_asks")


def upgrade() -> None:
    op.create_table(
        "diagnostic_consents",
        sa.Column("machine_id", sa.Uuid(), nullable=True),
        sa.Column("given_by_id", sa.Uuid(), nullable=True),
        sa.Column("given_by", sa.String(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.String(), server_default="", nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("until_at > given_at", name=op.f("ck_diagnostic_consents_ends_after_start")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_diagnostic_consents_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machines.id"], name=op.f("fk_diagnostic_consents_machine_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["given_by_id"], ["people.id"], name=op.f("fk_diagnostic_consents_given_by_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_diagnostic_consents")),
    )
    op.create_table(
        "diagnostic_asks",
        sa.Column("machine_id", sa.Uuid(), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("consent_id", sa.Uuid(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=True),
        sa.Column("reading", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("why", sa.String(), server_default="", nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", postgresql.JSONB(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("expires_at > asked_at", name=op.f("ck_diagnostic_asks_expires_after_asking")),
        sa.CheckConstraint(
            "state IN ('waiting', 'sent', 'answered', 'refused', 'expired')", name=op.f("ck_diagnostic_asks_state")
        ),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (state IN ('waiting', 'sent'))", name=op.f("ck_diagnostic_asks_ended")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_diagnostic_asks_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machines.id"], name=op.f("fk_diagnostic_asks_machine_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_diagnostic_asks_incident_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["consent_id"], ["diagnostic_consents.id"], name=op.f("fk_diagnostic_asks_consent_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.id"], name=op.f("fk_diagnostic_asks_decision_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_diagnostic_asks")),
    )
    for table, columns in (
        ("diagnostic_consents", ("customer_id", "machine_id")),
        ("diagnostic_asks", ("customer_id", "machine_id", "incident_id")),
    ):
        for column in columns:
            op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
    op.create_index(
        "ix_diagnostic_asks_open", "diagnostic_asks", ["expires_at"], postgresql_where=sa.text("ended_at IS NULL")
    )
    for table in TABLES:
        for statement in (*grant(table), *keep_apart(table)):
            op.execute(statement)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
