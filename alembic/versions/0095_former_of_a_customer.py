"""What is like an incident is looked for among the newest of its customer's and its machine's, not among all of them.

Revision ID: 0095
Revises: 0087
"""

from __future__ import annotations

from alembic import op

revision = "0095"
down_revision = "0087"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_incidents_customer_id_opened_at", "incidents", ["customer_id", "opened_at"])
    op.create_index("ix_incidents_machine_id_opened_at", "incidents", ["machine_id", "opened_at"])


def downgrade() -> None:
    op.drop_index("ix_incidents_machine_id_opened_at", table_name="incidents")
    op.drop_index("ix_incidents_customer_id_opened_at", table_name="incidents")
