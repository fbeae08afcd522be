"""How incidents hang together: relations with a kind and an end, and what one stands for beside its own cause."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned

# Read from the row's own incident: "VG-1002 is merged_into VG-1001", "VG-1002 is child_of VG-1001".
TO_INCIDENTS = ("caused_by", "child_of", "duplicate_of", "merged_into", "split_from", "related")
# To something we keep no row of: a change of the customer's, a case at a vendor's. `ref` names it.
TO_OTHERS = ("change", "vendor_case")
KINDS = (*TO_INCIDENTS, *TO_OTHERS)


class IncidentRelation(Owned, Base):
    """One incident stands to another, or to a change or a vendor's case, in a relation of some kind.

    It belongs to the customer of `incident_id`; the other incident may be another customer's (a parent of many), which
    row-level security keeps from sight. One that has ended stays as a row.
    """

    __tablename__ = "incident_relations"
    __table_args__ = (
        CheckConstraint(
            "kind in ('caused_by','child_of','duplicate_of','merged_into','split_from','related',"
            "'change','vendor_case')",
            name="kind",
        ),
        CheckConstraint("(kind in ('change','vendor_case')) = (other_id is null)", name="other_incident"),
        CheckConstraint("kind not in ('change','vendor_case') or ref <> ''", name="others_are_named"),
        CheckConstraint("incident_id <> other_id", name="not_to_itself"),
        Index(
            "uq_incident_relations_once",
            "incident_id",
            "kind",
            "other_id",
            "ref",
            unique=True,
            postgresql_where=text("ended_at is null"),
            postgresql_nulls_not_distinct=True,
        ),
    )

    incident_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    other_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"), index=True)
    ref: Mapped[str] = mapped_column(default="")  # the number others know it by: CHG-4711, a vendor's case
    party: Mapped[str] = mapped_column(default="")  # whose number that is: a vendor's name
    words: Mapped[str] = mapped_column(default="")
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    ended_by: Mapped[str] = mapped_column(default="")
    ended_at: Mapped[datetime | None]


class IncidentCause(Owned, Base):
    """A machine and a cause an incident stands for beside its own: what merged into it, so that signals still join.

    `from_id`: the incident it was the own cause of. One that was split off again, or merged on, has ended.
    """

    __tablename__ = "incident_causes"
    __table_args__ = (
        Index(
            "uq_incident_causes_once",
            "incident_id",
            "machine_id",
            "cause",
            unique=True,
            postgresql_where=text("ended_at is null"),
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_incident_causes_machine_id_cause", "machine_id", "cause"),
    )

    incident_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"), index=True)
    machine_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"))
    cause: Mapped[str]
    from_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("incidents.id", ondelete="SET NULL"))
    since: Mapped[datetime]
    ended_at: Mapped[datetime | None]
