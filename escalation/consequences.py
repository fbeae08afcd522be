"""What a change of contract does to the promises that run: said before it is done, and then done just so.

A promise keeps the terms it was given. An upgrade counts from its instant beside it and the earlier of the two holds,
so it never makes a promise worse; a downgrade, a suspension, an expiry or a cancellation moves nothing, unless the
terms of the incident say that clocks are cut off with the contract.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import calendars, promising
from contracts.explain_words import WHAT, instant
from contracts.promising import Leg
from contracts.terms import Terms
from escalation import promises, story
from escalation.incident import VIGIE, Actor
from models import audit
from models.agreements import Contract
from models.incidents import OPEN_STATES, Incident, Promise

Change = Literal["upgrade", "downgrade", "suspension", "expiry", "cancellation"]
CHANGES: Sequence[Change] = ("upgrade", "downgrade", "suspension", "expiry", "cancellation")
_ENDS = ("suspension", "expiry", "cancellation")
# Why nothing moves: the rule behind the answer.
Rule = Literal["earlier", "kept", "cutoff"]


@dataclass(frozen=True, slots=True)
class Effect:
    """What becomes of one running promise: both instants, and by which rule."""

    promise_id: uuid.UUID
    incident_id: uuid.UUID
    label: str
    kind: str
    party: str
    before: datetime | None
    after: datetime | None
    rule: Rule

    @property
    def moves(self) -> bool:
        return self.rule == "cutoff" or self.before != self.after


@dataclass(frozen=True, slots=True)
class Forecast:
    """Every running promise of a contract and what a change would make of it, with a sentence in each language."""

    change: Change
    at: datetime
    effects: tuple[Effect, ...]

    @property
    def moved(self) -> tuple[Effect, ...]:
        return tuple(effect for effect in self.effects if effect.moves)

    def words(self, language: str, zone: str) -> list[str]:
        """One sentence on the whole, and one for each promise that would move."""
        said = _SAID["fr" if language == "fr" else "en"]
        key = "none" if not self.effects else _count(len(self.moved))
        head = said[key].format(moved=len(self.moved), all=len(self.effects))
        return [head, *(_line(effect, language, zone) for effect in self.moved)]


_SAID = {
    "en": {
        "none": "No promise runs under this contract, so none would move.",
        "kept": "None of the {all} running promises would move: each keeps the terms it was given.",
        "one": "1 promise of {all} would move:",
        "many": "{moved} promises of {all} would move:",
        "earlier": "{label}: {what} would be due by {after} instead of {before}.",
        "waiting": "{label}: {what} would count by the better terms as soon as its wait ends.",
        "cutoff": "{label}: {what}, due by {before}, would end with the contract.",
        "cutoff.waiting": "{label}: {what} would end with the contract.",
    },
    "fr": {
        "none": "Aucune promesse ne court sous ce contrat : rien ne changerait.",
        "kept": "Aucune des {all} promesses en cours ne changerait : chacune garde les conditions reçues.",
        "one": "1 promesse sur {all} changerait :",
        "many": "{moved} promesses sur {all} changeraient :",
        "earlier": "{label} : {what} aurait pour échéance le {after} au lieu du {before}.",
        "waiting": "{label} : {what} suivrait les meilleures conditions dès la fin de l'attente.",
        "cutoff": "{label} : {what}, avec pour échéance le {before}, prendrait fin avec le contrat.",
        "cutoff.waiting": "{label} : {what} prendrait fin avec le contrat.",
    },
}


def _count(moved: int) -> str:
    return {0: "kept", 1: "one"}.get(moved, "many")


def _line(effect: Effect, language: str, zone: str) -> str:
    spoken = "fr" if language == "fr" else "en"
    key: str = effect.rule
    if effect.before is None:
        key = "cutoff.waiting" if effect.rule == "cutoff" else "waiting"
    return _SAID[spoken][key].format(
        label=effect.label,
        what=WHAT[spoken].get(effect.kind, effect.kind),
        before=instant(effect.before, zone, spoken) if effect.before else "",
        after=instant(effect.after, zone, spoken) if effect.after else "",
    )


def forecast(
    session: Session, contract: Contract, change: Change, at: datetime, terms: Terms | None = None
) -> Forecast:
    """What a change at an instant would do to the promises that run; nothing is written.

    `terms`: the new ones, for an upgrade. Raises ValueError without them.
    """
    if change == "upgrade" and terms is None:
        raise ValueError("terms: an upgrade needs the terms it leads to")
    if terms is not None:
        terms = calendars.found_or_usual(session, terms, at)  # as an ask at that instant would be answered
    pairs = _running(session, contract.id)
    return Forecast(change, at, tuple(_effect(incident, promise, change, at, terms) for incident, promise in pairs))


def _running(session: Session, contract_id: uuid.UUID) -> list[tuple[Incident, Promise]]:
    rows = session.execute(
        select(Incident, Promise)
        .join(Promise, Promise.incident_id == Incident.id)
        .where(
            Incident.contract_id == contract_id,
            Incident.state.in_(OPEN_STATES),
            Promise.state.in_(promises.LIVE),
            Promise.party != "vendor",  # the vendor's contract is another one
        )
        .order_by(Promise.due_at.nulls_last(), Incident.number, Promise.id)
    )
    return [(incident, promise) for incident, promise in rows]


def _effect(incident: Incident, promise: Promise, change: Change, at: datetime, terms: Terms | None) -> Effect:
    before = promise.due_at
    after, rule = before, "kept"
    if change == "upgrade" and terms is not None:
        leg = _leg(incident, promise, at, terms)
        if leg is not None:
            better = leg.due(promises.pauses(promise)) if promise.state == "running" else None
            if promise.state == "paused":
                rule = "earlier" if _is_shorter(promise, leg, at) else "kept"
                return _made(incident, promise, None, at if rule == "earlier" else None, rule)
            if before is not None and before >= at and better is not None and better < before:
                after, rule = better, "earlier"
    elif change in _ENDS and promises.terms_of(incident).clocks.cutoff and (before is None or before >= at):
        after, rule = None, "cutoff"
    return _made(incident, promise, before, after, rule)


def _is_shorter(promise: Promise, leg: Leg, at: datetime) -> bool:
    """Whether the new terms would fall due first if a paused clock ran on from this instant."""
    ended = [{**given, "to": given.get("to") or at.isoformat()} for given in promise.pauses]
    held = tuple(promises.pause_of(given) for given in ended)
    ends = [end for one in promises.legs(promise) if (end := one.due(held)) is not None]
    better = leg.due(held)
    return better is not None and (not ends or better < min(ends))


def _made(incident: Incident, promise: Promise, before: datetime | None, after: datetime | None, rule: str) -> Effect:
    chosen: Rule = "earlier" if rule == "earlier" else "cutoff" if rule == "cutoff" else "kept"
    return Effect(
        promise.id, incident.id, incident.label, promise.kind, promise.party, before, after, chosen
    )  # fmt: skip


def _leg(incident: Incident, promise: Promise, at: datetime, terms: Terms) -> Leg | None:
    spec = promising.spec(terms, promise.kind, incident.severity, at, promises.place_of(incident), promise.party)
    return Leg(spec.started_at, spec.budget, spec.calendar) if spec is not None else None


def carry_out(
    session: Session,
    contract: Contract,
    change: Change,
    at: datetime,
    terms: Terms | None = None,
    *,
    actor: Actor = VIGIE,
) -> Forecast:
    """Do what `forecast` says, each promise under its incident's row, and keep both values in the audit."""
    audit.take_turns(session, contract.customer_id)
    ids = {incident.id for incident, _ in _running(session, contract.id)}
    session.scalars(select(Incident).where(Incident.id.in_(ids)).order_by(Incident.id).with_for_update()).all()
    if terms is not None:
        terms = calendars.found_or_usual(session, terms, at)
    found = forecast(session, contract, change, at, terms)
    for incident, promise in _running(session, contract.id):
        effect = next(one for one in found.effects if one.promise_id == promise.id)
        if effect.moves:
            _do(session, incident, promise, effect, found, terms, actor)
    return found


