"""What somebody did to an incident, kept for a minute so that it can be taken back (`undo`), its letters held.

Whoever acts opens `remembered` around the act; what is different afterwards is the deed.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from escalation import causes, rows
from escalation.incident import VIGIE, Actor
from models import audit
from models.deeds import IncidentDeed
from models.incidents import Incident
from models.notices import Notice
from models.people import Person
from models.relations import IncidentRelation
from models.session import as_staff

WITHIN = timedelta(minutes=1)
_REMEMBERING = "vigie_remembering"
P = ParamSpec("P")
T = TypeVar("T")


def undoable(
    act: str,
) -> Callable[
    [Callable[Concatenate[Session, uuid.UUID, Actor, datetime, P], T]],
    Callable[Concatenate[Session, uuid.UUID, Actor, datetime, P], T],
]:
    """Mark a function of (session, incident, actor, now, …) as an act that can be taken back."""

    def mark(
        does: Callable[Concatenate[Session, uuid.UUID, Actor, datetime, P], T],
    ) -> Callable[Concatenate[Session, uuid.UUID, Actor, datetime, P], T]:
        @wraps(does)
        def done(
            session: Session, incident_id: uuid.UUID, actor: Actor, now: datetime, /, *args: P.args, **more: P.kwargs
        ) -> T:
            with remembered(session, causes.with_survivor(session, incident_id), act, actor, now):
                return does(session, incident_id, actor, now, *args, **more)

        return done

    return mark


@contextmanager
def remembered(
    session: Session, incident_ids: Sequence[uuid.UUID], act: str, actor: Actor, now: datetime
) -> Iterator[None]:
    """Keep what is done to these incidents in this block, so that `actor` can take it back. What the house does by
    itself, and what an act does within another, is kept with nothing of its own."""
    if actor == VIGIE or session.info.get(_REMEMBERING):
        yield
        return
    versions = hold(session, incident_ids)
    if not versions:
        yield
        return
    before = rows.look(session, incident_ids)
    session.info[_REMEMBERING] = True
    try:
        yield
    finally:
        session.info.pop(_REMEMBERING, None)
    _keep(session, incident_ids, versions, before, act, actor, now)


def hold(session: Session, incident_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Take hold of the rows, in the order everybody does; their versions by id."""
    customer_id = session.scalar(select(Incident.customer_id).where(Incident.id.in_(incident_ids)).limit(1))
    if customer_id is None:
        return {}
    audit.take_turns(session, customer_id)
    held = select(Incident).where(Incident.id.in_(incident_ids)).order_by(Incident.id).with_for_update()
    return {row.id: row.version for row in session.scalars(held.execution_options(populate_existing=True))}


def _keep(
    session: Session,
    incident_ids: Sequence[uuid.UUID],
    versions: dict[uuid.UUID, int],
    before: rows.Rows,
    act: str,
    actor: Actor,
    now: datetime,
) -> None:
    session.flush()  # an incident that the act made is found by its relation
    main = session.get_one(Incident, next(id for id in incident_ids if id in versions))
    touched = [*incident_ids, *_split_off(session, main, now)]
    if all(session.get_one(Incident, id).version == version for id, version in versions.items()):
        return  # it did not fit, or changed nothing
    changes = rows.differences(before, rows.look(session, touched))
    others = [id for id in touched if id != main.id]
    session.add(
        IncidentDeed(
            customer_id=main.customer_id,
            incident_id=main.id,
            other_id=others[-1] if others else None,
            act=act,
            actor=actor.name,
            person_id=actor.person_id,
            at=now,
            undo_until=now + WITHIN,
            version=main.version,
            changes=changes,
        )
    )
    session.flush()  # the next question may be for this very deed


def _split_off(session: Session, incident: Incident, now: datetime) -> list[uuid.UUID]:
    made = select(IncidentRelation.incident_id).where(
        IncidentRelation.other_id == incident.id,
        IncidentRelation.kind == "split_from",
        IncidentRelation.made_at == now,
        IncidentRelation.ended_at.is_(None),
    )
    return list(session.scalars(made))


def open_deeds(session: Session, incident_id: uuid.UUID, actor: Actor, now: datetime) -> list[IncidentDeed]:
    """What this actor can still take back on an incident, the last first."""
    by_name = IncidentDeed.person_id.is_(None) & (IncidentDeed.actor == actor.name)
    whose = IncidentDeed.person_id == actor.person_id if actor.person_id else by_name
    mine = (
        select(IncidentDeed)
        .where((IncidentDeed.incident_id == incident_id) | (IncidentDeed.other_id == incident_id), whose)
        .where(IncidentDeed.undone_at.is_(None), IncidentDeed.undo_until >= now)
        .order_by(IncidentDeed.at.desc(), IncidentDeed.id.desc())
    )
    return list(session.scalars(mine))


def hold_back(session: Session, incident_id: uuid.UUID, actor: Actor, now: datetime, until: datetime) -> int:
    """Keep the letters of the actor's last act to the customer until then; how many wait. Pages to ours never wait."""
    deeds = open_deeds(session, incident_id, actor, now)
    ids = deeds[0].changes.get("notices", {}).get("made", []) if deeds else []
    contacts = select(Person.id).where(Person.customer_id.is_not(None))
    waiting = (Notice.id.in_(ids), Notice.tries == 0, Notice.next_try_at < until, Notice.person_id.in_(contacts))
    with as_staff(session):
        done = session.execute(update(Notice).where(*waiting).values(next_try_at=until).returning(Notice.id))
        return len(done.all())


def let_go(session: Session, incident_id: uuid.UUID, actor: Actor, now: datetime) -> int:
    """Send at once what was held back of the actor's acts; how many letters leave."""
    ids = [
        id
        for deed in open_deeds(session, incident_id, actor, now)
        for id in deed.changes.get("notices", {}).get("made", [])
    ]
    waiting = (Notice.id.in_(ids), Notice.tries == 0, Notice.next_try_at > now, Notice.settled_at.is_(None))
    return len(session.execute(update(Notice).where(*waiting).values(next_try_at=now).returning(Notice.id)).all())
