"""What the parts of the house say of themselves that a person must know, such as one that stands still. Plain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from models.telemetry import ProcessBeat

_BLINK = timedelta(seconds=30)  # a part that is started again needs no person
_BEAT = timedelta(minutes=2)  # a process that has not said a word for so long does not get on

Found = tuple[str, str, str, datetime]  # rule, subject, words, since


def find(beats: Sequence[ProcessBeat], now: datetime) -> list[Found]:
    """Every alarm that `beats`, all there are, give cause for."""
    return [*_processes(beats, now), *_way_in(beats, now), *_dropped(beats, now), *_unlearned(beats, now)]


def _processes(beats: Sequence[ProcessBeat], now: datetime) -> list[Found]:
    return [
        (
            "process_stuck",
            one.name,
            f"{one.name} has not made progress since {one.beat_at:%Y-%m-%d %H:%M} UTC.",
            one.beat_at,
        )
        for one in beats
        if one.state != "stopped" and one.beat_at < now - _BEAT
    ]


def _way_in(beats: Sequence[ProcessBeat], now: datetime) -> list[Found]:
    """One alarm for a closed way, however many machines are unknown by it: of them nobody is called silent."""
    path = next((beat for beat in beats if beat.name == "path"), None)
    if path is None or path.state != "closed" or now - path.started_at < _BLINK:
        return []
    unknown, because = path.facts.get("unknown_machines", 0), path.facts.get("because", "")
    closed = f"The way from the machines to us is closed since {path.started_at:%Y-%m-%d %H:%M} UTC"
    return [("path_closed", "the way in", f"{closed}: {because}; {unknown} are unknown.", path.started_at)]


def _dropped(beats: Sequence[ProcessBeat], now: datetime) -> list[Found]:
    """A broker threw away what it had acknowledged: its queue was full, and only who sends again still has it."""
    return [
        (
            "messages_dropped", beat.name,
            f"The broker of {beat.name} has dropped {dropped} messages since it started: its queue was full. "
            "Our agents send theirs again; those of others are lost.", beat.started_at,
        )
        for beat in beats
        if beat.name.startswith("bridge") and beat.beat_at > now - _BEAT
        if (dropped := int(beat.facts.get("dropped_by_broker", 0)))
    ]  # fmt: skip


def _unlearned(beats: Sequence[ProcessBeat], now: datetime) -> list[Found]:
    """A mistake of ours: a machine whose history is stored is judged as if it were new."""
    return [
        ("history_unlearned", beat.name, f"{beat.name}: {said}.", beat.beat_at)
        for beat in beats
        if beat.beat_at > now - _BEAT and (said := str(beat.facts.get("unlearned") or ""))
    ]
