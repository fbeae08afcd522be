"""Who may do what: one table. A right is a word `noun:verb`; roles and keys are given rights, routes ask for one.

Whose rows are seen is another matter, settled by the database (row-level security): a contact's `incidents:read`
reaches the incidents of their own customer and no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

RIGHTS: Mapping[str, str] = {
    "customers:read": "read customers and sites",
    "customers:write": "add and change customers and sites",
    "people:read": "read people and contacts",
    "people:write": "add, change and deactivate people",
    "people:crown": "make and change administrators",
    "contracts:read": "read contracts, terms and lines",
    "contracts:write": "add contracts, change their state, terms and lines",
    "contracts:confirm": "confirm, as a second person, a change that lowers a promise or moves the tier",
    "machines:read": "read machines, their state and history",
    "machines:write": "enrol machines, rotate their credential, retire them",
    "history:erase": "erase what a machine sent",
    "diagnostics:consent": "let us take readings from a machine, for a while",
    "maintenance:write": "plan windows of maintenance, and call them off",
    "reports:write": "send telemetry for machines over HTTP",
    "incidents:read": "read incidents with timeline, evidence and promises",
    "incidents:open": "ask for an incident, reply to it",
    "incidents:escalate": "escalate an incident",
    "incidents:act": "work on incidents: acknowledge, claim, note, wait, resolve and the rest",
    "duty:read": "read who is on duty, ask for cover, say when one is away",
    "duty:write": "change schedules, trainings, detachments, and when others are away",
    "findings:read": "read findings, shadow ones included",
    "decisions:read": "read what contracts answered, and ask what they would",
    "platform:read": "read processes, delivery ledger and dead letters",
    "platform:write": "have dead letters sent the way again",
    "models:read": "read models, their lineage, and what a challenger would open",
    "models:write": "put models in the shadow, promote them, roll them back",
    "doors:read": "read the doors of alerts, and what came through them",
    "doors:write": "make, change and close doors for alerts",
    "tokens:write": "make, list and revoke keys for programs",
}

_READ = frozenset(
    (
        "doors:read",
        "customers:read",
        "contracts:read",
        "machines:read",
        "incidents:read",
        "findings:read",
        "decisions:read",
    )
)
_DESK = _READ | {"people:read", "incidents:open", "incidents:escalate", "incidents:act", "platform:read",
                 "maintenance:write", "models:read",
                 "duty:read"}  # fmt: skip
_SELL = _DESK | {"customers:write", "people:write", "contracts:write", "contracts:confirm", "machines:write",
                 "tokens:write", "doors:write", "duty:write", "reports:write", "history:erase",
                 "platform:write", "models:write"}  # fmt: skip

ROLES: Mapping[str, frozenset[str]] = {
    "engineer": _DESK,
    "operator": _READ
    | {
        "platform:read",
        "platform:write",
        "machines:write",
        "maintenance:write",
        "reports:write",
        "duty:read",
        "models:read",
        "models:write",
    },
    "manager": _SELL,
    "administrator": frozenset(RIGHTS),
    "contact": _READ,
}

# What a contact may do beyond reading, by the words in `people.may`.
CONTACT_MAY: Mapping[str, frozenset[str]] = {
    "open": frozenset({"incidents:open"}),
    "escalate": frozenset({"incidents:escalate"}),
    # Signing is a matter of dossiers, which the API does not carry; who signs for a customer also says what is erased
    # and whether we may look.
    "sign": frozenset({"history:erase", "diagnostics:consent"}),
}

# A customer's key can never do more than the best-placed contact.
CUSTOMER_KEY = _READ | {"incidents:open", "incidents:escalate", "reports:write", "history:erase"}


def of_person(role: str, may: Iterable[str]) -> frozenset[str]:
    """The rights of a person of this role; `may` counts for contacts only."""
    rights = ROLES[role]
    if role == "contact":
        for word in may:
            rights |= CONTACT_MAY.get(word, frozenset())
    return rights


def of_key(scopes: Iterable[str], *, customers: bool, maker: frozenset[str] | None) -> frozenset[str]:
    """What a key may do now: its scopes, but no more than its maker may today, nor more than a customer ever may."""
    rights = frozenset(scopes) & frozenset(RIGHTS)
    if customers:
        rights &= CUSTOMER_KEY
    return rights if maker is None else rights & maker
