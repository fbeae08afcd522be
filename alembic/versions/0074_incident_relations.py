"""Relations between incidents, to changes and to vendors' cases; and the causes one stands for beside its own.

Revision ID: 0074
Revises: 0080
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op
from models.apart import grant, keep_apart

revision = "0074"
down_revision = "0080"
branch_labels = None
depends_on = None

TABLES = ("incident_relations", "incident_causes")


def upgrade() -> None:
    op.create_table(
        "incident_relations",
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("other_id", sa.Uuid(), nullable=True),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("party", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_by", sa.String(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(kind in ('change','vendor_case')) = (other_id is null)", name=op.f("ck_incident_relations_other_incident")
        ),
        sa.CheckConstraint(
            "kind in ('caused_by','child_of','duplicate_of','merged_into','split_from','related',"
            "'change','vendor_case')",
            name=op.f("ck_incident_relations_kind"),
        ),
        sa.CheckConstraint(
            "kind not in ('change','vendor_case') or ref <> ''", name=op.f("ck_incident_relations_others_are_named")
        ),
        sa.CheckConstraint("incident_id <> other_id", name=op.f("ck_incident_relations_not_to_itself")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_incident_relations_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_incident_relations_incident_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["other_id"], ["incidents.id"], name=op.f("fk_incident_relations_other_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_relations")),
    )
    op.create_index(op.f("ix_incident_relations_customer_id"), "incident_relations", ["customer_id"], unique=False)
    op.create_index(op.f("ix_incident_relations_incident_id"), "incident_relations", ["incident_id"], unique=False)
    op.create_index(op.f("ix_incident_relations_other_id"), "incident_relations", ["other_id"], unique=False)
    op.create_index(
        "uq_incident_relations_once",
        "incident_relations",
        ["incident_id", "kind", "other_id", "ref"],
        unique=True,
        postgresql_where=sa.text("ended_at is null"),
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "incident_causes",
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("machine_id", sa.Uuid(), nullable=True),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("from_id", sa.Uuid(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_incident_causes_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["from_id"], ["incidents.id"], name=op.f("fk_incident_causes_from_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_incident_causes_incident_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machines.id"], name=op.f("fk_incident_causes_machine_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_causes")),
    )
    op.create_index(op.f("ix_incident_causes_customer_id"), "incident_causes", ["customer_id"], unique=False)
    op.create_index(op.f("ix_incident_causes_incident_id"), "incident_causes", ["incident_id"], unique=False)
    op.create_index("ix_incident_causes_machine_id_cause", "incident_causes", ["machine_id", "cause"], unique=False)
    op.create_index(
        "uq_incident_causes_once",
        "incident_causes",
        ["incident_id", "machine_id", "cause"],
        unique=True,
        postgresql_where=sa.text("ended_at is null"),
        postgresql_nulls_not_distinct=True,
    )
    for table in TABLES:
        for statement in (*grant(table), *keep_apart(table)):
            op.execute(statement)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
