"""One row of everything for each of the two customers, each row with its customer's canary in its words."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import keys
from contracts import calendars
from contracts.calendars import Draft
from contracts.tiers import DEFAULTS, Tier
from escalation import intake
from escalation.incident import Actor
from models.agreements import ContractLine, ContractTerms, CoverageGap, TermsProposal
from models.attachments import Attachment
from models.base import Identified
from models.customers import Customer, Site
from models.decisions import DecisionRow
from models.diagnostics import DiagnosticConsent
from models.duty import Cover, Detachment, DutySchedule, Handover, HouseSite, Reservation, TimeOff
from models.enrolment import Enrolment, EnrolmentCode
from models.escalations import Escalation
from models.inbound import InboundAlert, InboundChange, InboundDoor
from models.incidents import Finding, Promise, TimelineEntry
from models.machines import Machine, MachineCredential, MachineState
from models.maintenance import MaintenanceWindow
from models.notices import Notice
from models.people import Person, Shift
from models.relations import IncidentCause, IncidentRelation
from models.security import SecurityEvent
from models.severities import SeverityChange
from models.swarm import Companion, HelpWanted
from models.telemetry import DeadLetter, DeliveryCount
from tests.cast import Cast

CANARY = {"plant": "canary-of-the-plant", "joinery": "canary-of-the-joinery"}


@dataclass(frozen=True)
class Things:
    """Names and ids of one customer's rows, by the parameter of a route that takes them."""

    customer: str
    contract: str
    line: str
    machine: str
    incident: str
    decision: str
    finding: str
    letter: str
    person: str
    token: str
    schedule: str
    house_site: str
    cover: str
    off: str
    detachment: str
    shift: str
    reservation: str
    door: str
    notice: str
    handover: str
    companion: str
    help: str
    relation: str
    attachment: str
    entry: str
    escalation: str
    proposal: str
    gap: str
    promise: str
    calendar: str
    window: str
    consent: str
    enrolment: str
    code: str
    credential: str
    event: str = "FE-1"
    model: str = "M-1"
    subject: str = "storage"
    mapping: str = "hall"
    session: str = "0123456789abcdef"
    kind: str = "visits"

    def fill(self, path: str) -> str:
        """`path` with these names in place of its parameters."""
        return path.format(**{name: getattr(self, name) for name in self.__dataclass_fields__})


