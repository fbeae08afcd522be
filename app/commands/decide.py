"""`vigie decide`: what would be answered? Asks the default contract of a tier, or a real one; writes nothing down."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import click

from contracts import hours
from contracts.decision import KINDS, Ask, ContractFacts, Decision, Granted, Refused, Usage, decide
from contracts.terms import Terms, Tier
from contracts.tiers import DEFAULTS

STATES = ("active", "draft", "suspended", "cancelled", "expired", "grace", "not_started")
NO_CONTRACT = "none"
CHANNELS = ("api", "portal", "phone", "mail", "chat", "sms", "app", "telemetry")
LANGUAGES = ("en", "fr")
# Calendars and holidays are known well within these years.
_YEARS = range(1971, 2101)
_GRACE_DAYS = 30  # of a contract that is asked for in its days of grace


class Wrong(click.ClickException):
    """An option that cannot be used, in one sentence; with --json as an object as well."""

    exit_code = 2

    def __init__(self, option: str, problem: str) -> None:
        super().__init__(f"{option}: {problem}")
        self.option, self.problem = option, problem


class _Command(click.Command):
    """An option that is not known is told as one that cannot be used is: with --json as an object as well."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        as_json = "--json" in args
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as wrong:
            if as_json:
                option = getattr(wrong, "option_name", "") or ""
                click.echo(json.dumps({"error": wrong.format_message(), "option": option}, ensure_ascii=False))
            raise


@click.command(name="decide", cls=_Command, help="What would be answered? Nothing is written down.")
@click.option("--tier", default="", help=f"{', '.join(Tier)}, or {NO_CONTRACT}: no contract")
@click.option("--contract", "ref", default="", metavar="ID", help="a real contract by id or number, instead of a tier")
@click.option("--ask", "kind", default="", help="what is asked for: " + ", ".join(KINDS))
@click.option("--severity", default="3", show_default=True, help="1, the gravest, to 4")
@click.option("--at", "asked_at", default="", metavar="INSTANT", help="2026-03-10T09:00:00Z; now when left out")
@click.option("--zone", default=None, help="of contract and site, as Europe/Paris  [default: UTC]")
@click.option("--holidays", "country", default=None, metavar="COUNTRY", help="closed on its holidays, as FR or DE-BY")
@click.option("--state", default=None, help=f"{', '.join(STATES)}  [default: active]")
@click.option("--from", "starts", default=None, metavar="DATE", help="first day of the contract")
@click.option("--until", "ends", default=None, metavar="DATE", help="last day of the contract, included")
@click.option("--grace-days", default=None, metavar="N", help="days it is honoured after its end  [default: 0]")
@click.option("--uncovered", is_flag=True, help="the machine stands on no line of the contract")
@click.option("--machine", default="", metavar="NAME", help="with --contract: the machine it is asked for")
@click.option("--service", default="", help="with --contract: the service it is asked for")
@click.option("--channel", default="api", show_default=True, help=", ".join(CHANNELS))
@click.option("--units", default="1", show_default=True, help="how many of what an allowance counts")
@click.option("--language", default="", help="en or fr  [default: en, or that of the contract's customer]")
@click.option("--json", "as_json", is_flag=True, help="one JSON object instead of words")
def command(as_json: bool, **given: Any) -> None:  # Any: texts of a command line
    try:
        told, zone = _answered(**given)
    except click.ClickException as wrong:
        if as_json:
            option = wrong.option if isinstance(wrong, Wrong) else ""
            click.echo(json.dumps({"error": wrong.format_message(), "option": option}, ensure_ascii=False))
        raise
    click.echo(json.dumps(told, ensure_ascii=False) if as_json else _words(told, zone))


