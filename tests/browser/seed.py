"""A believable night on the watch floor, as rows: every tier, every state, one late, one resting, one told us."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import demo, passwords
from contracts.tiers import DEFAULTS, Tier
from escalation import promises
from escalation.announce import announce
from models.agreements import Contract
from models.base import new_id
from models.decisions import DecisionRow
from models.incidents import Finding, Incident, Promise, TimelineEntry
from models.machines import Machine, MachineState
from models.notices import Notice
from models.people import Person, Shift
from tests.browser import night
from tests.browser.readings import Trouble, reported, series

PASSWORD = "a-lamp-in-the-crow-s-nest"


@dataclass(frozen=True)
class Night:
    """Who is on watch, and what stands on the floor."""

    dee: uuid.UUID
    email: str
    labels: tuple[str, ...]


TROUBLES = (
    Trouble("disk_used_pct./var", "/var in use", "%", 57.5, 62.8, "/var will be full in about 6 h", 1, 37, 11, "update",
            "working", "dee", "eve", told_us=6),
    Trouble("temp_c.cpu", "Temperature (cpu)", "°C", 47.0, 71.5, "Fan 2 stopped; processor 24 °C too warm", 2, 62, 34,
            "update", "working", "dee"),
    Trouble("net_drops_s.eth0", "Packets dropped", "/s", 0.2, 41.0, "One packet in forty is dropped", 2, 95, 110,
            "update", "waiting", "dee", "eve", waiting="vendor"),
    Trouble("mem_used_pct", "Memory in use", "%", 48.0, 93.0, "Memory in use unusually high", 1, 71, -6, "update",
            "working", "eve", "dee"),
    Trouble("disk_busy_pct", "Disk busy", "%", 12.0, 96.0, "Disk busy unusually high", 2, 8, 52, "respond"),
    Trouble("smart_reallocated.sda", "Reallocated sectors (sda)", "", 8.0, 61.0, "Disk sda collects bad sectors", 3, 31,
            205, "respond"),
    Trouble("latency_ms", "Response time", "ms", 31.0, 2400.0, "Sequencer storage answers in 2.4 s, not 30 ms", 1, 14,
            9, "respond", channel="phone", told_us=14),
    Trouble("cpu_util", "Processor load", "%", 35.0, 98.0, "Processor load unusually high", 2, 118, 24, "update",
            "working", "eve"),
)  # fmt: skip


# What moves with the first metric, so that a chart is not alone.
COMPANIONS = (
    Trouble("disk_write_mb_s", "Disk writes", "MB/s", 18.0, 53.0, ""),
    Trouble("load_5", "Load average (5 min)", "", 2.1, 4.4, ""),
)


def settle_night(session: Session, now: datetime) -> Night:
    """Bring the demo's customers and this night's rows into an empty database. Needs a scope that sees everything."""
    demo.install(session, now - timedelta(days=1), night.HOST, {})
    people = _people(session, now)
    _states(session, now)
    chosen = _machines_of(session, Tier.PLATINUM)
    labels = [
        _trouble(session, trouble, machine, people, now) for trouble, machine in zip(TROUBLES, chosen, strict=False)
    ]
    reported(session, chosen[0], now)
    night.shadow(session, now)
    night.decided(session, now)
    night.platform(session, now)
    return Night(people["dee"].id, people["dee"].email, tuple(labels))


def _people(session: Session, now: datetime) -> dict[str, Person]:
    made = {}
    for key, name in (("dee", "Dee Marchetti"), ("eve", "Eve Okafor"), ("max", "Max Lindqvist")):
        made[key] = Person(
            id=new_id(), name=name, email=f"{key}@vigie.example", role="manager" if key == "max" else "engineer",
            level="senior", zone="Europe/Paris", notify=[{"channel": "email", "address": f"{key}@vigie.example"}],
            password_hash=passwords.hashed(PASSWORD) if key != "eve" else None, created_at=now,
        )  # fmt: skip
        session.add(made[key])
    session.flush()  # shifts and incidents refer to people
    for key in ("dee", "eve"):
        session.add(
            Shift(
                person_id=made[key].id,
                unit="europe",
                starts_at=now - timedelta(hours=3),
                ends_at=now + timedelta(hours=5),
            )
        )
    return made


def _machines_of(session: Session, tier: Tier) -> list[Machine]:
    """One machine of each customer in turn, so that the floor shows many names."""
    rows = session.scalars(
        select(Machine)
        .join(Contract, Contract.customer_id == Machine.customer_id)
        .where(Contract.tier == tier.value, Contract.ends_on > datetime.now().astimezone().date())
        .order_by(Machine.name)
    ).all()
    by_customer: dict[uuid.UUID, list[Machine]] = {}
    for machine in rows:
        by_customer.setdefault(machine.customer_id, []).append(machine)
    turns = list(by_customer.values())
    return [turn[place] for place in range(12) for turn in turns if place < len(turn)]


def _states(session: Session, now: datetime) -> None:
    telemetry = {"bronze": "collect", "silver": "watch", "gold": "shadow", "platinum": "detect"}
    tiers = {c.customer_id: (c.tier, c.ends_on) for c in session.scalars(select(Contract))}
    for place, machine in enumerate(session.scalars(select(Machine).order_by(Machine.name))):
        tier, ends = tiers[machine.customer_id]
        expired = ends is not None and ends < now.date()
        silent = place % 17 == 5
        session.add(
            MachineState(
                machine_id=machine.id,
                customer_id=machine.customer_id,
                last_at=now - timedelta(seconds=4),
                last_received_at=now - (timedelta(minutes=53) if silent else timedelta(seconds=place % 10)),
                last_seq=88_000 + place,
                cadence_s=10.0,
                skew_s=0.4 if place % 3 else 0.0,
                speaking="silent" if silent else "speaking",
                since=now - timedelta(hours=5),
                health="deviates" if place % 11 == 2 else "healthy",
                said="online",
                telemetry="refused" if expired else telemetry[tier],
                latest={"cpu_util": 31.0, "mem_used_pct": 48.0, "temp_c.cpu": 47.0, "disk_used_pct./var": 57.5},
                facts={"os": "Debian GNU/Linux 13", "kernel": "6.12.48", "model": "Corvid R740"},
            )
        )


def _trouble(session: Session, trouble: Trouble, machine: Machine, people: dict[str, Person], now: datetime) -> str:
    contract = session.scalars(select(Contract).where(Contract.customer_id == machine.customer_id)).one()
    opened = now - timedelta(minutes=trouble.ago)
    spread = abs(trouble.now - trouble.usual) * 0.12
    seen = [trouble, *(replace(one, ago=trouble.ago) for one in COMPANIONS[: 2 if trouble.severity == 1 else 1])]
    evidence = {
        "since_ms": int((opened - timedelta(minutes=11)).timestamp() * 1000),
        "threshold": 4.0,
        "model": "9c1f04ae55d0",
        "metrics": [{"metric": one.metric, "label": one.label, "unit": one.unit, "observed": one.now,
                     "low": round(one.usual - abs(one.now - one.usual) * 0.12, 2),
                     "high": round(one.usual + abs(one.now - one.usual) * 0.12, 2)} for one in seen],
        "series": [series(one, now) for one in seen],
    }  # fmt: skip
    answer = DecisionRow(
        id=new_id(), customer_id=machine.customer_id, contract_id=contract.id, machine_id=machine.id, ask="detection",
        severity=trouble.severity, asked_at=opened, outcome="granted", rule="detection.open",
        reason="Platinum includes detection: what it finds opens an incident.",
    )  # fmt: skip
    session.add(answer)
    session.flush()  # the incident refers to the decision
    owner, second = people.get(trouble.owner), people.get(trouble.second)
    summary = (
        f"{trouble.label} {trouble.now:g} {trouble.unit}, {trouble.usual - spread:.3g} to "
        f"{trouble.usual + spread:.3g} expected, since {opened - timedelta(minutes=11):%H:%M}."
    )
    incident = Incident(
        id=new_id(), customer_id=machine.customer_id, machine_id=machine.id, contract_id=contract.id,
        decision_id=answer.id, tier=contract.tier, cause=trouble.metric, channel=trouble.channel,
        severity=trouble.severity, state=trouble.state, waiting_for=trouble.waiting, title=trouble.title,
        summary=summary, began_at=opened - timedelta(minutes=11), opened_at=opened,
        acknowledged_at=opened + timedelta(minutes=2) if owner else None,
        customer_told_us_at=now - timedelta(minutes=trouble.told_us) if trouble.told_us else None,
        told_customer_at=opened + timedelta(minutes=4) if owner else None,
        owner_id=owner.id if owner else None, second_id=second.id if second else None,
        terms=promises.freeze(DEFAULTS[Tier(contract.tier)], contract.zone, contract.country),
        rung=0, evidence=evidence,
        next_rung_at=None if owner else now + timedelta(minutes=3),
        evidence_digest=hashlib.sha256(trouble.title.encode()).hexdigest(), demo=True, changed_at=opened,
    )  # fmt: skip
    session.add(incident)
    session.flush()  # promises and the story refer to it
    _promise(session, incident, trouble, now)
    _story(session, incident, trouble, owner, second, now)
    _notice(session, incident, owner or people["dee"], now)
    session.add(
        Finding(
            customer_id=machine.customer_id, machine_id=machine.id, cause=trouble.metric, kind="anomaly",
            severity=trouble.severity, score=7.2, started_at=opened - timedelta(minutes=11), opened_at=opened,
            summary=summary, metrics=[trouble.metric], evidence={}, incident_id=incident.id, decision_id=answer.id,
            created_at=opened,
        )
    )  # fmt: skip
    return incident.label


def _promise(session: Session, incident: Incident, trouble: Trouble, now: datetime) -> None:
    calendar = {"tz": "Europe/Paris", "always_open": True}
    due = now + timedelta(minutes=trouble.due)
    paused = trouble.state == "waiting"
    pause = {"from": (now - timedelta(minutes=9)).isoformat(), "to": None, "reason": "vendor"}
    started = incident.opened_at if trouble.kind == "respond" else min(now, due) - timedelta(minutes=19)
    session.add(
        Promise(
            customer_id=incident.customer_id, incident_id=incident.id, kind=trouble.kind,
            state="paused" if paused else "breached" if trouble.due < 0 else "running", started_at=started,
            due_at=None if paused else due, breached_at=due if trouble.due < 0 else None,
            budget={"seconds": int((due - started).total_seconds())}, calendar=calendar,
            pauses=[pause] if paused else [],
        )
    )  # fmt: skip
    if trouble.kind == "update":
        session.add(
            Promise(
                customer_id=incident.customer_id, incident_id=incident.id, kind="respond", state="met",
                started_at=incident.opened_at, due_at=incident.opened_at + timedelta(minutes=15),
                met_at=incident.opened_at + timedelta(minutes=4), budget={"seconds": 900}, calendar=calendar, pauses=[],
            )
        )  # fmt: skip


def _story(
    session: Session, incident: Incident, trouble: Trouble, owner: Person | None, second: Person | None, now: datetime
) -> None:
    def told(minutes: float, kind: str, actor: str, text: str, public: bool = False, by: Person | None = None) -> None:
        session.add(
            TimelineEntry(
                customer_id=incident.customer_id, incident_id=incident.id, public=public, actor=actor, kind=kind,
                at=min(incident.opened_at + timedelta(minutes=minutes), now - timedelta(seconds=30)), text=text,
                person_id=by.id if by else None,
            )
        )  # fmt: skip

    told(0, "opened", "Vigie", "Platinum includes detection: what it finds opens an incident.", public=True)
    if owner is None:
        return
    told(2, "acknowledged", owner.name, "")
    told(4, "reply", owner.name, "We see it too and are on the machine now; the next word comes within half an hour.",
         public=True)  # fmt: skip
    if second is not None:
        told(7, "second", second.name, f"{second.name} reads along.")
    told(
        9,
        "note",
        owner.name,
        "Archive host answers ping, refuses NFS since 01:38. Export list is empty after a reboot.",
    )
    if trouble.told_us:
        bo = session.scalars(select(Person).where(Person.customer_id == incident.customer_id).limit(1)).one()
        told(trouble.ago - trouble.told_us, "reply", bo.name,
             "Our own alarm rang only now. You were right. I am in the machine room.", True, bo)  # fmt: skip
    if trouble.state == "waiting":
        told(
            trouble.ago - 9,
            "waiting",
            owner.name,
            "Waiting for the vendor: firmware 4.1.8 is promised for tonight.",
            True,
        )


def _notice(session: Session, incident: Incident, person: Person, now: datetime) -> None:
    delivered = incident.acknowledged_at is not None
    session.add(
        Notice(
            customer_id=incident.customer_id, incident_id=incident.id, rung=0, person_id=person.id, channel="email",
            address=person.email, subject=incident.title, body={}, why="on duty", created_at=incident.opened_at,
            due_at=incident.opened_at, next_try_at=now + timedelta(minutes=1), tries=1,
            settled_at=incident.opened_at + timedelta(seconds=2) if delivered else None,
            last_error="" if delivered else "connection refused",
        )
    )  # fmt: skip


def open_one_more(session: Session, now: datetime, title: str = "A newcomer: swap fills") -> str:
    """One more incident on a machine that had none, announced as the desk announces it."""
    taken = select(Incident.machine_id).where(Incident.machine_id.is_not(None))
    machine = session.scalars(
        select(Machine).where(Machine.id.not_in(taken)).order_by(Machine.name.desc()).limit(1)
    ).one()
    incident = Incident(
        id=new_id(), customer_id=machine.customer_id, machine_id=machine.id, tier="platinum", cause="swap", severity=1,
        title=title, summary="Swap in use 71 %, 0 to 4 expected", began_at=now - timedelta(minutes=2), opened_at=now,
        changed_at=now,
    )  # fmt: skip
    session.add(incident)
    session.flush()  # the promise refers to it
    session.add(
        Promise(
            customer_id=machine.customer_id, incident_id=incident.id, kind="respond", started_at=now, state="running",
            due_at=now + timedelta(minutes=2), budget={"seconds": 120}, pauses=[],
            calendar={"tz": "UTC", "always_open": True},
        )
    )  # fmt: skip
    announce(session, incident)
    return incident.label