def furnish(session: Session, cast: Cast, whose: str) -> Things:
    """Write the rows of one customer, "plant" or "joinery"."""
    canary, now = CANARY[whose], cast.now
    customer_id, machine_id = getattr(cast, whose), getattr(cast, f"{whose}_machine")
    contract_id = getattr(cast, f"{whose}_contract")
    owned = {"customer_id": customer_id}
    session.get_one(Customer, customer_id).name = f"{whose} {canary}"
    session.get_one(Machine, machine_id).title = canary
    for site in session.scalars(select(Site).where(Site.customer_id == customer_id)):
        site.name = canary
    contact = session.get_one(Person, {"plant": cast.ada, "joinery": cast.cy}[whose])
    contact.name = canary
    tier = {"plant": Tier.PLATINUM, "joinery": Tier.BRONZE}[whose]
    terms = ContractTerms(
        **owned, contract_id=contract_id, version=1, effective_at=now - timedelta(days=60),
        body=DEFAULTS[tier].to_json(), author=canary, reason=canary, created_at=now,
    )  # fmt: skip
    proposal = TermsProposal(
        **owned, contract_id=contract_id, changes={"grace_days": 0}, reason=canary, author=canary, author_key="key:x",
        needs=[], created_at=now,
    )  # fmt: skip
    decision = DecisionRow(
        **owned, contract_id=contract_id, machine_id=machine_id, ask="detection", severity=2, asked_at=now,
        outcome="granted", rule="detection.detect", reason=canary, remedy=canary,
    )  # fmt: skip
    gap = CoverageGap(**owned, machine_id=machine_id, kind="unheard", since=now, found_at=now)
    window = MaintenanceWindow(**owned, machine_id=machine_id, title=canary, starts_at=now - timedelta(hours=3),
                               ends_at=now - timedelta(hours=2), made_by=canary, created_at=now)  # fmt: skip
    consent = DiagnosticConsent(**owned, machine_id=machine_id, given_by=canary, given_at=now,
                                until_at=now + timedelta(days=1))  # fmt: skip
    session.add_all([terms, proposal, decision, gap, window, consent])
    session.flush()
    asked = intake.Request(severity=2, title=canary, summary=canary, machine_id=machine_id, cause="memory")
    opened = intake.open_by_person(session, customer_id, asked, Actor(contact.id, canary, is_customer=True), now)
    incident = opened.incident
    assert incident is not None
    incident.owner_id, incident.evidence = cast.dee, {"said": canary}
    session.flush()  # the rows below refer to it
    finding = Finding(
        **owned, machine_id=machine_id, cause="memory", kind="anomaly", severity=2, score=9.5, started_at=now,
        opened_at=now, summary=canary, metrics=["memory_used"], evidence={"said": canary}, decision_id=decision.id,
        incident_id=incident.id, created_at=now,
    )  # fmt: skip
    letter = DeadLetter(
        **owned, received_at=now, topic=f"vigie/{canary}/report", machine=canary, reason="json", detail=canary,
        payload=canary.encode(), partition=0, position=len(whose), item=0,
    )  # fmt: skip
    story = {**owned, "incident_id": incident.id, "at": now, "actor": "Dee"}
    session.add_all(
        [
            finding,
            letter,
            TimelineEntry(**story, kind="reply", public=True, text=canary),
            TimelineEntry(**story, kind="note", public=False, text=f"inner {canary}"),
            MachineState(**owned, machine_id=machine_id, latest={canary: 1.0}, facts={"os": canary}),
            DeliveryCount(**owned, machine=canary, hour=now, received=3, scored=2, refused=1),
        ]
    )  # fmt: skip
    key = keys.make(
        session, label=canary, scopes=["incidents:read"], customer_id=customer_id, made_by=None, actor="tests", now=now
    )
    session.flush()
    line = session.scalars(select(ContractLine.id).where(ContractLine.contract_id == contract_id)).one()

    def said(value: uuid.UUID) -> str:
        return str(value)

    return Things(
        customer=said(customer_id),
        contract=said(contract_id),
        line=said(line),
        machine=said(machine_id),
        incident=said(incident.id),
        window=said(window.id),
        consent=said(consent.id),
        door=_door(session, customer_id, canary, cast),
        notice=said(session.scalars(select(Notice.id).where(Notice.incident_id == incident.id).limit(1)).one()),
        decision=said(decision.id),
        finding=said(finding.id),
        letter=said(letter.id),
        person=said(contact.id),
        token=said(key.row.id),
        proposal=said(proposal.id),
        gap=said(gap.id),
        promise=said(session.scalars(select(Promise.id).where(Promise.incident_id == incident.id)).one()),
        calendar=_calendar(session, customer_id, canary, cast),
        escalation=_escalation(session, customer_id, canary, cast),
        **_duty(session, cast, customer_id, incident.id),
        **_beside(session, cast, customer_id, incident.id, canary),
        **_enrolment(session, cast, customer_id, machine_id, canary),
    )


def _enrolment(
    session: Session, cast: Cast, customer_id: uuid.UUID, machine_id: uuid.UUID, canary: str
) -> dict[str, str]:
    """A code, a machine that waits, a credential, and what was tried in its name."""
    owned, now = {"customer_id": customer_id}, cast.now
    ends, digest = now + timedelta(days=7), hashlib.sha256(canary.encode()).digest()
    rows: dict[str, Identified] = {
        "code": EnrolmentCode(**owned, label=canary, code_hash=digest, code_end="abcd", most_uses=2, made_by=canary,
                              created_at=now, expires_at=ends),
        "enrolment": Enrolment(**owned, name=f"waits-{digest.hex()[:8]}", title=canary, wants="secret", state="pending",
                               facts={"os": canary}, address=canary, ticket_hash=digest, asked_at=now, until=ends),
        "credential": MachineCredential(**owned, machine_id=machine_id, label="seen", password_hash="$7$1$AA==$AA==",
                                        created_at=now),
        "attempt": SecurityEvent(**owned, kind="wrong_credential", username=canary, detail=canary, door="mqtt",
                                 slot=now, first_at=now, last_at=now, count=3, machine_id=machine_id),
    }  # fmt: skip
    session.add_all(rows.values())
    session.flush()  # the ids below are theirs
    return {name: str(rows[name].id) for name in ("code", "enrolment", "credential")}