def _answered(
    tier: str, ref: str, kind: str, severity: str, asked_at: str, channel: str, units: str, language: str,
    machine: str, service: str, **default: Any,
) -> tuple[dict[str, Any], str]:  # fmt: skip  # Any: texts of a command line
    """What is told, and the zone it is told in. Raises Wrong naming the option."""
    now = _instant(asked_at) if asked_at else datetime.now(UTC).replace(microsecond=0)
    _one_of("--ask", kind, KINDS)
    _one_of("--channel", channel, CHANNELS)
    if language:
        _one_of("--language", language, LANGUAGES)
    ask = Ask(kind, now, _whole("--severity", severity, 1, 4), channel=channel, units=_whole("--units", units, 1, 1000))
    if not ref and not tier:
        _wrong("--tier", f"is missing; give one of {', '.join((*Tier, NO_CONTRACT))}, or a contract with --contract")
    if not ref:
        for option, value in (("--machine", machine), ("--service", service)):
            if value:
                _wrong(option, "goes with --contract; a tier's default contract covers everything")
        return _of_tier(tier, ask, language or "en", **default)
    clash = [f"--{'from' if name == 'starts' else 'until' if name == 'ends' else name.replace('_', '-')}"
             for name, value in {"tier": tier, **default}.items() if value not in (None, False, "")]  # fmt: skip
    if clash:
        _wrong(clash[0].replace("--country", "--holidays"), "cannot be given beside --contract, which has its own")
    return _of_contract(ref, ask, machine, service, language)


def _of_tier(
    tier: str, ask: Ask, language: str, *, zone: str | None, country: str | None, state: str | None,
    starts: str | None, ends: str | None, grace_days: str | None, uncovered: bool,
) -> tuple[dict[str, Any], str]:  # fmt: skip
    _one_of("--tier", tier, (*Tier, NO_CONTRACT))
    zone, country, state = "UTC" if zone is None else zone, country or "", state if state is not None else "active"
    _one_of("--state", state, STATES)
    if not zone:
        _wrong("--zone", "'' is not a time zone; use an IANA name such as Europe/Paris")
    for option, field, spec in (("--zone", "tz", {"tz": zone}), ("--holidays", "holidays", {"holidays": country})):
        try:
            hours.parse(spec)
        except ValueError as problem:
            _wrong(option, str(problem).removeprefix(f"{field}: "))
    now = ask.asked_at
    terms = None if tier == NO_CONTRACT else DEFAULTS[Tier(tier)]
    facts = ContractFacts(
        number="" if terms is None else f"DEFAULT-{tier.upper()}", zone=zone, country=country, covered=not uncovered,
        starts_on=_date("--from", starts), ends_on=_date("--until", ends),
    )  # fmt: skip
    if facts.starts_on and facts.ends_on and facts.ends_on < facts.starts_on:
        _wrong("--until", "lies before --from; give the same day or a later one")
    grace = _whole("--grace-days", grace_days, 0, 3660) if grace_days is not None else 0
    facts, grace = _in_state(facts, state, grace, now)
    terms = replace(terms, grace_days=grace) if terms is not None else None
    answer = decide(ask, terms, Usage(), now, facts, language)
    standing = facts.standing(now, grace) if terms is not None else "none"
    return _told(answer, ask, terms, facts, standing, 0, ()), zone


def _in_state(facts: ContractFacts, state: str, grace: int, now: datetime) -> tuple[ContractFacts, int]:
    """The contract with the dates its state asks for, where none were given that make it so."""
    today = now.astimezone(ZoneInfo(facts.zone)).date()
    eve, morrow = today - timedelta(days=1), today + timedelta(days=1)
    has_ended = facts.ends_on is not None and facts.ends_on < today
    if state in ("expired", "grace") and not has_ended:
        facts = replace(facts, ends_on=eve, starts_on=min(facts.starts_on, eve) if facts.starts_on else None)
    if state == "grace":
        left = (today - (facts.ends_on or eve)).days
        return replace(facts, state="active"), max(grace, left, _GRACE_DAYS)
    if state == "not_started":
        begins = facts.starts_on if facts.starts_on and facts.starts_on > today else morrow
        return replace(facts, state="active", starts_on=begins), grace
    return replace(facts, state=state), grace


