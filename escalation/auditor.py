"""The watchman: looks from outside whether the promises of this desk can still be kept, and raises its own alarm.

It trusts no loop's word: it reads the rows. What it finds is logged, shown on the platform page, and told to operators
through a second path that does not go through the outbox.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import exists, select, union_all
from sqlalchemy.orm import Session

from escalation import (
    contract_audit,
    dark,
    duty,
    outbox,
    parts,
    proving,
    roster,
    unattended,
    unmanned,
    unusable,
)
from escalation.canary_watch import CanaryView, canaries, unfound
from escalation.channels import Channel, ChannelError, Letter
from escalation.roster import Roster
from models.incidents import Incident, Promise
from models.notices import NOT_NEEDED, Notice
from models.people import Person
from models.session import SYSTEM, Sessions, work
from models.telemetry import ProcessBeat

log = structlog.get_logger("auditor")

_LATE = timedelta(minutes=2)  # twice a lease: longer than any healthy loop leaves a row alone
_AGAIN = timedelta(hours=1)  # the same alarm is told once an hour
_DAILY = timedelta(days=1)  # what a person has days to mend
_FORGOTTEN = timedelta(days=3)  # somebody has it, nothing of it is due, and nobody has touched it for so long
_MOST = 50  # of each kind: one stuck loop must not become a thousand alarms
_SPACE = uuid.UUID("0c9a4f0e-0d0c-5b7e-8d53-9f6a4d1a7c01")  # of alarm letters


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something is wrong with the house itself. `rule` and `subject` together name it."""

    # no_due_step, forgotten, rung_overdue, notice_overdue, notice_given_up, rung_dark, promise_unwatched,
    # process_stuck, path_closed, messages_dropped, nobody_reachable, rung_unproved, person_unproved, contract_untold,
    # contract_told_nobody, gap_untold, canary_unfound, canary_asleep, duty_gap, zone_gap, schedule_gap,
    # words_set_apart; and, where one thing's own trouble keeps it from being done, handover_unclimbed,
    # word_unreminded, alert_unended; and owner_gone, history_unlearned
    rule: str
    subject: str  # VG-1001, a notice's id, a process's name
    words: str
    since: datetime
    again: timedelta = _AGAIN  # told once in so much, while it lasts


def audit_house(
    session: Session, now: datetime, beats: Sequence[ProcessBeat] | None = None,
    birds: Sequence[CanaryView] | None = None,
) -> list[Alarm]:  # fmt: skip
    """Everything that is wrong at `now`, gravest kind first. `beats`: every part's, `birds`: every canary, where they
    are known already."""
    beats = beats if beats is not None else session.scalars(select(ProcessBeat).order_by(ProcessBeat.name)).all()
    known = roster.read(session, now, unmanned.AHEAD)
    proofs, named = proving.proofs(session), dark.named(session)
    missing = proving.missing(proofs, now, known)
    return [
        *(Alarm(*found) for found in parts.find(beats, now)),
        *(Alarm(*found) for found in unusable.set_apart(session)),
        *_incidents(session, now),
        *_promises(session, now),
        *_notices(session, now),
        *(Alarm(*found) for found in proving.unproved(session, now, known, proofs, named)[:_MOST]),
        *_rungs(session, known, named, dark.find(session, now, known, missing, named)),
        *_gaps(known, now),
        *(Alarm(*found) for found in unattended.find(session, now, _LATE, _MOST)),
        *(Alarm(*found) for found in contract_audit.untold(session, now)),
        *(Alarm(*found) for found in unfound(canaries(session, now) if birds is None else birds, now)[:_MOST]),
    ]


