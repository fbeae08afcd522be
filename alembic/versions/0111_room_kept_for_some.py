"""Places of somebody's room kept for an account, or for a tier.

Revision ID: 0111
Revises: 0108
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op
from models.apart import grant, staff_only

revision = "0111"
down_revision = "0108"
branch_labels = None
depends_on = None

_CHECKS = {
    "ends_after_start": "ends_at is null or ends_at > starts_at",
    "one_whose": "(customer_id is null) = (tier <> '')",
    "tier": "tier in ('','bronze','silver','gold','platinum')",
    "mode": "mode in ('phone','remote','written')",
    "places": "places between 1 and 50",
}


def upgrade() -> None:
    op.create_table(
        "reservations",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        *(sa.CheckConstraint(said, name=op.f(f"ck_reservations_{name}")) for name, said in _CHECKS.items()),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_reservations_person_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_reservations_customer_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations")),
    )
    for column in ("person_id", "customer_id"):
        op.create_index(op.f(f"ix_reservations_{column}"), "reservations", [column], unique=False)
    for statement in (*grant("reservations"), *staff_only("reservations")):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("reservations")
