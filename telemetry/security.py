"""Writing the security log: what was tried, by whom, from where, and what was done. What repeats is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.base import new_id
from models.machines import Machine
from models.security import SecurityEvent
from telemetry.broker_log import CONNECTED, Sighting
from telemetry.enrol import machine_of
from telemetry.envelope import Envelope
from telemetry.told import AtDoor

# Kind → what it is, for a person; the same words on the page and in the API's document.
KINDS: Final[Mapping[str, str]] = {
    "wrong_credential": "a name nobody has, or not its secret",
    "bad_certificate": "a certificate that is not ours, not good any more, or taken back",
    "foreign_topic": "wrote under a topic that is not its own",
    "foreign_listening": "asked to hear what is not addressed to it",
    "foreign_machine": "reported for a machine it may not speak for",
    "oversize": "a packet larger than the broker takes",
    "malformed": "bytes that are no MQTT",
    "connect_flood": "more connections, or refusals, than anybody needs",
    "pushed_out": "two programs with one name push each other out",
    "cut_off": "its credential ended while it was connected",
    "wrong_code": "an enrolment code that opens nothing",
    "enrolment_flood": "more enrolments than a code or an address may ask for",
}
# Kind → what came of it, when nothing else was done.
_DONE: Final = {
    "foreign_listening": "hears nothing of it", "pushed_out": "the older one was cut", "cut_off": "cut",
    "oversize": "cut", "malformed": "cut",
}  # fmt: skip
_SLOT: Final = timedelta(minutes=10)
_KEPT: Final = timedelta(days=400)
_ROWS_A_SLOT: Final = 500  # of one kind; the rest are counted together, since names and topics are anybody's invention
_MORE: Final = "and more of the same kind"


def note(session: Session, sightings: Iterable[Sighting], door: str, done: Mapping[str, str] | None = None) -> int:
    """Write down what was seen; returns how many attempts that were. `done`: user name → what was done about it."""
    grouped: dict[tuple[Any, ...], list[Sighting]] = {}
    for one in sightings:
        if one.kind != CONNECTED:
            at = datetime.fromtimestamp(one.at, UTC)
            grouped.setdefault((one.kind, one.user, one.address, one.detail, _slot(at)), []).append(one)
    if not grouped:
        return 0
    room = _room(session, {key[-1] for key in grouped})
    owners = _owners(session, {machine_of(key[1]) for key in grouped})
    for (kind, user, address, detail, slot), many in sorted(grouped.items(), key=lambda pair: pair[0]):
        room[kind, slot] -= 1
        if room[kind, slot] < 0:
            user, address, detail = "", "", _MORE
        machine_id, customer_id = owners.get(machine_of(user), (None, None))
        first, last = min(one.at for one in many), max(one.at for one in many)
        _add(session, {
            "id": new_id(), "kind": kind, "username": user, "address": address, "detail": detail, "slot": slot,
            "client": many[-1].client, "door": door,
            "done": (done or {}).get(user, "") or _DONE.get(kind, "refused"),
            "first_at": datetime.fromtimestamp(first, UTC), "last_at": datetime.fromtimestamp(last, UTC),
            "count": sum(one.count for one in many), "machine_id": machine_id, "customer_id": customer_id,
        })  # fmt: skip
    return sum(one.count for many in grouped.values() for one in many)


def note_foreign(session: Session, spoken: Iterable[tuple[Envelope, str]]) -> None:
    """Somebody spoke for a machine without being its gateway; with what it said, the machine it spoke for."""
    seen = []
    for envelope, machine in spoken:
        topic = envelope.topic.decode("utf-8", "replace").replace("\0", "")
        door = AtDoor.read(topic)
        if door is not None:  # over HTTP, with the secret of whoever brought it
            note(session, [Sighting(envelope.arrived_ms / 1000, "foreign_machine", door.machine[:100],
                                    detail=f"for {door.about[:63]} in {door.kind}")], "http")  # fmt: skip
            continue
        speaker = topic.split("/")[1] if topic.startswith("vigie/") else ""
        detail = f"for {machine[:63]} under {topic[:120]}"
        seen.append(Sighting(envelope.arrived_ms / 1000, "foreign_machine", speaker[:100], detail=detail))
    note(session, seen, "mqtt")


def forget_old(session: Session, now: datetime) -> int:
    """Drop what is older than we need it. Returns how many rows."""
    gone = session.execute(delete(SecurityEvent).where(SecurityEvent.last_at < now - _KEPT))
    return int(gone.rowcount)  # type: ignore[attr-defined]  # a delete answers with a CursorResult


def _add(session: Session, row: dict[str, Any]) -> None:
    asked = insert(SecurityEvent).values(row)
    session.execute(
        asked.on_conflict_do_update(
            index_elements=["kind", "username", "address", "detail", "slot"],
            set_={
                "count": SecurityEvent.count + asked.excluded.count,
                "first_at": func.least(SecurityEvent.first_at, asked.excluded.first_at),
                "last_at": func.greatest(SecurityEvent.last_at, asked.excluded.last_at),
                "done": asked.excluded.done,
                "client": asked.excluded.client,
            },
        )
    )


def _room(session: Session, slots: set[datetime]) -> Counter[tuple[str, datetime]]:
    """How many more rows each kind may have in each of these ten minutes."""
    stand = session.execute(
        select(SecurityEvent.kind, SecurityEvent.slot, func.count())
        .where(SecurityEvent.slot.in_(slots))
        .group_by(SecurityEvent.kind, SecurityEvent.slot)
    ).all()
    room = Counter({(kind, slot): _ROWS_A_SLOT for kind in KINDS for slot in slots})
    room.subtract({(kind, slot): count for kind, slot, count in stand})
    return room


def _owners(session: Session, names: set[str]) -> dict[str, Sequence[Any]]:
    rows = session.execute(select(Machine.name, Machine.id, Machine.customer_id).where(Machine.name.in_(names)))
    return {row.name: (row.id, row.customer_id) for row in rows}


def _slot(at: datetime) -> datetime:
    return at.replace(minute=at.minute - at.minute % (_SLOT.seconds // 60), second=0, microsecond=0)
