"""Incidents, findings, timeline and promises.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from models.apart import grant, keep_apart

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "incidents",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("machine_id", sa.Uuid(), nullable=True),
        sa.Column("contract_id", sa.Uuid(), nullable=True),
        sa.Column("terms_id", sa.Uuid(), nullable=True),
        sa.Column("decision_id", sa.Uuid(), nullable=True),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("waiting_for", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("summary", sa.String(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("condition_ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("customer_told_us_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_customer_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("second_id", sa.Uuid(), nullable=True),
        sa.Column("terms", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("ladder", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column("next_rung_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("evidence", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("evidence_digest", sa.String(), nullable=False),
        sa.Column("demo", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(state = 'waiting') = (waiting_for <> '')", name=op.f("ck_incidents_waiting_says_for_whom")
        ),
        sa.CheckConstraint(
            "state in ('open','acknowledged','working','waiting','resolved','closed')", name=op.f("ck_incidents_state")
        ),
        sa.CheckConstraint("severity between 1 and 4", name=op.f("ck_incidents_severity")),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contracts.id"], name=op.f("fk_incidents_contract_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_incidents_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.id"], name=op.f("fk_incidents_decision_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machines.id"], name=op.f("fk_incidents_machine_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["people.id"], name=op.f("fk_incidents_owner_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["second_id"], ["people.id"], name=op.f("fk_incidents_second_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["terms_id"], ["contract_terms.id"], name=op.f("fk_incidents_terms_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
        sa.UniqueConstraint("number", name=op.f("uq_incidents_number")),
    )
    op.create_index(op.f("ix_incidents_customer_id"), "incidents", ["customer_id"], unique=False)
    op.create_index(op.f("ix_incidents_machine_id"), "incidents", ["machine_id"], unique=False)
    op.create_index(
        "ix_incidents_next_rung_at",
        "incidents",
        ["next_rung_at"],
        unique=False,
        postgresql_where=sa.text("next_rung_at is not null"),
    )
    op.create_index(op.f("ix_incidents_owner_id"), "incidents", ["owner_id"], unique=False)
    op.create_index("ix_incidents_state_opened_at", "incidents", ["state", "opened_at"], unique=False)
    op.create_index(
        "uq_incidents_one_open",
        "incidents",
        ["machine_id", "cause"],
        unique=True,
        postgresql_where=sa.text("state in ('open','acknowledged','working','waiting')"),
    )
    for statement in grant("incidents"):
        op.execute(statement)
    for statement in keep_apart("incidents"):
        op.execute(statement)
    op.create_table(
        "findings",
        sa.Column("machine_id", sa.Uuid(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("summary", sa.String(), nullable=False),
        sa.Column("metrics", postgresql.JSONB(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("model_digest", sa.String(), nullable=False),
        sa.Column("shadow", sa.Boolean(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=True),
        sa.Column("incident_id", sa.Uuid(), nullable=True),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("severity between 1 and 4", name=op.f("ck_findings_severity")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_findings_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.id"], name=op.f("fk_findings_decision_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_findings_incident_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machines.id"], name=op.f("fk_findings_machine_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
    )
    op.create_index(op.f("ix_findings_customer_id"), "findings", ["customer_id"], unique=False)
    op.create_index("ix_findings_customer_id_started_at", "findings", ["customer_id", "started_at"], unique=False)
    op.create_index(op.f("ix_findings_incident_id"), "findings", ["incident_id"], unique=False)
    op.create_index(op.f("ix_findings_machine_id"), "findings", ["machine_id"], unique=False)
    for statement in grant("findings"):
        op.execute(statement)
    for statement in keep_apart("findings"):
        op.execute(statement)
    op.create_table(
        "timeline",
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("facts", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_timeline_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_timeline_incident_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_timeline_person_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timeline")),
    )
    op.create_index(op.f("ix_timeline_customer_id"), "timeline", ["customer_id"], unique=False)
    op.create_index("ix_timeline_incident_id_at", "timeline", ["incident_id", "at"], unique=False)
    for statement in grant("timeline"):
        op.execute(statement)
    for statement in keep_apart("timeline"):
        op.execute(statement)
    op.create_table(
        "promises",
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("met_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("breached_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("budget", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("calendar", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("pauses", postgresql.JSONB(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "state in ('running','paused','met','breached','cancelled')", name=op.f("ck_promises_state")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_promises_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_promises_incident_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promises")),
    )
    op.create_index(op.f("ix_promises_customer_id"), "promises", ["customer_id"], unique=False)
    op.create_index(
        "ix_promises_due_at", "promises", ["due_at"], unique=False, postgresql_where=sa.text("state = 'running'")
    )
    op.create_index(op.f("ix_promises_incident_id"), "promises", ["incident_id"], unique=False)
    for statement in grant("promises"):
        op.execute(statement)
    for statement in keep_apart("promises"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("promises")
    op.drop_table("timeline")
    op.drop_table("findings")
    op.drop_table("incidents")