def _incidents(session: Session, now: datetime) -> list[Alarm]:
    due = Incident.next_rung_at
    late = select(Incident.id).where(Incident.state == "open", due.is_(None) | (due < now - _LATE))
    in_hand = select(Incident.id).where(
        Incident.state.in_(("acknowledged", "working", "waiting")), Incident.next_rung_at.is_(None),
        Incident.changed_at < now - _FORGOTTEN,
        ~exists().where(Promise.incident_id == Incident.id, Promise.state == "running"),
    )  # fmt: skip
    # Each kind has its own room, and one question brings both.
    both = union_all(
        late.order_by(due.nulls_first(), Incident.opened_at).limit(2 * _MOST),
        in_hand.order_by(Incident.changed_at).limit(_MOST),
    )
    found = session.scalars(select(Incident).where(Incident.id.in_(both))).all()
    stopped = sorted((one for one in found if one.state == "open"), key=lambda one: one.opened_at)
    forgotten = sorted((one for one in found if one.state != "open"), key=lambda one: one.changed_at)
    return [
        *(Alarm("no_due_step", one.label, f"{one.label} is open and nobody further will be called.", one.changed_at)
          for one in stopped if one.next_rung_at is None),
        *(
            Alarm("rung_overdue", one.label, f"{one.label} should have climbed at {_hour(one.next_rung_at)}.",
                  one.next_rung_at)
            for one in stopped
            if one.next_rung_at is not None
        ),
        *(
            Alarm(
                "forgotten",
                one.label,
                f"{one.label} is {one.state} since {_hour(one.changed_at)}, and nothing of it is due: write to the "
                "customer, or end it.",
                one.changed_at,
                _DAILY,
            )
            for one in forgotten
        ),
    ]  # fmt: skip


def _promises(session: Session, now: datetime) -> list[Alarm]:
    unseen = (
        select(Promise, Incident)
        .join(Incident, Incident.id == Promise.incident_id)
        .where(Promise.state == "running", Promise.due_at.is_(None) | (Promise.due_at < now - _LATE))
        .order_by(Promise.due_at)
        .limit(_MOST)
    )
    return [
        Alarm(
            "promise_unwatched",
            incident.label,
            f"A promise on {incident.label} ran out and no clock saw it."
            if promise.due_at
            else f"A promise on {incident.label} runs and has no instant by which it is due: no clock watches it.",
            promise.due_at or promise.started_at,
        )
        for promise, incident in session.execute(unseen)
    ]


def _notices(session: Session, now: datetime) -> list[Alarm]:
    query = select(Notice, Incident).outerjoin(Incident, Incident.id == Notice.incident_id)
    unended = (Notice.settled_at.is_(None), Notice.given_up_at.is_(None))
    # Its next try (or, while leased, the end of the lease) is long past: nobody is sending.
    waits = select(Notice.id).where(*unended, Notice.next_try_at < now - _LATE, Notice.channel != outbox.BROWSER)
    is_lost = (Notice.given_up_at > now - timedelta(days=1), Notice.last_error.not_like(f"{NOT_NEEDED}%"))
    ended = select(Notice.id).where(*is_lost)
    both = union_all(waits.order_by(Notice.next_try_at).limit(_MOST), ended.order_by(Notice.given_up_at).limit(_MOST))
    found = session.execute(query.where(Notice.id.in_(both)).order_by(Notice.next_try_at, Notice.id)).all()
    return [
        *(
            Alarm(
                "notice_overdue",
                str(notice.id),
                f"{_a_notice(incident)} by {notice.channel} waits since {_hour(notice.next_try_at)}.",
                notice.next_try_at,
            )
            for notice, incident in found
            if notice.given_up_at is None
        ),
        *(
            Alarm(
                "notice_given_up",
                str(notice.id),
                f"{_a_notice(incident)} by {notice.channel} was given up: {notice.last_error}",
                notice.given_up_at or now,
            )
            for notice, incident in found
            if notice.given_up_at is not None
        ),
    ]


def _a_notice(incident: Incident | None) -> str:
    return f"A notice on {incident.label}" if incident is not None else "A notice about no incident"


def _rungs(session: Session, known: Roster, named: Sequence[dark.Named], unlit: Sequence[dark.Dark]) -> list[Alarm]:
    """Rungs nobody can be reached on: those that ladders now climbing still need, and those of any ladder in force,
    which must not be found out at three in the morning."""
    climbing = select(Incident).where(Incident.state == "open", Incident.next_rung_at.is_not(None)).limit(_MOST)
    alarms: dict[str, Alarm] = {}
    told: set[dark.Rung] = set()
    incidents = session.scalars(climbing.order_by(Incident.opened_at)).all()
    desks = duty.on_duty_all(session, incidents, known, dark.by_duty_of(named))
    for incident, desk in zip(incidents, desks, strict=True):
        for rung in incident.ladder.get("rungs", [])[incident.rung + 1 :]:
            if not any(duty.whom(desk, word) for word in rung["who"]):
                name = rung["name"] or ", ".join(rung["who"])
                words = f"Nobody can be reached as {name}; {incident.label} will pass that rung by."
                alarms.setdefault(name, Alarm("rung_dark", name, words, incident.opened_at))
                told |= {(word, whose) for word in rung["who"] for whose in (None, incident.customer_id)}
    for one in unlit[:_MOST]:
        if one.rung not in told:
            alarms.setdefault(one.subject, Alarm("rung_dark", one.subject, one.words, one.since, _DAILY))
    return list(alarms.values())


