"""Everything the incident page and the pane beside the queue show of one incident. A fixed number of queries."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo

from markupsafe import Markup
from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from app import words
from app.charts import Window
from app.pages import beside, changed
from app.pages.agreed import five_lines, promise_view
from app.pages.evidence import (
    ChartView,
    MetricView,
    Track,
    around,
    bounds_of,
    chart_data,
    charts_of,
    continued,
    metrics_of,
    window_of,
)
from app.pages.foretold import with_later
from app.pages.handed import HandedView, handed
from app.pages.history import named, telling, tracks_of
from app.pages.meaning import Meaning, in_local_hours, meaning, model_words
from app.pages.promises import ChipView, PromiseView, chip_of, next_owed, reply_effect, shown
from app.pages.queue import FirstView, PersonView, knew_first
from app.pages.staying import TurnView, ending, on_duty
from app.pages.story import StoryEntry, last_words, tell
from escalation import serving, still_held
from escalation.incident import Act, State, allowed
from escalation.turn_end import Turn
from models.agreements import Contract
from models.customers import Customer, Site
from models.decisions import DecisionRow
from models.duty import TurnEnd
from models.incidents import Incident, Promise, TimelineEntry
from models.machines import Machine
from models.people import Person

LONGEST_STORY = 400


@dataclass(frozen=True, slots=True)
class ActView:
    """Something one may do now."""

    name: str
    word: str
    key: str


@dataclass(frozen=True, slots=True)
class CaseView:
    """One incident, ready to be drawn."""

    id: str
    label: str
    version: int
    severity: int
    title: str
    summary: str
    state: str
    state_words: str
    tier: str
    customer: str
    slug: str
    language: str  # the customer's
    site: str
    machine: str
    demo: bool
    began_at: datetime
    opened_at: datetime
    first: FirstView
    chip: ChipView
    below: str
    acts: Sequence[ActView]
    thumb: Sequence[ActView]
    can_act: bool
    handed: HandedView | None
    turn: TurnView | None  # the reader's own ends, and nothing is said of it
    standing: Turn | None  # the reader's own turn, whatever they hold
    served: str  # how the customer is served: "in writing"
    story: Sequence[StoryEntry]
    last_words: Sequence[StoryEntry]
    people: Sequence[tuple[PersonView, str]]
    contacts: str
    promises: Sequence[PromiseView]
    reply_effect: str
    contract: Contract | None
    five: Sequence[tuple[str, str]]
    decision: DecisionRow | None
    notices: Sequence[beside.NoticeView]
    next_rung: str
    before: Sequence[beside.BeforeView]
    charts: Sequence[ChartView]
    chart_data: Markup | None
    metrics: Sequence[MetricView]
    meant: Meaning
    digest: str
    model: str
    verdict: str | None  # None where no alarm is to be judged


_ACTS: Mapping[Act, ActView] = {
    Act.ACKNOWLEDGE: ActView("acknowledge", "Acknowledge", "a"),
    Act.CLAIM: ActView("claim", "Claim", "c"),
    Act.RESUME: ActView("resume", "Go on", "w"),
    Act.WAIT: ActView("wait", "Wait", "w"),
    Act.SECOND: ActView("second", "Call a second", "s"),
    Act.ESCALATE: ActView("escalate", "Escalate", "e"),
    Act.RESOLVE: ActView("resolve", "Resolve", "x"),
    Act.REOPEN: ActView("reopen", "Reopen", "o"),
    Act.CLOSE: ActView("close", "Close", ""),
    Act.REPLY: ActView("reply", "Reply", "r"),
}


@dataclass(slots=True)
class _Found:
    """The rows one incident is told from."""

    incident: Incident
    customer: Customer
    machine: Machine | None
    site: Site | None
    owner: Person | None
    second: Person | None
    contract: Contract | None
    decision: DecisionRow | None
    stays_until: datetime | None  # its owner, after their turn and on their word
    promises: list[Promise] = field(default_factory=list)
    story: list[TimelineEntry] = field(default_factory=list)
    passed: list[TimelineEntry] = field(default_factory=list)  # of the story, however long: in whose hands it was


def find(session: Session, label: str) -> _Found | None:
    """The incident people call `label` ("VG-1001") with its neighbours; None when there is none in this reach."""
    number = label.upper().removeprefix("VG-")
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        return None
    owner, second = aliased(Person), aliased(Person)
    said = (TurnEnd.incident_id == Incident.id, TurnEnd.person_id == Incident.owner_id)
    stays = select(func.max(TurnEnd.stays_until)).where(*said).scalar_subquery()
    row = session.execute(
        select(Incident, Customer, Machine, Site, owner, second, Contract, DecisionRow, stays)
        .join(Customer, Customer.id == Incident.customer_id)
        .outerjoin(Machine, Machine.id == Incident.machine_id)
        .outerjoin(Site, Site.id == Machine.site_id)
        .outerjoin(owner, owner.id == Incident.owner_id)
        .outerjoin(second, second.id == Incident.second_id)
        .outerjoin(Contract, Contract.id == Incident.contract_id)
        .outerjoin(DecisionRow, DecisionRow.id == Incident.decision_id)
        .where(Incident.number == int(number))
    ).one_or_none()
    if row is None:
        return None
    found = _Found(*row)
    incident_id = found.incident.id
    owed = select(Promise).where(Promise.incident_id == incident_id).order_by(Promise.started_at)
    found.promises = list(session.scalars(owed))
    told = select(TimelineEntry).where(TimelineEntry.incident_id == incident_id)
    found.story = list(session.scalars(told.order_by(TimelineEntry.at.desc()).limit(LONGEST_STORY)))
    found.passed = beside.passed_on(session, incident_id, found.story, LONGEST_STORY)
    return found


def read_case(
    session: Session, label: str, now: datetime, zone: tzinfo, *, reader: uuid.UUID | None = None, brief: bool = False
) -> CaseView | None:
    """The whole page, or (brief) only what the pane beside the queue shows."""
    found = find(session, label)
    if found is None:
        return None
    incident = found.incident
    # One look at the turns says who is on duty, how the reader stands, and whether it leaves with their turn.
    theirs = {found.incident.owner_id, found.incident.second_id, reader} - {None}
    turns = still_held.turns_of(session, [one for one in theirs if one is not None], now)
    contacts = beside.contacts(session, found.customer.id)
    story = tell(found.story, now, zone, frozenset(contacts))
    evidence = with_later(session, incident)
    window = window_of(evidence, incident.began_at, incident.condition_ended_at or incident.resolved_at, now)
    window = replace(window, changes=changed.marks(session, found.machine, window.start, window.end))
    metrics = metrics_of(evidence) or around(telling(session, found.machine), named)
    wanted = [metric.name for metric in metrics[: 2 if brief else 6]]
    tracks = continued(evidence, _reported(session, found.machine, wanted, window))
    charts = charts_of(metrics, tracks, window, zone, now, height=92 if brief else 104)
    chip, below = chip_of(next_owed(found.promises), now, zone)
    machine = found.machine.name if found.machine else ""
    acts = _acts(incident, now)
    return CaseView(
        id=str(incident.id),
        label=incident.label,
        version=incident.version,
        severity=incident.severity,
        title=incident.title,
        summary=in_local_hours(incident.summary, evidence, zone),
        state=incident.state,
        state_words=_state_words(incident, now, zone),
        tier=incident.tier,
        customer=found.customer.name,
        slug=found.customer.slug,
        language=found.customer.language,
        site=found.site.name if found.site else "",
        machine=machine,
        demo=incident.demo or found.customer.demo,
        began_at=incident.began_at,
        opened_at=incident.opened_at,
        first=knew_first(incident, now, zone),
        chip=chip,
        below=below,
        acts=acts,
        thumb=_by_hand(acts),
        can_act=True,
        handed=handed(found.passed, incident.is_open, now, zone),
        served=serving.WORDS[serving.mode(incident)],
        story=story,
        last_words=last_words(story),
        turn=_turn(found, turns, reader, now, zone),
        standing=turns.get(reader) if reader is not None else None,
        people=beside.people(
            incident, found.owner, found.second, on_duty(turns, now), now, zone, found.passed, found.stays_until
        ),
        contacts=words.listed(sorted(contacts.values())),
        promises=[promise_view(promise, now, zone, found.customer.language) for promise in shown(found.promises)],
        reply_effect=reply_effect(found.promises, incident, now, zone),
        contract=found.contract,
        five=[]
        if brief
        else five_lines(incident.terms, found.contract, incident.severity, incident.opened_at, zone, now),
        decision=found.decision,
        notices=[] if brief else beside.notices(session, incident.id, now, zone),
        next_rung=beside.next_rung(incident, now, zone),
        before=[] if brief else beside.before(session, incident, zone),
        charts=charts,
        chart_data=chart_data(charts, tracks, bounds_of(metrics, tracks), window) if charts and not brief else None,
        metrics=metrics,
        meant=meaning(incident.cause, evidence, machine, found.customer.language, zone, now),
        digest=incident.evidence_digest,
        model=model_words(evidence),
        verdict="" if brief else beside.verdict(session, incident.id),
    )


def _reported(session: Session, machine: Machine | None, wanted: Sequence[str], window: Window) -> dict[str, Track]:
    return tracks_of(session, machine.id, window.start, window.end, wanted) if machine is not None and wanted else {}


def _turn(
    found: _Found, turns: Mapping[uuid.UUID, Turn], reader: uuid.UUID | None, now: datetime, zone: tzinfo
) -> TurnView | None:
    """What is asked of the reader at the end of their turn, where it is theirs and nobody is asked to take it."""
    incident, offer = found.incident, handed(found.passed, found.incident.is_open, now, zone)
    if reader is None or incident.owner_id != reader or (offer is not None and offer.waits):
        return None
    taken_at = beside.has_since(incident, found.passed)
    return ending(incident, found.promises, turns.get(reader), taken_at, found.stays_until, now, zone)


def _acts(incident: Incident, now: datetime) -> list[ActView]:
    closed_for = now - incident.closed_at if incident.closed_at else None
    may = set(allowed(State(incident.state), closed_for))
    if incident.state == "waiting":
        may.discard(Act.WAIT)
    if incident.owner_id is not None and incident.state in ("working", "waiting"):
        may.discard(Act.CLAIM)
    if incident.second_id is not None:
        may.discard(Act.SECOND)
    return [act for key, act in _ACTS.items() if key in may]


def _by_hand(acts: Sequence[ActView]) -> list[ActView]:
    """Four acts for a thumb or a narrow pane, the likeliest first: see it, then answer it."""
    likely = ("acknowledge", "reply", "claim", "resume", "wait", "resolve", "reopen", "close", "escalate")
    known = {act.name: act for act in acts}
    return [known[name] for name in likely if name in known][:4]


def _state_words(incident: Incident, now: datetime, zone: tzinfo) -> str:
    if incident.state == "waiting":
        return f"waiting for the {incident.waiting_for}"
    if incident.state == "resolved" and incident.resolved_at:
        return f"resolved {words.hour(incident.resolved_at, zone, now)}"
    if incident.state == "closed" and incident.closed_at:
        return f"closed {words.hour(incident.closed_at, zone, now)}"
    return incident.state
