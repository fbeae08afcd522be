"""What people are trained in, whose they are alone, when they are off, and schedules of duty with covers.

Revision ID: 0051
Revises: 0028
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from models.apart import grant, keep_apart

revision = "0051"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Defaults serve the previous version, which writes people without these columns.
    op.add_column("people", sa.Column("capacity", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False))
    op.add_column("people", sa.Column("away_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("incidents", sa.Column("queued_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_incidents_queued_at", "incidents", ["queued_at"], postgresql_where=sa.text("queued_at is not null")
    )
    _trainings()
    _detachments()
    _times_off()
    _schedules()
    for table in ("trainings", "detachments", "times_off", "duty_schedules", "covers"):
        for statement in grant(table):
            op.execute(statement)
    for statement in keep_apart("detachments"):
        op.execute(statement)


def _trainings() -> None:
    op.create_table(
        "trainings",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("level in ('junior','confirmed','senior')", name=op.f("ck_trainings_level")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_trainings_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trainings")),
        sa.UniqueConstraint("person_id", "subject", name=op.f("uq_trainings_person_id_subject")),
    )


def _detachments() -> None:
    op.create_table(
        "detachments",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("ends_at is null or ends_at > starts_at", name=op.f("ck_detachments_ends_after_start")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_detachments_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_detachments_person_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_detachments")),
    )
    op.create_index(op.f("ix_detachments_customer_id"), "detachments", ["customer_id"], unique=False)
    op.create_index(op.f("ix_detachments_person_id"), "detachments", ["person_id"], unique=False)
    op.create_index(
        "uq_detachments_one_open",
        "detachments",
        ["person_id"],
        unique=True,
        postgresql_where=sa.text("ends_at is null"),
    )


def _times_off() -> None:
    op.create_table(
        "times_off",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_times_off_ends_after_start")),
        sa.CheckConstraint("kind in ('absent','protected')", name=op.f("ck_times_off_kind")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_times_off_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_times_off")),
    )
    op.create_index(op.f("ix_times_off_person_id"), "times_off", ["person_id"], unique=False)
    op.create_index(op.f("ix_times_off_ends_at"), "times_off", ["ends_at"], unique=False)


def _schedules() -> None:
    op.create_table(
        "duty_schedules",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("layers", postgresql.JSONB(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("demo", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("version > 0", name=op.f("ck_duty_schedules_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_schedules")),
        sa.UniqueConstraint("name", name=op.f("uq_duty_schedules_name")),
    )
    op.create_table(
        "covers",
        sa.Column("schedule_id", sa.Uuid(), nullable=False),
        sa.Column("for_id", sa.Uuid(), nullable=True),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_covers_ends_after_start")),
        sa.CheckConstraint("state in ('asked','accepted','declined','withdrawn')", name=op.f("ck_covers_state")),
        sa.CheckConstraint("state <> 'accepted' or person_id is not null", name=op.f("ck_covers_accepted_by_somebody")),
        sa.ForeignKeyConstraint(
            ["schedule_id"], ["duty_schedules.id"], name=op.f("fk_covers_schedule_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["for_id"], ["people.id"], name=op.f("fk_covers_for_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_covers_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_covers")),
    )
    op.create_index(op.f("ix_covers_schedule_id"), "covers", ["schedule_id"], unique=False)
    op.create_index(op.f("ix_covers_ends_at"), "covers", ["ends_at"], unique=False)


def downgrade() -> None:
    for table in ("covers", "duty_schedules", "times_off", "detachments", "trainings"):
        op.drop_table(table)
    op.drop_column("incidents", "queued_at")
    op.drop_column("people", "away_since")
    op.drop_column("people", "capacity")
