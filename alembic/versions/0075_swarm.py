"""Who stands beside the owner and whether they said yes, and help wanted by skill.

Revision ID: 0075
Revises: 0074
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op
from models.apart import grant, keep_apart

revision = "0075"
down_revision = "0074"
branch_labels = None
depends_on = None

TABLES = ("companions", "help_wanted")


def upgrade() -> None:
    op.add_column("incidents", sa.Column("second_accepted_at", sa.DateTime(timezone=True), nullable=True))
    # Whoever stood beside before this was counted on from the moment they were called.
    op.execute(
        "UPDATE incidents SET second_accepted_at = coalesce(acknowledged_at, changed_at) WHERE second_id IS NOT NULL"
    )
    op.create_table(
        "companions",
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("(state = 'asked') = (answered_at is null)", name=op.f("ck_companions_answered")),
        sa.CheckConstraint("role in ('second','lead','scribe','voice','specialist')", name=op.f("ck_companions_role")),
        sa.CheckConstraint(
            "state in ('asked','accepted','declined','unanswered','left')", name=op.f("ck_companions_state")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_companions_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_companions_incident_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_companions_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_companions")),
    )
    op.create_index(
        "ix_companions_answer_by",
        "companions",
        ["answer_by"],
        unique=False,
        postgresql_where=sa.text("state = 'asked'"),
    )
    op.create_index(op.f("ix_companions_customer_id"), "companions", ["customer_id"], unique=False)
    op.create_index(op.f("ix_companions_incident_id"), "companions", ["incident_id"], unique=False)
    op.create_index(
        "ix_companions_person_id",
        "companions",
        ["person_id"],
        unique=False,
        postgresql_where=sa.text("state in ('asked','accepted')"),
    )
    op.create_index(
        "uq_companions_once",
        "companions",
        ["incident_id", "person_id", "role"],
        unique=True,
        postgresql_where=sa.text("state in ('asked','accepted')"),
    )
    op.create_index(
        "uq_companions_one_of_a_role",
        "companions",
        ["incident_id", "role"],
        unique=True,
        postgresql_where=sa.text("role in ('second','lead','scribe') and state in ('asked','accepted')"),
    )
    op.create_table(
        "help_wanted",
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by_id", sa.Uuid(), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("(taken_at is null) = (taken_by_id is null)", name=op.f("ck_help_wanted_taken_by_somebody")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_help_wanted_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_help_wanted_incident_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["taken_by_id"], ["people.id"], name=op.f("fk_help_wanted_taken_by_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_help_wanted")),
    )
    op.create_index(op.f("ix_help_wanted_incident_id"), "help_wanted", ["incident_id"], unique=False)
    op.create_index(op.f("ix_help_wanted_customer_id"), "help_wanted", ["customer_id"], unique=False)
    op.create_index(
        "uq_help_wanted_once",
        "help_wanted",
        ["incident_id", "subject"],
        unique=True,
        postgresql_where=sa.text("ended_at is null"),
    )
    for table in TABLES:
        for statement in (*grant(table), *keep_apart(table)):
            op.execute(statement)


def downgrade() -> None:
    op.drop_column("incidents", "second_accepted_at")
    for table in reversed(TABLES):
        op.drop_table(table)
