"""`vigie decide`: what would the default contract of a tier answer? Asks nobody and writes nothing down."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click

from contracts import hours
from contracts.decision import KINDS, Ask, ContractFacts, Decision, Granted, Refused, Usage, decide
from contracts.tiers import DEFAULTS, Tier

STATES = ("active", "draft", "suspended", "cancelled", "expired")
NO_CONTRACT = "none"


@click.command(name="decide", help="What would the default contract of a tier answer? Nothing is written down.")
@click.option(
    "--tier",
    type=click.Choice([*(tier.value for tier in Tier), NO_CONTRACT]),
    required=True,
    help=f"{NO_CONTRACT}: no contract",
)
@click.option("--ask", "kind", type=click.Choice(KINDS), required=True, help="what is asked for")
@click.option("--severity", type=click.IntRange(1, 4), default=3, show_default=True, help="1 is the gravest")
@click.option("--at", "asked_at", default="", metavar="INSTANT", help="2026-03-10T09:00:00Z; now when left out")
@click.option("--zone", default="UTC", show_default=True, help="of contract and site, as Europe/Paris")
@click.option("--holidays", "country", default="", metavar="COUNTRY", help="closed on its public holidays, as FR")
@click.option("--state", type=click.Choice(STATES), default="active", show_default=True)
@click.option("--from", "starts", default="", metavar="DATE", help="first day of the contract")
@click.option("--until", "ends", default="", metavar="DATE", help="last day of the contract, included")
@click.option("--uncovered", is_flag=True, help="the machine stands on no line of the contract")
@click.option("--language", type=click.Choice(["en", "fr"]), default="en", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="one JSON object instead of words")
def command(
    tier: str,
    kind: str,
    severity: int,
    asked_at: str,
    zone: str,
    country: str,
    state: str,
    starts: str,
    ends: str,
    uncovered: bool,
    language: str,
    as_json: bool,
) -> None:
    now = _instant(asked_at) if asked_at else datetime.now(UTC).replace(microsecond=0)
    try:
        hours.parse({"tz": zone, "holidays": country})
    except ValueError as problem:
        raise click.UsageError(str(problem)) from problem
    terms = None if tier == NO_CONTRACT else DEFAULTS[Tier(tier)]
    facts = ContractFacts(
        number="" if terms is None else f"DEFAULT-{tier.upper()}",
        state=state,
        zone=zone,
        country=country,
        starts_on=_date("--from", starts),
        ends_on=_date("--until", ends) or (_eve(now, zone) if state == "expired" else None),
        covered=not uncovered,
    )
    if facts.starts_on and facts.ends_on and facts.ends_on < facts.starts_on:
        raise click.UsageError("--until lies before --from")
    answer = decide(Ask(kind, now, severity), terms, Usage(), now, facts, language)
    told = _told(answer, tier, kind, severity, now, facts.standing(now, terms.grace_days) if terms else "none")
    click.echo(json.dumps(told, ensure_ascii=False) if as_json else _words(told, answer, zone))


def _told(answer: Decision, tier: str, kind: str, severity: int, now: datetime, standing: str) -> dict[str, Any]:
    granted = answer if isinstance(answer, Granted) else None
    return {
        "decision": answer.outcome,
        "rule": answer.rule,
        "reason": answer.reason,
        "remedy": answer.remedy,
        "respond_by": _z(granted.respond_by if granted else None),
        "on_site_by": _z(granted.on_site_by if granted else None),
        "next_opening": _z(answer.next_opening if isinstance(answer, Refused) else None),
        "skill": granted.skill if granted else "",
        "ask": kind,
        "severity": severity,
        "at": _z(now),
        "tier": tier,
        "contract": standing,
    }


def _words(told: dict[str, Any], answer: Decision, zone: str) -> str:
    lines = [f"{answer.outcome} ({answer.rule})", answer.reason, answer.remedy]
    for name in ("respond_by", "on_site_by", "next_opening"):
        if told[name]:
            local = datetime.fromisoformat(told[name]).astimezone(ZoneInfo(zone))
            lines.append(f"{name.replace('_', ' ')} {told[name]} ({local:%a %Y-%m-%d %H:%M:%S} {zone})")
    return "\n".join(line for line in lines if line)


def _z(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"--at: {text!r} is not an instant such as 2026-03-10T09:00:00Z") from None
    if at.tzinfo is None:
        raise click.UsageError(f"--at: {text!r} needs a zone; end it with Z for UTC")
    return at.astimezone(UTC)


def _date(option: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise click.UsageError(f"{option}: {text!r} is not a date such as 2026-03-10") from None


def _eve(now: datetime, zone: str) -> date:
    """An expired contract without a last day ended the day before it was asked."""
    return now.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
