"""Fleet events over all customers, their machines, the child of each contract; what a machine runs and speaks through.

Revision ID: 0070
Revises: 0079
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from models.apart import grant, keep_apart

revision = "0070"
down_revision = "0079"
branch_labels = None
depends_on = None

PLACES = "place in ('broker', 'rack', 'site', 'software', 'customer', 'fleet')"


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    for name in ("software", "broker"):
        op.add_column("machines", sa.Column(name, sa.String(), server_default="", nullable=False))
    op.create_table(
        "fleet_events",
        sa.Column("number", sa.BigInteger(), sa.Identity(start=1), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("problem", sa.String(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("chance", sa.Float(), nullable=False),
        _at("began_at"),
        _at("last_began_at"),
        _at("opened_at"),
        sa.Column("machines", sa.Integer(), nullable=False),
        sa.Column("recovered", sa.Integer(), nullable=False),
        _at("recovered_at", nullable=True),
        _at("resolved_at", nullable=True),
        sa.Column("facts", postgresql.JSONB(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        _at("changed_at"),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(PLACES, name=op.f("ck_fleet_events_place")),
        sa.CheckConstraint("severity between 1 and 4", name=op.f("ck_fleet_events_severity")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fleet_events")),
        sa.UniqueConstraint("number", name=op.f("uq_fleet_events_number")),
    )
    running = sa.text("resolved_at is null")
    op.create_index("ix_fleet_events_open", "fleet_events", ["opened_at"], postgresql_where=running)
    # Who else is hit is nobody's business but ours: no customer reads the parent, and the web only shows it.
    op.execute("GRANT SELECT ON fleet_events TO vigie_web")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON fleet_events TO vigie_worker")
    op.execute("ALTER TABLE fleet_events ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE fleet_events FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY web ON fleet_events TO vigie_web USING (current_setting('app.reach', true) = 'staff')")
    for role in ("worker", "owner"):
        op.execute(f"CREATE POLICY {role} ON fleet_events TO vigie_{role} USING (true) WITH CHECK (true)")

    op.create_table(
        "fleet_members",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("machine_id", sa.Uuid(), nullable=False),
        sa.Column("contract_id", sa.Uuid(), nullable=True),
        sa.Column("incident_id", sa.Uuid(), nullable=True),
        sa.Column("finding_id", sa.Uuid(), nullable=True),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        _at("began_at"),
        _at("joined_at"),
        _at("recovered_at", nullable=True),
        _at("released_at", nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        *(
            sa.ForeignKeyConstraint([column], [f"{table}.id"], name=op.f(f"fk_fleet_members_{column}"), ondelete=then)
            for column, table, then in (
                ("customer_id", "customers", "CASCADE"),
                ("event_id", "fleet_events", "CASCADE"),
                ("machine_id", "machines", "CASCADE"),
                ("contract_id", "contracts", "SET NULL"),
                ("incident_id", "incidents", "SET NULL"),
                ("finding_id", "findings", "SET NULL"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fleet_members")),
        sa.UniqueConstraint("event_id", "machine_id", name=op.f("uq_fleet_members_event_id_machine_id")),
    )
    op.create_index(op.f("ix_fleet_members_customer_id"), "fleet_members", ["customer_id"])
    op.create_index(op.f("ix_fleet_members_incident_id"), "fleet_members", ["incident_id"])
    op.create_index("ix_fleet_members_machine_id", "fleet_members", ["machine_id", "recovered_at"])
    for statement in (*grant("fleet_members"), *keep_apart("fleet_members")):
        op.execute(statement)

    op.add_column("incidents", sa.Column("fleet_event_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_incidents_fleet_event_id"), "incidents", "fleet_events", ["fleet_event_id"], ["id"],
        ondelete="SET NULL",
    )  # fmt: skip
    op.create_index(
        "uq_incidents_one_child",
        "incidents",
        ["fleet_event_id", "contract_id"],
        unique=True,
        postgresql_where=sa.text("fleet_event_id is not null"),
    )


def downgrade() -> None:
    op.drop_index("uq_incidents_one_child", "incidents")
    op.drop_constraint(op.f("fk_incidents_fleet_event_id"), "incidents", type_="foreignkey")
    op.drop_column("incidents", "fleet_event_id")
    op.drop_table("fleet_members")
    op.drop_table("fleet_events")
    for name in ("software", "broker"):
        op.drop_column("machines", name)