def _beside(session: Session, cast: Cast, customer_id: uuid.UUID, incident: uuid.UUID, canary: str) -> dict[str, str]:
    """What hangs on an incident: a role, help wanted, a relation, a file, a line of its story."""
    owned, now = {"customer_id": customer_id, "incident_id": incident}, cast.now
    rows: dict[str, Identified] = {
        "companion": Companion(**owned, person_id=cast.max, role="scribe", asked_by=canary, why=canary, asked_at=now),
        "help": HelpWanted(**owned, subject=canary, words=canary, asked_by=canary, asked_at=now),
        "relation": IncidentRelation(**owned, kind="change", ref=canary, words=canary, made_by=canary, made_at=now),
        "attachment": Attachment(**owned, name=canary, media_type="text/plain", size=len(canary), by=canary, at=now,
                                 digest=hashlib.sha256(canary.encode()).hexdigest(), public=True),
        "entry": TimelineEntry(**owned, at=now, kind="reply", actor=canary, person_id=cast.dee, public=True,
                               text=canary),
        "severity": SeverityChange(**owned, was=2, wanted=1, reason=canary, by=canary, at=now),
        "cause": IncidentCause(**owned, cause=canary, since=now),
    }  # fmt: skip
    session.add_all(rows.values())
    session.flush()  # their ids are named
    return {name: str(row.id) for name, row in rows.items() if name not in ("severity", "cause")}


def _duty(session: Session, cast: Cast, customer_id: uuid.UUID, incident: uuid.UUID) -> dict[str, str]:
    """Rows of the desk's own that routes name; only the detachment belongs to a customer."""
    now, hour = cast.now, timedelta(hours=1)
    layer = {"people": [str(cast.dee)], "first_day": "2026-03-02", "days": 7, "handover": "09:00"}
    schedule = DutySchedule(name=str(customer_id), unit="asia-pacific", zone="UTC", layers=[layer], changed_at=now)
    off = TimeOff(person_id=cast.max, kind="absent", starts_at=now, ends_at=now + hour)
    detachment = Detachment(
        customer_id=customer_id, person_id=cast.max, starts_at=now - hour, ends_at=now, reason="done"
    )
    handover = Handover(customer_id=customer_id, incident_id=incident, giver_id=cast.dee, taker_id=cast.eve,
                        note={"state": CANARY["plant" if customer_id == cast.plant else "joinery"]},
                        offered_at=now, answer_by=now + hour)  # fmt: skip
    house_site = HouseSite(name=str(customer_id), unit="asia-pacific", size="small", changed_at=now)
    shift = Shift(person_id=cast.max, unit="asia-pacific", starts_at=now, ends_at=now + hour)
    reservation = Reservation(person_id=cast.eve, customer_id=customer_id, mode="phone", places=1, starts_at=now,
                              ends_at=now + hour)  # fmt: skip
    session.add_all([schedule, house_site, off, detachment, handover, shift, reservation])
    session.flush()  # the cover refers to the schedule
    cover = Cover(schedule_id=schedule.id, for_id=cast.dee, starts_at=now, ends_at=now + hour, asked_at=now)
    session.add(cover)
    session.flush()
    rows: dict[str, Identified] = {"schedule": schedule, "house_site": house_site,
                                     "cover": cover, "off": off, "detachment": detachment,
                                     "handover": handover, "shift": shift, "reservation": reservation}  # fmt: skip
    return {name: str(row.id) for name, row in rows.items()}


def _calendar(session: Session, customer_id: uuid.UUID, canary: str, cast: Cast) -> str:
    """A calendar of this customer alone."""
    draft = Draft({"tz": "Europe/Paris", "weekly": {"mon": [["09:00", "17:00"]]}}, cast.now.date(), canary)
    name = f"hours-{customer_id}"
    return str(calendars.add(session, name, canary, draft, "Dee", cast.now, customer_id).id)


def _door(session: Session, customer_id: uuid.UUID, canary: str, cast: Cast) -> str:
    """A door for alerts, with one alert and one change that came through it."""
    owned = {"customer_id": customer_id}
    door = InboundDoor(**owned, name=canary, kind="hook", token_hash=canary.encode(), token_end="door", made_by=canary,
                       settings={"mapping": {"key": canary}}, created_at=cast.now)  # fmt: skip
    session.add(door)
    session.flush()
    said = {"summary": canary, "facts": {"said": canary}}
    alert = InboundAlert(**owned, **said, door_id=door.id, key=canary, sender_keys=[canary], state="triggered",
                         severity=3, title=canary, first_at=cast.now, last_at=cast.now)  # fmt: skip
    change = InboundChange(**owned, **said, door_id=door.id, digest=b"d", at=cast.now, received_at=cast.now)
    session.add_all([alert, change])
    return str(door.id)


def _escalation(session: Session, customer_id: uuid.UUID, canary: str, cast: Cast) -> str:
    row = Escalation(
        customer_id=customer_id,
        reason="risk",
        words=canary,
        asked_by=canary,
        asked_at=cast.now,
        next_word_at=cast.now,
        owner_id=cast.max,
        history=[{"at": cast.now.isoformat(), "who": canary, "trend": "new", "words": canary, "next_word_at": None}],
    )
    session.add(row)
    session.flush()
    return str(row.id)
