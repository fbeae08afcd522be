"""The ledgers of a run, which only grow, each written by somebody who saw one side of the story. Plain.

Every operation is *ok* (it must be found), *failed* (it must not be found) or *unknown* (it may be). Instants are
seconds on one clock; `seq` is the machine's own number. `judge.py` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sent:
    """A machine's own ledger: it sent report `seq`; `ok` once it was acknowledged (`acked_at`)."""

    machine: str
    seq: int
    at: float
    outcome: Outcome = Outcome.UNKNOWN
    acked_at: float | None = None


@dataclass(frozen=True, slots=True)
class Packet:
    """One MQTT packet as the proxy saw it. `line` numbers connections; `inward` is towards the broker."""

    at: float
    line: int
    inward: bool
    kind: str  # CONNECT, PUBLISH, PUBACK …
    id: int = 0
    dup: bool = False
    machine: str = ""  # of a PUBLISH, where the proxy could read whose report it carries
    seq: int = -1


@dataclass(frozen=True, slots=True)
class Logged:
    """A report in the log, in order of its place; `at` is when the log took it, if the log says so."""

    machine: str
    seq: int
    partition: int
    position: int
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A report in the database, as often as it stands there."""

    machine: str
    seq: int


@dataclass(frozen=True, slots=True)
class Counted:
    """A machine's line of the delivery ledger."""

    machine: str
    received: int
    scored: int
    late: int
    duplicate: int
    refused: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """We told a machine that everything up to `seq` is stored; `stored` are the numbers that were, at that moment."""

    machine: str
    seq: int
    stored: frozenset[int]


@dataclass(frozen=True, slots=True)
class Told:
    """A sink's ledger: a mail or webhook arrived. `copies` of one key may arrive (one more a sender that crashed)."""

    key: str
    at: float
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    """What has to be told, and when: not before `due`, and by `due + within`."""

    key: str
    due: float
    within: float
    copies: int = 1


@dataclass(frozen=True, slots=True)
class Climbed:
    """A rung of an incident's ladder was paged, by the incident's own story; `place` is where in the story, and
    `passed` how many rungs below it could reach nobody and were passed by."""

    incident: str
    rung: int
    place: float
    passed: int = 0


@dataclass(frozen=True, slots=True)
class Answered:
    """Somebody's acknowledgement was committed, at this place of the incident's story."""

    incident: str
    place: float


@dataclass(frozen=True, slots=True)
class Allowance:
    subject: str
    given: float
    used: float


@dataclass(frozen=True, slots=True)
class Asked:
    """An HTTP client's ledger: a change it asked for, under its key, with the answer it got."""

    key: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Audited:
    """An audit entry, or an effect in the database, that names the key of what was asked."""

    key: str


@dataclass(frozen=True, slots=True)
class Shown:
    """Something `reader` got to see, by whatever way."""

    reader: str
    what: str


@dataclass
class History:
    """The ledgers of one run. `None` for a ledger nobody kept: nothing is claimed about it."""

    sent: list[Sent] = field(default_factory=list)
    wire: list[Packet] = field(default_factory=list)
    logged: list[Logged] | None = None
    stored: list[Stored] | None = None
    counted: list[Counted] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    due: list[Due] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    climbed: list[Climbed] = field(default_factory=list)
    answered: list[Answered] = field(default_factory=list)
    allowances: list[Allowance] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    audited: list[Audited] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    canaries: dict[str, str] = field(default_factory=dict)  # customer → the string that stands in all its rows
    away: list[tuple[float, float]] = field(default_factory=list)  # spans in which the log confirmed nothing
    log_once: bool = False  # nobody was killed, so the log itself may hold nothing twice
    log_in_order: bool = True  # not where a broker forgot messages, and machines sent them again
