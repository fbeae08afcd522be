"""What a contract may be asked, by whom, and what is known when it is. Plain."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from contracts.outside import USUAL, Rates
from contracts.terms import Tier

KINDS = (
    "open_incident",
    "raise_severity",
    "out_of_hours",
    "site_visit",
    "spare_part",
    "hardware_support",
    "software_support",
    "installation_advice",
    "named_engineer",
    "dossier_review",
    "escalation",
    "telemetry",
    "silence_watch",
    "detection",
    "proactive_call",
    "remote_administration",
    "remote_diagnostics",
    "detached_engineer",
)

# What must be in the terms' scope for the ask, and the first tier that has it.
SCOPE_FOR: Mapping[str, tuple[str, Tier]] = {
    "hardware_support": ("hardware", Tier.BRONZE),
    "spare_part": ("hardware", Tier.BRONZE),
    "site_visit": ("hardware", Tier.BRONZE),
    "software_support": ("software", Tier.SILVER),
    "installation_advice": ("installation", Tier.GOLD),
    "remote_administration": ("remote-administration", Tier.PLATINUM),
    "remote_diagnostics": ("tele-alarm", Tier.PLATINUM),
    "proactive_call": ("tele-alarm", Tier.PLATINUM),
    "detached_engineer": ("tele-alarm", Tier.PLATINUM),
}
# Asks that carry a promise to respond.
PROMISED = frozenset(("open_incident", "raise_severity", "hardware_support", "software_support", "installation_advice"))
# What belongs to the customer and not to one of its machines.
OF_THE_CUSTOMER = frozenset(("escalation", "dossier_review", "named_engineer"))
# Which allowance an ask takes from, where the terms count it.
POOL: Mapping[str, str] = {
    "open_incident": "cases",
    "site_visit": "visits",
    "remote_administration": "remote_hours",
    "remote_diagnostics": "remote_hours",
    "installation_advice": "advice_hours",
}
# The right a contact needs to ask; what is not named may be asked by every contact.
RIGHT: Mapping[str, str] = {
    **dict.fromkeys(PROMISED, "open"),
    **dict.fromkeys(
        ("out_of_hours", "site_visit", "spare_part", "remote_administration", "remote_diagnostics"), "open"
    ),
    "escalation": "escalate",
    "detached_engineer": "escalate",
    "dossier_review": "sign",
}


@dataclass(frozen=True, slots=True)
class Contact:
    """The customer's person who asks: what they may, and by right which others of theirs may."""

    name: str
    may: frozenset[str]  # of open, escalate, sign
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked. `severity` 1 (gravest) to 4; `units`: how many of what an allowance counts."""

    kind: str
    asked_at: datetime
    severity: int = 3
    machine_id: uuid.UUID | None = None
    channel: str = "api"
    service: str = ""  # work that is no machine, by its name on the contract
    units: int = 1
    contact: Contact | None = None  # empty: one of ours, or a program
    since: datetime | None = None  # of a raised severity: the opening, from which its promise counts

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"ask: {self.kind!r} is not known; use one of {', '.join(KINDS)}")
        if self.severity not in (1, 2, 3, 4):
            raise ValueError("severity: must be 1 (gravest), 2, 3 or 4")
        if self.units < 1:
            raise ValueError("units: must be 1 or more")


@dataclass(frozen=True, slots=True)
class ContractFacts:
    """What is known of the contract itself. `state`: draft, active, suspended, cancelled, expired or none."""

    state: str = "none"
    number: str = ""
    zone: str = "UTC"  # of the contract: its dates are read in it
    site_zone: str = ""  # of the place served, whose calendar counts; empty: the contract's own
    country: str = ""
    starts_on: date | None = None
    ends_on: date | None = None
    covered: bool = True  # what is asked for stands on a line in force
    covered_from: date | None = None  # it does not yet: the day its line begins
    rates: Rates = USUAL

    @property
    def hours_zone(self) -> str:
        return self.site_zone or self.zone

    def standing(self, now: datetime, grace_days: int = 0) -> str:
        """The state as dates make it, inclusive in the contract's own zone: active, grace, expired, not_started…"""
        if self.state != "active":
            return self.state
        if self.starts_on is None and self.ends_on is None:
            return "active"
        today = now.astimezone(_zone(self.zone)).date()
        if self.starts_on and today < self.starts_on:
            return "not_started"
        if self.ends_on and today > self.ends_on:
            return "grace" if today <= self.ends_on + timedelta(days=grace_days) else "expired"
        return "active"

    def midnight(self, day: date) -> datetime:
        """The instant at which a day of the contract begins."""
        return datetime.combine(day, time(), _zone(self.zone)).astimezone(UTC)


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@dataclass(frozen=True, slots=True)
class Usage:
    """What is left of each allowance, by what it counts; what is not named is not counted."""

    left: Mapping[str, int] = field(default_factory=dict)
    renewed_on: Mapping[str, date] = field(default_factory=dict)  # first day of the next period, within the contract