def _gaps(known: Roster, now: datetime) -> list[Alarm]:
    """Hours of the next two days that nobody has; named by when they begin, so that a gap that nears is one alarm."""

    def begins(low: datetime) -> str:
        return "now" if low <= now else f"from {low:%Y-%m-%d %H:%M}"

    return [
        *(Alarm("duty_gap", begins(low), unmanned.words((low, high), now), now)
          for low, high in unmanned.ahead(known, now)[:_MOST]),
        *(Alarm(gap.kind, f"{gap.whose} {begins(gap.span[0])}", gap.words, now, _DAILY)
          for gap in unmanned.within(known, now)[:_MOST]),
    ]  # fmt: skip


def _hour(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at is not None else "an unknown time"


class Watchman:
    """Remembers what it has told lately, so that an alarm that lasts is told once an hour, or once a day."""

    def __init__(self, sessions: Sessions, channels: Mapping[str, Channel], alarm_url: str = "") -> None:
        self._sessions = sessions
        self._channels = dict(channels)
        # A second path beside the operators' own: a signed webhook to a house that watches over this one.
        self._beside = [("the second path", "webhook", alarm_url)] if alarm_url else []
        self.well_at: datetime | None = None  # when every process was last seen at work
        self._told: dict[tuple[str, str], datetime] = {}

    def once(self, now: datetime) -> None:
        """Look around; log every new alarm and tell operators and administrators directly."""
        with work(self._sessions, SYSTEM) as session:
            alarms = audit_house(session, now)
            operators = [
                (person.name, way["channel"], way["address"])
                for person in session.scalars(
                    select(Person).where(Person.role.in_(("operator", "administrator")), Person.active)
                )
                for way in [way for way in person.notify if way["channel"] != outbox.BROWSER][:1]
            ]
        # Where nobody can be told, silence is the only signal that is left: somebody outside waits for the next beat.
        if not any(alarm.rule in ("process_stuck", "nobody_reachable") for alarm in alarms):
            self.well_at = now
        fresh = [alarm for alarm in alarms if self._is_fresh(alarm, now)]
        for alarm in fresh:
            log.error("alarm", rule=alarm.rule, subject=alarm.subject, words=alarm.words, since=alarm.since.isoformat())
        heard = [self._tell(fresh, *whom, now) for whom in [*operators, *self._beside]] if fresh else []
        if any(heard) or not heard:  # what no channel took is raised again at the next look
            self._told |= {(alarm.rule, alarm.subject): now for alarm in fresh}
        present = {(alarm.rule, alarm.subject) for alarm in alarms}
        self._told = {key: at for key, at in self._told.items() if key in present}

    def _is_fresh(self, alarm: Alarm, now: datetime) -> bool:
        told = self._told.get((alarm.rule, alarm.subject))
        return told is None or now - told >= alarm.again

    def _tell(self, alarms: list[Alarm], name: str, channel: str, address: str, now: datetime) -> bool:
        """Whether the channel took it. One that breaks keeps nobody else from being told."""
        send = self._channels.get(channel)
        if send is None:
            log.error("operator not told", operator=name, reason=f"no channel {channel}")
            return False
        text = "\n".join(alarm.words for alarm in alarms)
        key = f"{address}/{now.isoformat()}"
        thread = uuid.uuid5(_SPACE, "alarms")
        subject = f"Vigie itself: {alarms[0].words}" + (f" (and {len(alarms) - 1} more)" if len(alarms) > 1 else "")
        body = {"type": "vigie.house.alarm", "text": text, "path": "/platform", "data": {"rule": alarms[0].rule}}
        try:
            send(Letter(uuid.uuid5(_SPACE, key), thread, address, subject, body, now), now)
        except Exception as error:
            trace = None if isinstance(error, ChannelError) else error  # a defect of ours is drawn in full
            log.error("operator not told", operator=name, channel=channel, reason=str(error), exc_info=trace)
            return False
        return True
