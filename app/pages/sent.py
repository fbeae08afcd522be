"""What a machine sent, for the customer it is of and for the desk: look at it, take it along, have it erased."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from urllib.parse import urlencode

from flask import Flask, make_response, redirect, request
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from app import front, identity, naming
from app.api import erasure
from app.api.door import Call
from app.api.history import Removed, known_metrics, removed_from
from app.identity import Caller
from app.pages import cover_words, looking, sent_words
from app.pages.charted import charted
from app.pages.covers import LANGUAGE_COOKIE
from app.pages.fields import Form
from app.pages.frame import SignInFirst, page, reading, zone
from app.pages.looking import Look
from app.problems import Problem, not_found
from models.customers import Customer
from models.machines import Machine, MachineState
from telemetry import clocks_kept
from telemetry.vocabulary import is_scored

MOST_CHARTS = 6
_YEAR_S = 365 * 86_400
_EXPORTS = (("csv", "reports"), ("parquet", "reports"), ("csv", "hours"), ("parquet", "hours"), ("csv", "changes"))


def register(app: Flask) -> None:
    app.add_url_rule("/sent", "sent_list", every)
    app.add_url_rule("/sent/<name>", "sent", sent, methods=["GET", "POST"])


def every() -> AnyResponse:
    """The machines of a customer, for its contacts; the desk has the fleet."""
    who = _reader()
    if who.is_staff:
        return redirect("/fleet", 303)
    with reading(who) as session:
        customer = session.scalars(select(Customer).where(Customer.id == who.customer_id)).one()
        machines = session.execute(
            select(Machine.name, Machine.title, MachineState.last_received_at)
            .outerjoin(MachineState, MachineState.machine_id == Machine.id)
            .where(Machine.retired_at.is_(None), Machine.customer_id == customer.id)
            .order_by(Machine.name)
        ).all()
    return _dressed("sent_list.html", who, customer, machines=machines)


def sent(name: str) -> AnyResponse:
    """Charts of a span, its export, and what would go if it was erased; a form that says so again erases it."""
    who = _reader()
    now, form = front.now(), Form(request.form)
    with reading(who) as session:
        machine = session.scalar(select(Machine).where(Machine.name == name))
        if machine is None:
            raise not_found("machine")
        customer = session.get_one(Customer, machine.customer_id)
        language = _language(who, customer)
        given = request.args
        look = looking.asked(given.get("span", ""), given.get("from", ""), given.get("to", ""), now, zone())
        call = Call(session, who, now)
        said = ""
        if request.method == "POST":
            done = _erased(call, machine, look, form, language)
            if done is not None:
                return redirect(f"/sent/{name}?{urlencode([*looking.fields(look), ('erased', done.reports)])}", 303)
        if (number := request.args.get("erased", "")).isdecimal() and len(number) < 19:
            said = sent_words.say(language, "done", n=number)
        known = [one for one in known_metrics(session, machine, now) if is_scored(one)]
        meant = naming.meant(request.args.getlist("metric"), known)
        chosen = [one for one in meant if one in known] or known[:MOST_CHARTS]
        state = session.get(MachineState, machine.id)
        drawn = charted(session, machine, state, chosen, look, "sent", None, now, zone())
        may_erase = who.may("history:erase")
        goes = _goes(call, machine, look) if may_erase and (request.args.get("erase") or form.wrong) else None
        kept = erasure.kept(call, machine=machine.name)
        clock = clocks_kept.in_force(session, machine.id)
        removed = [_removal(one, language, zone()) for one in removed_from(session, machine.id, *_ever(now))]
    return _dressed(
        "sent.html",
        who,
        customer,
        status=422 if form.wrong else 200,
        machine=machine,
        look=look,
        looked=looking.fields(look),
        local=lambda at: looking.local(at, zone()),
        spans=[(one, f"?{urlencode([('span', one), *_metrics()])}") for one in looking.SPANS],
        charted=drawn,
        metrics=[(one.sent, one.label, one.sent in chosen) for one in map(naming.shown, known)],
        exports=[(kind if of == "reports" else f"{kind}_{of}", _export(name, kind, of, look)) for kind, of in _EXPORTS],
        may_erase=may_erase,
        goes=goes,
        form=form,
        kept_days={"reports": kept.reports_days, "figures": kept.figures_days},
        clock=clock,
        removed=removed,
        said=said,
        when=lambda at: _when(at, zone()),
    )


def _reader() -> Caller:
    if identity.caller() is None:
        raise SignInFirst
    return identity.need("machines:read")


def _erased(call: Call, machine: Machine, look: Look, form: Form, language: str) -> Removed | None:
    """Erase, when everything was said again; else what is wrong stands in the form."""
    identity.need("history:erase")
    if form["confirm"].strip() != machine.name:
        form.refuse("confirm", sent_words.say(language, "wrong_confirm", machine=machine.name))
    reason = " ".join(form["reason"].split())
    if not reason or len(reason) > 200 or not reason.isprintable():
        form.refuse("reason", sent_words.say(language, "wrong_reason"))
    if form.wrong:
        return None
    asked = erasure.Erasure.model_validate({
        "from": look.start.isoformat(), "to": look.end.isoformat(), "seen": form["seen"], "confirm": machine.name,
        "reason": reason, "evidence": form["evidence"] == "yes",
    })  # fmt: skip
    try:
        return erasure.do(call, machine, asked)
    except Problem as problem:
        if problem.kind != "not-now":
            raise
        form.refuse("seen", sent_words.say(language, "changed"))
        return None


def _goes(call: Call, machine: Machine, look: Look) -> erasure.Erasable:
    return erasure.told(machine, *erasure.seen(call, machine, look.start, look.end))


def _export(name: str, kind: str, of: str, look: Look) -> str:
    span = [("from", _rfc(look.start)), ("to", _rfc(look.end))]
    metrics = request.args.getlist("metric")
    more = [("metrics", ",".join(metrics))] if metrics else []
    query = urlencode([("format", kind), ("of", of), *span, ("zone", zone().key), *more])
    return f"/api/v1/machines/{name}/history/export?{query}"


def _removal(one: Removed, language: str, at_zone: tzinfo) -> str:
    start, end = _when(one.start, at_zone), _when(one.end, at_zone)
    if one.kind == "erased":
        return sent_words.say(
            language, "gone_erased", at=_when(one.at, at_zone), n=one.reports, start=start, end=end, by=one.by,
            reason=one.reason,
        )  # fmt: skip
    return sent_words.say(language, f"gone_{one.what}", end=end)


def _language(who: Caller, customer: Customer) -> str:
    chosen = request.args.get("language", "") or request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in cover_words.LANGUAGES else "en" if who.is_staff else customer.language


def _dressed(template: str, who: Caller, customer: Customer, *, status: int = 200, **more: object) -> AnyResponse:
    language = _language(who, customer)
    kept = {name: value for name, value in request.args.items() if name not in ("language", "erased")}
    body = page(
        template, status=status, frame="base.html" if who.is_staff else "portal.html",
        here="/fleet" if who.is_staff else "/sent", customer=customer, language=language, say=_speaker(language),
        base=who.is_staff, other_language="fr" if language == "en" else "en", kept=kept, **more,
    )  # fmt: skip
    response = make_response(body)
    if request.args.get("language") in cover_words.LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE, language, max_age=_YEAR_S, httponly=True, samesite="Lax", secure=front.front().is_https
        )
    return response


def _speaker(language: str) -> Callable[..., str]:
    def speak(key: str, /, **facts: object) -> str:
        if key in sent_words.WORDS["en"]:
            return sent_words.say(language, key, **facts)
        return cover_words.say(language, key, **facts)

    return speak


def _metrics() -> list[tuple[str, str]]:
    return [("metric", one) for one in request.args.getlist("metric")]


def _ever(now: datetime) -> tuple[datetime, datetime]:
    return now - timedelta(days=36_500), now + timedelta(days=36_500)


def _rfc(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _when(at: datetime, at_zone: tzinfo) -> str:
    return f"{at.astimezone(at_zone):%Y-%m-%d %H:%M}"