def _do(
    session: Session, incident: Incident, promise: Promise, effect: Effect, found: Forecast, terms: Terms | None,
    actor: Actor,
) -> None:  # fmt: skip
    if effect.rule == "cutoff":
        promises.call_off(session, promise)
    elif terms is not None and (leg := _leg(incident, promise, found.at, terms)) is not None:
        given: dict[str, Any] = {
            "from": leg.start.isoformat(),
            "budget": leg.budget.to_json(),
            "calendar": leg.calendar,
        }
        promise.legs = [*promise.legs, given]
        promises.recount(session, promise)
    facts: dict[str, Any] = {  # Any: JSON
        "promise": promise.kind,
        "promise_id": str(promise.id),
        "before": effect.before.isoformat() if effect.before else None,
        "after": promise.due_at.isoformat() if promise.due_at else None,
        "change": found.change,
        "rule": effect.rule,
    }
    kind = promises.words(promise.kind)
    text = f"The {kind} ends with the contract." if effect.rule == "cutoff" else f"The {kind} follows the better terms."
    story.tell(session, incident, "terms", text, found.at, actor=actor, facts=facts)
    story.changed(session, incident, f"contract {found.change}", found.at, actor=actor, facts=facts)


def expire(session: Session, now: datetime) -> int:
    """Cut off the clocks of contracts that have ended, where their terms say so; how many contracts it concerned."""
    rows = session.execute(
        select(Contract, Incident)
        .join(Incident, Incident.contract_id == Contract.id)
        .join(Promise, Promise.incident_id == Incident.id)
        .where(
            Promise.state.in_(promises.LIVE),
            Incident.state.in_(OPEN_STATES),
            Incident.terms["clocks"]["on_end"].as_string() == "cutoff",
            Contract.ends_on <= now.date(),  # no zone is a day ahead of this
        )
    )
    ended = {contract.id: contract for contract, incident in rows if _has_ended(contract, incident, now)}
    return sum(bool(carry_out(session, contract, "expiry", now).moved) for contract in ended.values())


def _has_ended(contract: Contract, incident: Incident, now: datetime) -> bool:
    """The day after its last one has come in the contract's own zone, and the days of grace are over."""
    grace = timedelta(days=promises.terms_of(incident).grace_days)
    return contract.ends_on is not None and now.astimezone(ZoneInfo(contract.zone)).date() > contract.ends_on + grace
