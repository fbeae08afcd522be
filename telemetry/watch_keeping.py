"""What a watcher keeps beside what it stores: the state of its seats, and the models it fitted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy.exc import IntegrityError

from models.session import SYSTEM, Sessions, work
from telemetry import positions, shelf, sifting, traces
from telemetry.directory import Directory
from telemetry.positions import Place
from telemetry.seat import Seat
from telemetry.told import Told, whole
from telemetry.trying import OF_ITS_OWN

log = structlog.get_logger()

MODELS_A_TURN: Final = 2  # skops takes tens of milliseconds for each


def snapshot(sessions: Sessions, seat: Seat, owner: str) -> str:
    """Keep the state of a seat that has nothing pending; why it cannot be written down, where it cannot.

    Then the one before stays: the log is kept from there on, and heard again from there. Raises `positions.Overtaken`,
    and `sifting.BeginAnew` when a machine was taken away of which it holds traces.
    """
    try:
        state = seat.snapshot()
    except MemoryError:
        raise
    except Exception as problem:  # ours: to end by it would be to meet it again after the next start
        log.exception("watch.snapshot_failed", partition=seat.partition)
        return f"its state cannot be kept ({type(problem).__name__})"
    try:
        with work(sessions, SYSTEM) as session:
            positions.keep_snapshot(session, seat.partition, owner, seat.position, state)
            traces.keep(session, seat.traces)
    except IntegrityError as problem:
        if not sifting.is_foreign(problem):
            raise
        raise sifting.BeginAnew([seat.partition]) from problem
    seat.traces = traces.Traces()
    return ""


def restore(seat: Seat, place: Place) -> str:
    """Bring a new seat to the state that was kept, if one was; why it cannot be, where it cannot."""
    if place.snapshot is None:
        return ""
    try:
        seat.restore(place.snapshot)
    except ValueError as problem:
        log.warning("watch.snapshot_unusable", partition=seat.partition, why=str(problem))
        return "learns anew, because its snapshot could not be used"
    seat.reached = place.snapshot_position
    return ""


def go_on(seat: Seat, cycles: dict[int, bytes]) -> list[Told]:
    """Where a seat has come to its position, it goes on with the cycles that were open there, by partition.

    What else was open in it had been complete by then: that is heard again, as the rest of what lies before.
    """
    if seat.is_rebuilding or seat.partition not in cycles:
        return []
    return whole(seat.decoder.resume(cycles.pop(seat.partition)), seat.reached - 1)


def models(sessions: Sessions, directory: Directory, seats: Iterable[Seat], now: datetime) -> None:
    """Put models fitted since the last turn onto the shelf, a few at a time: no incident waits for sixty.

    One that cannot be put is said and left out: what it scores does not need it. They wait for a database that is away.
    """
    for seat in seats:
        if not seat.models or seat.is_rebuilding:
            continue
        names = list(seat.models)[:MODELS_A_TURN]
        try:
            # Before the transaction: see `effects.artefacts`.
            artefacts = {name: shelf.dumped(seat.models[name], machine=name) for name in names}
            with work(sessions, SYSTEM) as session:
                for name, who in directory.look_up(session, set(names), now).items():
                    shelf.put(session, artefacts[name], customer_id=who.customer_id, machine_id=who.machine_id, now=now)
        except OF_ITS_OWN as problem:
            log.warning("watch.models_wait", machines=names, why=str(problem.orig).strip())
            return
        except Exception as problem:
            if not sifting.may_be_of_one(problem) and not sifting.is_foreign(problem):
                raise
            log.exception("watch.models_not_kept", machines=names)  # else met again and again, it ends every watcher
        seat.models = {name: model for name, model in seat.models.items() if name not in names}
        return
