"""Where a merged incident went, since when a way around holds, and why one waits.

Revision ID: 0079
Revises: 0061
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0079"
down_revision = "0061"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incidents", sa.Column("merged_into_id", sa.Uuid(), nullable=True))
    op.add_column("incidents", sa.Column("workaround_at", sa.DateTime(timezone=True), nullable=True))
    # The default serves the previous version, which writes incidents without this column.
    op.add_column("incidents", sa.Column("waiting_reason", sa.String(), server_default="", nullable=False))
    op.create_foreign_key(
        op.f("fk_incidents_merged_into_id"), "incidents", "incidents", ["merged_into_id"], ["id"], ondelete="SET NULL"
    )
    op.create_index(op.f("ix_incidents_merged_into_id"), "incidents", ["merged_into_id"], unique=False)
    # Every act looks at what hangs on its incident.
    for table in ("handovers", "escalations"):
        op.create_index(op.f(f"ix_{table}_incident_id"), table, ["incident_id"], unique=False)
    # What a cause was before is looked for by the cause, over every customer.
    op.create_index("ix_incidents_cause_opened_at", "incidents", ["cause", "opened_at"], unique=False)
    op.create_check_constraint(
        op.f("ck_incidents_merged_is_closed"), "incidents", "merged_into_id is null or state = 'closed'"
    )


def downgrade() -> None:
    for table in ("handovers", "escalations"):
        op.drop_index(op.f(f"ix_{table}_incident_id"), table_name=table)
    op.drop_index("ix_incidents_cause_opened_at", table_name="incidents")
    op.drop_constraint(op.f("ck_incidents_merged_is_closed"), "incidents", type_="check")
    op.drop_column("incidents", "waiting_reason")
    op.drop_column("incidents", "workaround_at")
    op.drop_column("incidents", "merged_into_id")
