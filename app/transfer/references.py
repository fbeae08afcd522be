"""What lines refer to: rows that must be there, or come with the files, and must be the right customer's. Plain."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.transfer import fields, kinds, terms_rows
from app.transfer.kinds import Key, Kind, Row
from contracts import calendar_names
from contracts.terms import Terms

_BRING = "bring it along in calendars.csv, or make it first"
# The rows of the house as text: kind → key → row.
Known = Mapping[str, Mapping[Key, Row]]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field, and what to do about it."""

    field: str
    problem: str
    remedy: str


class References:
    """What may be referred to: the house as it stands, and as the lines taken so far leave it."""

    def __init__(
        self, known: Known, contracts: Sequence[Mapping[str, str]], calendars: Sequence[Mapping[str, str]]
    ) -> None:
        self._known = known
        # What the files bring also below the line that is read: numbers of contracts, bodies of calendars by name.
        self._coming = {row.get("contract", "") for row in contracts}
        self._bodies = _bodies(known, calendars)
        self.after: dict[str, dict[Key, Row]] = {kind.name: {} for kind in kinds.KINDS}
        self.refused: dict[tuple[str, Key], tuple[str, int]] = {}

    def find(self, kind: str, key: Key) -> Row | None:
        """A row as the import leaves it, or as it stands."""
        return self.after[kind].get(key) or self._known.get(kind, {}).get(key)

    def wrong(self, kind: Kind, row: Row) -> list[Fault]:
        """References that lead nowhere, or to somebody else's."""
        faults: list[Fault] = []
        owner = row.get("customer", "")
        renews = row.get("renews", "")
        if renews and renews not in self._coming and self.find("contracts", (renews,)) is None:
            faults.append(self._stray("renews", "contracts", (renews,)))
        if "contract" in row and kind is not kinds.CONTRACTS:
            contract = self.find("contracts", (row["contract"],))
            if contract is None:
                return [self._stray("contract", "contracts", (row["contract"],))]
            owner = contract["customer"]
        elif kind is not kinds.CUSTOMERS and owner and self.find("customers", (owner,)) is None:
            return [self._stray("customer", "customers", (owner,))]
        if "email" in row:
            faults += self._addressed(kind, row["email"].lower())
        if kind is kinds.CALENDARS and row["body"]:
            faults += self._names(row)
        theirs = kind not in (kinds.SITES, kinds.PEOPLE)  # where one of ours works is no site of a customer
        if theirs and row.get("site") and self.find("sites", (owner, row["site"])) is None:
            faults.append(self._stray("site", "sites", (owner, row["site"])))
        if kind is not kinds.MACHINES and row.get("machine"):
            machine = self.find("machines", (row["machine"],))
            if machine is None:
                faults.append(self._stray("machine", "machines", (row["machine"],)))
            elif machine["customer"] != owner:
                faults.append(Fault("machine", "belongs to another customer", "name one of this contract's customer"))
        return faults

    def _addressed(self, kind: Kind, email: str) -> Iterator[Fault]:
        """An address belongs to one of ours or to one of theirs, and to nobody else."""
        if kind is kinds.NAMED:
            if self.find("people", (email,)) is None:
                yield self._stray("email", "people", (email,))
            return
        other, whose = ("people", "one of ours") if kind is kinds.CONTACTS else ("contacts", "a customer's contact")
        if self.find(other, (email,)) is not None:
            yield Fault("email", f"is the address of {whose}", "use another address")

    def _names(self, row: Row) -> Iterator[Fault]:
        """A calendar names others that are known, and not itself by a detour."""
        named = {name: calendar_names.named_in(json.loads(body)) for name, body in self._bodies.items()}
        mine = row["calendar"]
        named[mine] = calendar_names.named_in(json.loads(row["body"]))
        for name in sorted(named[mine] - named.keys()):
            yield Fault("body", f"names the calendar {name}, which is not known here", _BRING)
        if way := calendar_names.circle(mine, named):
            yield Fault("body", f"goes round in a circle, {' to '.join(way)}", "name other calendars")

    def of_terms(self, row: Row, customer: str) -> list[Fault]:
        """The calendars that terms name and that are not there for this customer."""
        owners = {key[0]: one["customer"] for rows in (self._known.get("calendars", {}), self.after["calendars"])
                  for key, one in rows.items()}  # fmt: skip
        own = Terms.from_json(terms_rows.body(row))
        missing = sorted(
            name for name in own.named() - set(own.clocks.calendars) if owners.get(name) not in ("", customer)
        )
        return [Fault("contract", f"has terms that name the calendar {name}, which is not known here", _BRING)
                for name in missing]  # fmt: skip

    def _stray(self, field: str, kind: str, key: Key) -> Fault:
        at = self.refused.get((kind, key))
        one = kinds.BY_NAME[kind].one
        if at is not None:
            return Fault(field, f"names a {one} that is refused", f"mend line {at[1]} of {at[0]} first")
        return Fault(field, f"names no {one} known here", f"correct it, or bring it along in {kind}.csv")


def _bodies(known: Known, coming: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The newest body of each calendar, those the files bring included; one that cannot be read is left to its line."""
    found: dict[str, str] = {}
    rows = [*known.get("calendars", {}).values(), *coming]
    for row in sorted(rows, key=lambda row: row.get("version", "").zfill(9)):
        try:
            found[row["calendar"]] = fields.calendar(row["body"])
        except (KeyError, fields.Unfit):
            continue
    return found
