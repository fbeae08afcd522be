"""What may be moved: each kind of row with its columns, its key, and what must fit within one row. Plain.

A column that a file leaves out stays as it is; an empty cell is an empty value where one is allowed, else it counts as
left out. Everything is compared, kept and written as text in one form (`fields.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.transfer import fields
from app.transfer.fields import Reader

Row = Mapping[str, str]
Key = tuple[str, ...]

_SLUG = fields.pattern(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", "halvorsen-paper: small letters, digits and dashes")
_MACHINE = fields.pattern(r"[a-z0-9][a-z0-9._-]{0,62}", "hlv-db-03: small letters, digits, dot, dash, underscore")
_COUNTRY = fields.pattern(r"[A-Z]{2}", "FR: two capital letters (ISO 3166)")
TIERS = ("bronze", "silver", "gold", "platinum")
SOURCES = ("native", "collectd", "glances", "telegraf", "values", "linux2mqtt", "psmqtt", "prometheus", "nagios",
           "sparkplug", "thingsboard")  # fmt: skip
UNITS = ("americas", "europe", "asia-pacific")
MAY = ("open", "escalate", "sign")


@dataclass(frozen=True, slots=True)
class Column:
    """`default` is what a new row gets; `empty`: an empty cell is a value; `fixed`: why it is not changed here."""

    name: str
    read: Reader
    required: bool = False
    default: str = ""
    empty: bool = False
    fixed: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of row, one file of an export."""

    name: str
    one: str  # what a person calls one of them
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    right: str  # what whoever imports it must be allowed (app/rights.py)
    check: Callable[[Row], tuple[str, str, str] | None] = lambda row: None
    note: str = ""  # said of each one that is made

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.required)

    def key_of(self, row: Row) -> Key:
        return tuple(row.get(name, "") for name in self.key)


def _in_order(first: str, last: str) -> Callable[[Row], tuple[str, str, str] | None]:
    def check(row: Row) -> tuple[str, str, str] | None:
        if row.get(first) and row.get(last) and row[last] < row[first]:
            return last, f"lies before {first}", f"write {row[first]} or a later day"
        return None

    return check


def _one_subject(row: Row) -> tuple[str, str, str] | None:
    if row.get("machine") and row.get("site"):
        return "site", "is given beside a machine", "give one of the two; neither covers the whole customer"
    return _in_order("starts_on", "ends_on")(row)


_MOVED = "belongs to another customer; what is theirs is not moved by an import"

CUSTOMERS = Kind(
    "customers", "customer", ("customer",),
    (
        Column("customer", _SLUG, required=True),
        Column("name", fields.line(120), required=True),
        Column("language", fields.one_of(("en", "fr")), default="en"),
        Column("zone", fields.zone, default="UTC"),
        Column("demo", fields.yes_no, default="no", fixed="vigie demo alone says what belongs to it"),
    ),
    "customers:write",
)  # fmt: skip
SITES = Kind(
    "sites", "site", ("customer", "site"),
    (
        Column("customer", _SLUG, required=True),
        Column("site", fields.line(), required=True),
        Column("zone", fields.zone, default="UTC"),
        Column("country", _COUNTRY, empty=True),
    ),
    "customers:write",
)  # fmt: skip
MACHINES = Kind(
    "machines", "machine", ("machine",),
    (
        Column("machine", _MACHINE, required=True),
        Column("customer", _SLUG, required=True, fixed=_MOVED),
        Column("site", fields.line(), empty=True),
        Column("title", fields.line(), empty=True),
        Column("rack", fields.line(), empty=True),
        Column("source", fields.one_of(SOURCES), default="native"),
        Column("retired_at", fields.instant, empty=True),
    ),
    "machines:write",
    note="it gets its secret on request: vigie machine rotate NAME",
)  # fmt: skip
CONTACTS = Kind(
    "contacts", "contact", ("email",),
    (
        Column("email", fields.mail, required=True),
        Column("customer", _SLUG, required=True, fixed=_MOVED),
        Column("name", fields.line(120), required=True),
        Column("languages", fields.languages, default="en"),
        Column("zone", fields.zone, default="UTC"),
        Column("unit", fields.one_of(UNITS), default="europe"),
        Column("may", fields.some_of(MAY), empty=True),
        Column("notify", fields.ways),
        Column("active", fields.yes_no, default="yes"),
    ),
    "people:write",
    note="they sign in with a link: vigie person link ADDRESS",
)  # fmt: skip
CONTRACTS = Kind(
    "contracts", "contract", ("contract",),
    (
        Column("contract", fields.line(40), required=True),
        Column("customer", _SLUG, required=True, fixed=_MOVED),
        Column("tier", fields.one_of(TIERS), required=True,
               fixed="a change of tier is proposed on the contract's page and confirmed by a second person"),
        Column("state", fields.one_of(("draft", "active", "suspended", "cancelled")), default="active"),
        Column("starts_on", fields.day, required=True,
               fixed="promises were made from that day on; end this contract and make another"),
        Column("ends_on", fields.day, empty=True),
        Column("zone", fields.zone, default="UTC",
               fixed="the days of a contract are not moved once it is made; make another"),
        Column("country", _COUNTRY, empty=True),
    ),
    "contracts:write",
    _in_order("starts_on", "ends_on"),
)  # fmt: skip
LINES = Kind(
    "lines", "line", ("contract", "machine", "site", "starts_on"),
    (
        Column("contract", fields.line(40), required=True),
        Column("machine", _MACHINE, empty=True),
        Column("site", fields.line(), empty=True),
        Column("starts_on", fields.day, empty=True),
        Column("ends_on", fields.day, empty=True),
    ),
    "contracts:write",
    _one_subject,
)  # fmt: skip

# The order in which they are read and made: what is referred to comes first.
KINDS: Sequence[Kind] = (CUSTOMERS, SITES, MACHINES, CONTACTS, CONTRACTS, LINES)
BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}


def kind_of(file: str, columns: Sequence[str]) -> Kind | None:
    """Which kind a file holds: as its name says ("machines.csv", "machines-2026.csv"), else the one its columns fit."""
    stem = file.replace("\\", "/").rpartition("/")[2].lower()
    named = [kind for kind in KINDS if stem.startswith(kind.name)]
    if named:
        return named[0]
    fits = [kind for kind in KINDS if set(kind.required) <= set(columns) <= set(kind.names)]
    return fits[0] if len(fits) == 1 else None


def folded(kind: Kind, row: Row) -> Key:
    """The key by which the house tells rows apart: addresses without regard to capitals."""
    return tuple(value.lower() for value in kind.key_of(row)) if kind is CONTACTS else kind.key_of(row)
