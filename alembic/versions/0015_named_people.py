"""Who stands on the upper rungs, and whom a contract names for a customer.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from models.apart import grant, keep_apart

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The default serves the previous version, which writes people without this column.
    op.add_column(
        "people",
        sa.Column("rungs", postgresql.ARRAY(postgresql.TEXT()), server_default=sa.text("'{}'"), nullable=False),
    )
    op.create_table(
        "named_people",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("duty", sa.String(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_named_people_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_named_people_person_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_named_people")),
        sa.UniqueConstraint(
            "customer_id", "person_id", "duty", name=op.f("uq_named_people_customer_id_person_id_duty")
        ),
    )
    op.create_index(op.f("ix_named_people_customer_id"), "named_people", ["customer_id"], unique=False)
    op.create_index(op.f("ix_named_people_person_id"), "named_people", ["person_id"], unique=False)
    for statement in grant("named_people"):
        op.execute(statement)
    for statement in keep_apart("named_people"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("named_people")
    op.drop_column("people", "rungs")