def _of_contract(ref: str, ask: Ask, machine: str, service: str, language: str) -> tuple[dict[str, Any], str]:
    import uuid

    from sqlalchemy import select

    from app.errands import at_the_database
    from contracts import ledger
    from contracts.explaining import sentences
    from models.agreements import Contract
    from models.customers import Customer
    from models.machines import Machine

    with at_the_database() as session:
        try:
            by_id = session.get(Contract, uuid.UUID(ref))
        except ValueError:
            by_id = None
        contract = by_id or session.scalar(select(Contract).where(Contract.number == ref))
        if contract is None:
            _wrong("--contract", f"{ref!r} is no contract here; see what there is with vigie contract list")
        served = session.scalar(select(Machine).where(Machine.name == machine)) if machine else None
        if machine and (served is None or served.customer_id != contract.customer_id):
            _wrong("--machine", f"{machine!r} is no machine of this contract's customer; see vigie machine list")
        ask = replace(ask, machine_id=served.id if served else None, service=service)
        # The contract that would answer without being named, to say whether it is this one.
        free, _, _ = ledger.preview(session, contract.customer_id, ask, ask.asked_at)
        spoken = language or session.get_one(Customer, contract.customer_id).language
        holds, _, answer = ledger.preview(
            session, contract.customer_id, ask, ask.asked_at, contract_id=contract.id, language=spoken
        )
        why = sentences(free.facts.number, free.passed, spoken)
    grace = holds.terms.grace_days if holds.terms else 0
    standing = holds.facts.standing(ask.asked_at, grace)
    return _told(answer, ask, holds.terms, holds.facts, standing, holds.version, why), holds.facts.hours_zone


def _told(
    answer: Decision, ask: Ask, terms: Terms | None, facts: ContractFacts, standing: str, version: int,
    why: Sequence[str],
) -> dict[str, Any]:  # fmt: skip
    """The answer as JSON: every key is always there. Documented in docs/decisions.md."""
    granted = answer if isinstance(answer, Granted) else None
    refused = answer if isinstance(answer, Refused) else None
    return {
        "decision": answer.outcome,
        "rule": answer.rule,
        "reason": answer.reason,
        "remedy": answer.remedy,
        "respond_by": _z(granted.respond_by if granted else None),
        "on_site_by": _z(granted.on_site_by if granted else None),
        "next_opening": _z(granted.next_opening if granted else refused.next_opening if refused else None),
        "promises": [
            {"kind": one.kind, "by": _z(one.by), "budget": one.budget.to_json()}
            for one in (granted.promises if granted else ())
        ],
        "skill": granted.skill if granted else "",
        "people": list(granted.people) if granted else [],
        "uses": granted.uses if granted else "",
        "units": granted.units if granted else 0,
        "offers": [offer.to_json() for offer in refused.offers] if refused else [],
        "ask": ask.kind,
        "severity": ask.severity,
        "channel": ask.channel,
        "at": _z(ask.asked_at),
        "tier": terms.tier.value if terms is not None else NO_CONTRACT,
        "contract": standing,
        "number": facts.number,
        "terms_version": version,
        "why": list(why),
    }


def _words(told: dict[str, Any], zone: str) -> str:
    lines = [f"{told['decision']} ({told['rule']})", told["reason"], told["remedy"]]
    for name in ("respond_by", "on_site_by", "next_opening"):
        if told[name]:
            local = datetime.fromisoformat(told[name]).astimezone(ZoneInfo(zone))
            lines.append(f"{name.replace('_', ' ')} {told[name]} ({local:%a %Y-%m-%d %H:%M:%S} {zone})")
    return "\n".join(line for line in [*lines, *told["why"]] if line)


def _z(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _wrong(option: str, problem: str) -> NoReturn:
    raise Wrong(option, problem)


def _one_of(option: str, value: str, known: Sequence[str]) -> None:
    if not value:
        _wrong(option, f"is missing; give one of {', '.join(known)}")
    if value not in known:
        _wrong(option, f"{value!r} is not known; use one of {', '.join(known)}")


def _whole(option: str, text: str, least: int, most: int) -> int:
    if not re.fullmatch(r"\d{1,6}", text, re.ASCII) or not least <= int(text) <= most:
        _wrong(option, f"{text!r} is not a whole number from {least} to {most}")
    return int(text)


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        _wrong("--at", f"{text!r} is not an instant such as 2026-03-10T09:00:00Z")
    if at.year not in _YEARS:
        _wrong("--at", f"{text!r} lies outside the years {_YEARS[0]} to {_YEARS[-1]}")
    if at.tzinfo is None:
        _wrong("--at", f"{text!r} needs a zone; end it with Z for UTC")
    return at.astimezone(UTC)


def _date(option: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        day = date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII) else None
    except ValueError:
        day = None
    if day is None:
        _wrong(option, f"{text!r} is not a date such as 2026-03-10")
    if day.year not in _YEARS:
        _wrong(option, f"{text!r} lies outside the years {_YEARS[0]} to {_YEARS[-1]}")
    return day
