"""The security log: who tried what they may not.

Revision ID: 0061
Revises: 0060
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op
from models.apart import grant, staff_only

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "security_events",
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in ("kind", "username", "address", "client", "detail", "door", "done")
        ),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=False) for name in ("slot", "first_at", "last_at")),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("machine_id", sa.Uuid(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("count > 0", name=op.f("ck_security_events_count")),
        sa.CheckConstraint("first_at <= last_at", name=op.f("ck_security_events_first_at")),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machines.id"], name=op.f("fk_security_events_machine_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_security_events_customer_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_security_events")),
    )
    op.create_index(
        "uq_security_events_told", "security_events", ["kind", "username", "address", "detail", "slot"], unique=True
    )
    op.create_index("ix_security_events_last_at", "security_events", ["last_at"])
    for column in ("machine_id", "customer_id"):
        op.create_index(op.f(f"ix_security_events_{column}"), "security_events", [column])
    for statement in (*grant("security_events"), *staff_only("security_events")):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("security_events")
