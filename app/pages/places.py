"""Two tables one opens to see how it stands: the fleet, and the platform itself."""

from __future__ import annotations

from flask import Flask, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from app import front, words
from app.pages import ledger, restraint
from app.pages import platform as health
from app.pages.beside import delivery_words
from app.pages.fleet import read_fleet
from app.pages.frame import HINTS_TABLE, page, reading, signed_in, zone
from escalation.auditor import audit_house
from escalation.canary_watch import canaries
from models.audit import record
from models.telemetry import DeadLetter
from telemetry import again


def register(app: Flask) -> None:
    app.add_url_rule("/fleet", "fleet", fleet)
    app.add_url_rule("/platform", "platform", platform)
    app.add_url_rule("/platform/letters", "letters_again", letters_again, methods=["POST"])


def fleet() -> Response:
    """Machines by customer."""
    who = signed_in("machines:read")
    with reading(who) as session:
        fleets = read_fleet(session, front.now())
    every = [machine for one in fleets for machine in one.machines]
    kinds = [machine.state.kind for machine in every]
    said = [words.count(len(every), "machine"), f"of {words.count(len(fleets), 'customer')};"]
    tail = [
        f"{kinds.count('incident')} with an open incident",
        f"{kinds.count('deviates')} deviating",
        f"{kinds.count('unknown')} of which we do not know",
        f"{kinds.count('maintenance')} in maintenance",
    ]
    return page(
        "fleet.html",
        here="/fleet",
        fleets=fleets,
        total=len(every),
        hints=HINTS_TABLE,
        said=f"{' '.join(said)} {', '.join(tail)}." if every else "",
        refresh_s=15,
    )


def letters_again() -> AnyResponse:
    """Send the dead letters of a reason and a machine the way again; they are judged anew within seconds."""
    who = signed_in("platform:write")
    reason, machine = request.form.get("reason", ""), request.form.get("machine", "")
    with reading(who) as session:
        which = [DeadLetter.reason == reason, DeadLetter.machine == machine]
        if asked := again.ask(session, which, who.actor, front.now()):
            record(session, actor=who.actor, deed="letters.asked_again", subject="dead letters", now=front.now(),
                   facts={"letters": len(asked), "reason": reason})  # fmt: skip
    return redirect("/platform", 303)


def platform() -> Response:
    """The platform's own health."""
    who = signed_in("platform:read")
    now, here = front.now(), zone()
    with reading(who) as session:
        beats = health.read_beats(session)
        parts = [health.part_view(beat, now, here) for beat in beats]
        hours = ledger.read_hours(session, now, here)
        letters_total, letters = health.read_letters(session, now, here)
        log = health.read_log(session, now)
        counts, notices = health.read_notices(session)
        birds = canaries(session, now)
        alarms = audit_house(session, now, beats, birds)
        held = restraint.held(session, now, here)
        backing_off = restraint.backing_off(session, now, here)
    unsure = [part.title for part in parts if part.kind != "healthy"]
    said = health.in_one_sentence(parts, unsure, hours, letters_total)
    return page(
        "platform.html",
        here="/platform",
        parts=parts,
        said=said,
        hours=hours,
        shown_hours=ledger.HOURS_SHOWN,
        ledger_sum=ledger.ledger_sum(hours),
        letters=letters,
        letters_total=letters_total,
        held=held,
        backing_off=backing_off,
        birds=[health.canary_view(one, now, here) for one in birds],
        may_open="incidents:act" in who.scopes,
        may_send="platform:write" in who.scopes,
        log=log,
        notice_counts=counts,
        notices=[
            {
                "person": name,
                "channel": notice.channel,
                "label": f"VG-{number}",
                "why": notice.why,
                "words": delivery_words(notice, now, here),
            }
            for notice, name, number in notices
        ],
        alarms=[{"said": alarm.words, "at": alarm.since} for alarm in alarms],
        refresh_s=5,
    )
