"""Every act of an incident as a plain form on one page: for browsers without script, and for whoever prefers it.

The buttons of the incident page lead here where no script answers them, with the act they mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from flask import Flask, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front
from app.identity import Caller
from app.pages.around import Around, read_around
from app.pages.case import CaseView, read_case
from app.pages.frame import HINTS_TABLE, page, reading, signed_in, zone
from app.problems import not_found
from escalation import serving
from escalation.editing import KINDS
from escalation.words import act as said_of
from models.incidents import Incident, TimelineEntry

_LINES = 50  # of one's own, the newest, to be corrected
_SHOWN = 80  # letters of a line: enough to know it by

Option = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to fill in. `options`: what may be chosen; `kind`: line, long, or hidden with its value."""

    name: str
    label: str = ""
    kind: str = "line"
    value: str = ""
    options: Sequence[Option] = ()
    optional: bool = False


@dataclass(frozen=True, slots=True)
class ActForm:
    """One act: what its button says, and what it needs."""

    act: str
    word: str
    fields: Sequence[Field] = field(default_factory=tuple)
    below: str = ""


_WHY = "Why, in a sentence the customer may read"
_ASKS: dict[str, tuple[Field, ...]] = {
    "wait": (
        Field("waiting_for", "For", options=[(one, one) for one in ("customer", "vendor", "maintenance")]),
        Field("reason", _WHY),
    ),
    "escalate": (Field("reason", "Why now, for those who are called"),),
    "resolve": (Field("text", "What was done, in words for the customer", "long"),),
    "reopen": (Field("reason", "What was seen"),),
    "reply": (Field("text", "Your words to the customer", "long"),),
}
_KINDS = [
    ("caused_by", "caused by"), ("child_of", "part of"), ("duplicate_of", "the same as"), ("related", "seen beside"),
    ("change", "the change"), ("vendor_case", "the vendor’s case"),
]  # fmt: skip
_ROLES = [(one, one) for one in ("lead", "scribe", "voice", "specialist")]
_WAYS = list(serving.WORDS.items())
_VERDICTS = [(one, one) for one in ("true", "benign", "false")]


def register(app: Flask) -> None:
    app.add_url_rule("/incidents/<label>/acts", "incident_acts", show)


def show(label: str) -> AnyResponse:
    """All that can be done with an incident now; `?act=` comes first."""
    who = signed_in("incidents:act")
    with reading(who) as session:
        case = read_case(session, label, front.now(), zone(), reader=who.person)
        if case is None:
            raise not_found("incident")
        around = read_around(session, label, who, front.now(), zone())
        mine = [*_handed(case, str(who.person)), *_answers(around)]
        forms = [*_now(case), *mine, *_always(case, around), *_corrections(session, case, who)]
    wanted = request.args.get("act", "")
    forms.sort(key=lambda one: one.act != wanted)
    return page("acts.html", here="/", case=case, forms=forms, wanted=wanted, hints=HINTS_TABLE)


def _now(case: CaseView) -> Iterator[ActForm]:
    """What its state allows."""
    for act in case.acts:
        yield ActForm(act.name, act.word, _ASKS.get(act.name, ()))
    if any(act.name == "reply" for act in case.acts):
        yield ActForm("note", "Note", (Field("text", "For us alone", "long"),))


def _answers(around: Around) -> Iterator[ActForm]:
    """What somebody waits for from the reader."""
    if around.undo:
        yield ActForm("undo", "Take it back", below=f"{said_of(around.undo)}, within the minute")
        yield ActForm("send_now", "Send now what is held", below="letters to the customer wait for the minute")
    if around.asked_me:
        yield ActForm("accept", "I stand beside")
        yield ActForm("decline", "I cannot stand beside", (Field("reason", "Reason, for the owner"),))
    if around.ours_to_answer:
        yield ActForm("agree", "Agree to the severity", below=around.proposed)
        yield ActForm("disagree", "Do not agree", (Field("reason", "Reason, for the customer"),))
    for seat in around.seats:
        if seat.mine and seat.role != "second":
            word, shown = ("accepted", "Join") if seat.asked else ("left", "Leave")
            kept = (Field("place", kind="hidden", value=seat.id), Field("word", kind="hidden", value=word))
            yield ActForm("role", f"{shown} as {seat.role}", kept)
    for one in around.help:
        yield ActForm("take_help", f"Help with {one.subject}", (Field("help", kind="hidden", value=one.id),), one.words)


