"""The three answers of a contract: granted, seen in shadow, refused. Plain; their words are written out when read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from contracts.budget import Budget
from contracts.outside import Offer
from contracts.words import Said


@dataclass(frozen=True, slots=True)
class Promised:
    """One promise of an answer. `by`: the instant; of the next update the latest one, when the response takes all."""

    kind: str  # respond, update, on_site
    budget: Budget
    by: datetime | None


@dataclass(frozen=True, slots=True)
class Granted:
    rule: str
    said: Said
    respond_by: datetime | None = None
    on_site_by: datetime | None = None
    skill: str = ""  # the floor of who should answer
    people: tuple[str, ...] = ()  # duties of those who should answer first
    uses: str = ""  # the allowance this takes from
    units: int = 0  # how many of it
    next_opening: datetime | None = None  # closed now: when the clock begins to count
    promises: tuple[Promised, ...] = ()
    grace: Said | None = None  # said first: the contract has ended and is honoured all the same
    outcome: Literal["granted"] = "granted"

    @property
    def reason(self) -> str:
        return f"{self.grace.reason} {self.said.reason}" if self.grace else self.said.reason

    @property
    def remedy(self) -> str:
        return f"{self.grace.remedy} {self.said.remedy}".strip() if self.grace else self.said.remedy


@dataclass(frozen=True, slots=True)
class Shadow:
    """Seen and listed for the review; nobody is called."""

    rule: str
    said: Said
    grace: Said | None = None
    outcome: Literal["shadow"] = "shadow"

    @property
    def reason(self) -> str:
        return f"{self.grace.reason} {self.said.reason}" if self.grace else self.said.reason

    @property
    def remedy(self) -> str:
        return f"{self.grace.remedy} {self.said.remedy}" if self.grace else self.said.remedy


@dataclass(frozen=True, slots=True)
class Refused:
    rule: str
    said: Said
    next_opening: datetime | None = None
    offers: tuple[Offer, ...] = ()  # the ways on for money, the usual one first
    outcome: Literal["refused"] = "refused"

    @property
    def reason(self) -> str:
        return self.said.reason

    @property
    def remedy(self) -> str:
        return self.said.remedy


Decision: TypeAlias = Granted | Shadow | Refused
