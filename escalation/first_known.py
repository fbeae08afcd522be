"""Who knew first of an incident: its machine, one of us, or the customer; when each did, and by how long. Plain.

The machine knows when detection opened the finding; we, when one of ours acknowledged it, wrote of it, or opened it by
hand; the customer, when their first word reached us. When they noticed before they wrote nobody can tell from here, so
what is told is when we would have known of it from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

MACHINE: Final = "machine"
US: Final = "us"
CUSTOMER: Final = "customer"
NOBODY: Final = "nobody"

# What the share counts, said wherever it is shown.
COUNTS_EN: Final = (
    "Counted are incidents on a machine, by the day they opened: known first by its telemetry or by us, against those "
    "of which the customer's word came first. Not counted: false alarms, what was cancelled or merged, and cases that "
    "name no machine."
)
COUNTS_FR: Final = (
    "Sont comptés les incidents touchant une machine, au jour de leur ouverture : connus d’abord par sa télémétrie ou "
    "par nous, ou d’abord par un mot du client. Ne sont pas comptés : les fausses alertes, les dossiers annulés ou "
    "réunis, et ceux qui ne nomment aucune machine."
)


@dataclass(frozen=True, slots=True)
class First:
    """`lead_s`: seconds from who knew first to the other side: ours against the customer. None: the other side has not
    said anything yet. `told_s`: from the first knowledge to our first word to the customer."""

    who: str
    machine_at: datetime | None
    us_at: datetime | None
    customer_at: datetime | None
    told_at: datetime | None
    lead_s: float | None
    told_s: float | None


def first(
    machine_at: datetime | None, us_at: datetime | None, customer_at: datetime | None, told_at: datetime | None
) -> First:
    """Who knew first. At the same instant the machine goes before us, and we before the customer."""
    ours = min((at for at in (machine_at, us_at) if at is not None), default=None)
    lead: float | None = None
    if ours is None:
        who = NOBODY if customer_at is None else CUSTOMER
    elif customer_at is not None and customer_at < ours:
        who, lead = CUSTOMER, (ours - customer_at).total_seconds()
    else:
        who = MACHINE if machine_at == ours else US
        lead = None if customer_at is None else (customer_at - ours).total_seconds()
    known = min((at for at in (ours, customer_at) if at is not None), default=None)
    told = None if told_at is None or known is None else (told_at - known).total_seconds()
    return First(who, machine_at, us_at, customer_at, told_at, lead, told)


@dataclass(frozen=True, slots=True)
class Share:
    """Of so many incidents who knew first. `silent`: the customer never said a word of theirs on it."""

    machine: int = 0
    us: int = 0
    customer: int = 0
    silent: int = 0
    lead_s: float | None = None  # the median, of those where we knew first and the customer wrote later
    false_alarms: int = 0
    cancelled: int = 0
    no_machine: int = 0

    @property
    def counted(self) -> int:
        return self.machine + self.us + self.customer

    @property
    def ours(self) -> int:
        return self.machine + self.us

    @property
    def share(self) -> float | None:
        """Of those counted, known first by machine or us; None when none is."""
        return self.ours / self.counted if self.counted else None