def _handed(case: CaseView, me: str) -> Iterator[ActForm]:
    """The word of whom it is offered to, or of who offers it."""
    offer = case.handed
    if offer is not None and offer.waits and offer.taker_id == me:
        yield ActForm("take_over", "Take it over", below=f"from {offer.by}: {offer.note['state']}")
        yield ActForm("not_over", "Do not take it over", (Field("reason", "Why not, for the giver"),))
    if offer is not None and offer.waits and offer.giver_id == me:
        yield ActForm("keep", "Keep it", below=f"offered to {offer.taker}")
    if case.turn is not None:
        until = Field("until", "Until when", options=case.turn.choices)
        yield ActForm("stay", "Stay with it", (until, Field("reason", "Why, for the lead")), below=case.turn.words)


def _always(case: CaseView, around: Around) -> Iterator[ActForm]:
    """What can be said of it in any state; the desk answers where it does not fit."""
    reason = Field("reason", "Reason, for both sides")
    severity = Field("severity", "Severity", value=str(case.severity), options=[(one, one) for one in "1234"])
    yield ActForm("severity", "Propose a severity", (severity, reason))
    if around.workaround:
        yield ActForm("workaround_gone", "The way around does not hold", (Field("reason", "What was seen"),))
    else:
        yield ActForm("workaround", "Tell a way around", (Field("text", "What the customer can do meanwhile", "long"),))
    alike = "; maybe the same: " + ", ".join(one.id for one in around.duplicates) if around.duplicates else ""
    first = around.duplicates[0].id if around.duplicates else ""
    yield ActForm("merge", "Merge into another", (
        Field("into", "Into, such as VG-1001", value=first), Field("reason", "Why they are one problem", optional=True),
    ), f"It closes and goes on there{alike}")  # fmt: skip
    yield ActForm("relate", "Say what it belongs to", (
        Field("kind", "It is", options=_KINDS), Field("to", "Which one: VG-1001, or the number of the change or case"),
        Field("party", "Whose number that is, such as the vendor", optional=True)))  # fmt: skip
    for one in around.relations:
        if one.id:
            yield ActForm("unrelate", "No longer", (Field("relation", kind="hidden", value=one.id),), one.text)
    yield ActForm("join", "Take a role in the swarm", (Field("role", "Role", options=_ROLES),))
    yield ActForm("serve", "Serve another way", (Field("by", "From now on", options=_WAYS),), f"now {case.served}")
    skill = Field("subject", "Skill", options=[(one, one) for one in around.subjects])
    yield ActForm("want_help", "Ask for help by skill", (skill, Field("words", "What is needed")))
    if case.verdict is not None:
        yield ActForm("verdict", "Judge the alarm", (Field("word", "It was", options=_VERDICTS, value=case.verdict),))


def _corrections(session: Session, case: CaseView, who: Caller) -> Iterator[ActForm]:
    """One's own words, to be put right."""
    mine = select(TimelineEntry).join(Incident, Incident.id == TimelineEntry.incident_id)
    mine = mine.where(Incident.number == int(case.label.removeprefix("VG-")), TimelineEntry.person_id == who.person)
    lines = session.scalars(
        mine.where(TimelineEntry.kind.in_(KINDS))
        .order_by(TimelineEntry.at.desc(), TimelineEntry.id.desc())
        .limit(_LINES)
    )
    options = [(str(one.id), one.text[:_SHOWN]) for one in lines if not one.facts.get("undone")]
    if options:
        yield ActForm("edit", "Correct my words", (
            Field("entry", "Which", options=options), Field("text", "As it should be", "long")))  # fmt: skip
