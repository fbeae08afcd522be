"""The way on where no contract holds: what help costs, and what is promised to who takes it. Plain.

Nothing asked is dropped: a paid intervention in working hours, or an emergency answered by phone around the clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from contracts.budget import Budget
from contracts.terms import Terms, Tier, Watching
from contracts.tiers import DEFAULTS

Path: TypeAlias = Literal["paid", "emergency"]
PATHS: tuple[Path, ...] = ("paid", "emergency")
# What a person may be helped with for money; the rest (telemetry, detection, named people…) needs a contract.
SOLD = (
    "open_incident", "raise_severity", "out_of_hours", "site_visit", "spare_part", "hardware_support",
    "software_support", "installation_advice", "remote_diagnostics", "remote_administration", "escalation",
)  # fmt: skip
_MOST_CENTS = 10_000_000


@dataclass(frozen=True, slots=True)
class Rates:
    """The house's prices, in cents of a currency, before tax. Defaults of ours; every number is data."""

    currency: str = "EUR"
    hour: int = 180_00  # a paid intervention, an hour begun
    least_hours: int = 2
    visit: int = 450_00  # once a journey, beside the hours
    emergency_hour: int = 360_00
    emergency_least_hours: int = 4
    phone: str = ""  # of the emergency line; empty: the number the customer knows

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    @staticmethod
    def from_json(given: Mapping[str, Any]) -> Rates:
        """Raises ValueError naming the field that is wrong; what is left out is as it usually is."""
        unknown = set(given) - set(Rates.__slots__)
        if unknown:
            raise ValueError(f"{min(unknown)}: is not known; known are {', '.join(Rates.__slots__)}")
        for name, value in given.items():
            if name in ("currency", "phone"):
                if not isinstance(value, str) or len(value) > 40 or (name == "currency" and len(value) != 3):
                    raise ValueError(f"{name}: {value!r} cannot be used; give EUR, or a number to call")
            elif not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_CENTS:
                raise ValueError(f"{name}: {value!r} is not a whole number from 0 to {_MOST_CENTS}")
        return Rates(**given)


USUAL = Rates()


@dataclass(frozen=True, slots=True)
class Offer:
    """What a path costs at the least, and how soon somebody answers on it."""

    path: Path
    currency: str
    hour: int  # cents an hour begun
    least_hours: int
    visit: int  # cents, when somebody comes
    respond: Budget
    hours: str
    phone: str = ""

    @property
    def least(self) -> int:
        """Cents at the least."""
        return self.hour * self.least_hours + self.visit

    def to_json(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "currency": self.currency,
            "hour_cents": self.hour,
            "least_hours": self.least_hours,
            "visit_cents": self.visit,
            "least_cents": self.least,
            "respond": self.respond.to_json(),
            "hours": self.hours,
            **({"phone": self.phone} if self.phone else {}),
        }

    @staticmethod
    def from_json(given: Mapping[str, Any]) -> Offer:
        """An offer as it was kept with a decision."""
        return Offer(
            "emergency" if given["path"] == "emergency" else "paid",
            given["currency"], given["hour_cents"], given["least_hours"], given["visit_cents"],
            Budget.from_json(given["respond"], "respond"), given["hours"], given.get("phone", ""),
        )  # fmt: skip


@lru_cache(maxsize=2)
def terms_of(path: Path) -> Terms:
    """The terms a case taken this way is worked on: paid work on the response times of bronze, an emergency within an
    hour at any time. Neither is watched, and nobody is named."""
    usual = replace(DEFAULTS[Tier.BRONZE], scope=DEFAULTS[Tier.SILVER].scope, watching=Watching.COLLECT)
    if path == "paid":
        return usual
    return replace(
        usual,
        hours=dict.fromkeys((1, 2, 3, 4), "24x7"),
        respond=dict.fromkeys((1, 2, 3, 4), Budget(seconds=3600)),
        update=Budget(seconds=2 * 3600),
    )


@lru_cache(maxsize=512)
def offers(kind: str, severity: int, rates: Rates) -> tuple[Offer, ...]:
    """The ways on for an ask, the usual one first; none for what only a contract can give."""
    if kind not in SOLD:
        return ()
    visit = rates.visit if kind == "site_visit" else 0
    found = []
    for path in PATHS:
        terms = terms_of(path)
        hour, least = (
            (rates.hour, rates.least_hours) if path == "paid" else (rates.emergency_hour, rates.emergency_least_hours)
        )
        phone = rates.phone if path == "emergency" else ""
        respond, hours = terms.respond[severity], terms.hours[severity]
        found.append(Offer(path, rates.currency, hour, least, visit, respond, hours, phone))
    return tuple(found)
