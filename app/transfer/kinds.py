"""What may be moved: every kind of row with its columns. Plain.

A column that a file leaves out stays as it is; an empty cell is an empty value where one is allowed, else it counts as
left out. Everything is compared, kept and written as text in one form (`fields.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from app import termtable
from app.transfer import fields
from app.transfer.columns import Column as Column
from app.transfer.columns import Key as Key
from app.transfer.columns import Kind as Kind
from app.transfer.columns import Row as Row
from contracts import life, terms

_SLUG = fields.pattern(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", "halvorsen-paper: small letters, digits and dashes")
_MACHINE = fields.pattern(r"[a-z0-9][a-z0-9._-]{0,62}", "hlv-db-03: small letters, digits, dot, dash, underscore")
TIERS = ("bronze", "silver", "gold", "platinum")
SOURCES = ("native", "collectd", "glances", "telegraf", "values", "linux2mqtt", "psmqtt", "prometheus", "nagios",
           "sparkplug", "thingsboard")  # fmt: skip
UNITS = ("americas", "europe", "asia-pacific")
MAY = ("open", "escalate", "sign")
ROLES = ("engineer", "manager", "operator", "administrator")
UPPER_RUNGS = ("lead", "number-two", "number-one")


def _in_order(first: str, last: str) -> Callable[[Row], tuple[str, str, str] | None]:
    def check(row: Row) -> tuple[str, str, str] | None:
        if row.get(first) and row.get(last) and row[last] < row[first]:
            return last, f"lies before {first}", f"write {row[first]} or a later day"
        return None

    return check


def _one_subject(row: Row) -> tuple[str, str, str] | None:
    given = [name for name in ("machine", "site", "service") if row.get(name)]
    if len(given) > 1:
        return given[1], f"is given beside a {given[0]}", "give one of them; none covers the whole customer"
    return _in_order("starts_on", "ends_on")(row)


def _retired(field: str, before: str, after: str) -> tuple[str, str] | None:
    if field == "retired_at" and before:
        return "says when it left service", "enrol it anew under another name"
    return None


def _of_life(field: str, before: str, after: str) -> tuple[str, str] | None:
    """A contract goes from state to state as its life has it."""
    if field != "state" or after in life.NEXT[before]:
        return None
    return f"cannot go from {before} to {after}", "it may become " + (
        " or ".join(life.NEXT[before]) or "nothing any more"
    )


def _used(row: Row) -> tuple[str, str, str] | None:
    if int(row["used"]) > int(row["granted"]):
        return "used", "is more than was granted", f"write at most {row['granted']}"
    return _in_order("period_start", "period_end")(row)


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
        Column("country", fields.country, empty=True),
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
        Column("software", fields.line(), empty=True),
        Column("broker", fields.line(80), empty=True),
        Column("source", fields.one_of(SOURCES), default="native"),
        Column("retired_at", fields.instant, empty=True),
    ),
    "machines:write",
    move=_retired,
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
PEOPLE = Kind(
    "people", "one of ours", ("email",),
    (
        Column("email", fields.mail, required=True),
        Column("name", fields.line(120), required=True),
        Column("role", fields.one_of(ROLES), required=True),
        Column("level", fields.one_of(terms.SKILLS), default="confirmed"),
        Column("unit", fields.one_of(UNITS), default="europe"),
        Column("zone", fields.zone, default="UTC"),
        Column("languages", fields.languages, default="en"),
        Column("site", fields.line(80), empty=True),
        Column("rungs", fields.some_of(UPPER_RUNGS), empty=True),
        Column("notify", fields.ways),
        Column("active", fields.yes_no, default="yes"),
        Column("demo", fields.yes_no, default="no", fixed="vigie demo alone says what belongs to it"),
    ),
    "people:crown",
    note="they sign in with a link: vigie person link ADDRESS",
)  # fmt: skip
NAMED = Kind(
    "named", "person named for a customer", ("customer", "email", "duty"),
    (
        Column("customer", _SLUG, required=True),
        Column("email", fields.mail, required=True),
        Column("duty", fields.line(80), required=True),
    ),
    "people:write",
)  # fmt: skip
RATES = Kind(
    "rates", "version of our rates", ("version",),
    (
        Column("version", fields.whole(1, 100_000), required=True),
        Column("effective_at", fields.instant, required=True),
        Column("author", fields.line(), empty=True),
        Column("reason", fields.line(500), empty=True),
        Column("body", fields.rates, required=True),
    ),
    "contracts:confirm",
    kept="a version is never rewritten; set new ones from a later instant",
)  # fmt: skip
CONTRACTS = Kind(
    "contracts", "contract", ("contract",),
    (
        Column("contract", fields.line(40), required=True),
        Column("customer", _SLUG, required=True, fixed=_MOVED),
        Column("tier", fields.one_of(TIERS), required=True,
               fixed="a change of tier is proposed on the contract's page and confirmed by a second person"),
        Column("state", fields.one_of(life.STATES), default="active"),
        Column("starts_on", fields.day, required=True,
               fixed="promises were made from that day on; end this contract and make another"),
        Column("ends_on", fields.day, empty=True),
        Column("zone", fields.zone, default="UTC",
               fixed="the days of a contract are not moved once it is made; make another"),
        Column("country", fields.country, empty=True),
        Column("renews", fields.line(40), empty=True, fixed="which contract it follows is settled when it is made"),
        Column("notice_days", fields.day_counts, default="60 30 7"),
        Column("worth", fields.pattern(r"(\d{1,12}(\.\d{2})? [A-Z]{3})?", "120000 EUR"), empty=True),
    ),
    "contracts:write",
    _in_order("starts_on", "ends_on"),
    move=_of_life,
)  # fmt: skip
TERMS = Kind(
    "terms", "version of terms", ("contract", "version"),
    (
        Column("contract", fields.line(40), required=True),
        Column("version", fields.whole(1, 100_000), required=True),
        Column("effective_at", fields.instant),  # left out: the contract's own first midnight
        Column("author", fields.line(), empty=True),
        Column("reason", fields.line(500), empty=True),
        Column("confirmed_by", fields.line(), empty=True),
        *(Column(field.path, fields.term(field)) for field in (*termtable.FIELDS, termtable.REST)),
    ),
    "contracts:write",
    kept="a version is never rewritten; propose a change on the contract's page",
)  # fmt: skip
LINES = Kind(
    "lines", "line", ("contract", "machine", "site", "service", "starts_on"),
    (
        Column("contract", fields.line(40), required=True),
        Column("machine", _MACHINE, empty=True),
        Column("site", fields.line(), empty=True),
        Column("service", fields.pattern(r"[a-z0-9][a-z0-9 ._-]{0,79}", "backup: small letters"), empty=True),
        Column("starts_on", fields.day, empty=True),
        Column("ends_on", fields.day, empty=True),
    ),
    "contracts:write",
    _one_subject,
)  # fmt: skip

ALLOWANCES = Kind(
    "allowances", "allowance", ("contract", "kind", "period_start"),
    (
        Column("contract", fields.line(40), required=True),
        Column("kind", fields.pattern(r"[a-z][a-z_]{0,39}", "visits"), required=True),
        Column("period_start", fields.day, required=True),
        Column("period_end", fields.day, required=True),
        Column("granted", fields.whole(0, 1_000_000), required=True),
        Column("extra", fields.whole(0, 1_000_000), default="0"),
        Column("used", fields.whole(0, 1_000_000), default="0"),
    ),
    "contracts:write",
    _used,
    kept="what is used is counted by what is asked; more is ordered through the API or a change of terms",
)  # fmt: skip
CALENDARS = Kind(
    "calendars", "version of a calendar", ("calendar", "version"),
    (
        Column("calendar", fields.pattern(r"[a-z0-9][a-z0-9-]{0,62}", "follow-the-sun: small letters, digits, dashes"),
               required=True),
        Column("version", fields.whole(1, 100_000), required=True),
        Column("customer", _SLUG, empty=True),
        Column("title", fields.line(), empty=True),
        Column("effective_on", fields.day, required=True),
        Column("author", fields.line(), empty=True),
        Column("reason", fields.line(500), empty=True),
        Column("body", fields.calendar, required=True),
    ),
    "contracts:write",
    kept="a version is never rewritten; add one from a later day",
)  # fmt: skip

# The order in which they are read and made: what is referred to comes first.
KINDS: Sequence[Kind] = (
    CUSTOMERS, SITES, MACHINES, CONTACTS, PEOPLE, NAMED, RATES, CALENDARS, CONTRACTS, TERMS, LINES, ALLOWANCES,
)  # fmt: skip
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
    return tuple(
        value.lower() if name == "email" else value for name, value in zip(kind.key, kind.key_of(row), strict=True)
    )
