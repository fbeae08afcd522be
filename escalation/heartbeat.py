"""The dead-man signal: while the desk is well it asks an address once a minute; silence is the alarm, raised elsewhere.

It is sent only while the watchman has looked around lately and found every process at work, so a desk that hangs falls
silent as surely as one that is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from escalation.channels.guarded import judge
from escalation.channels.guarded import send as send_guarded
from escalation.loops import Loop

EVERY_S = 60.0
# The watchman looks once a minute; twice missed means that it looks no more.
_LOOKED_WITHIN = timedelta(minutes=3)


def beat(url: str, well_at: datetime | None, now: datetime, *, allow_private: bool = False) -> bool:
    """Ask the address if the desk is well; whether it was asked. Raises ChannelError when nobody takes it there."""
    if well_at is None or now - well_at > _LOOKED_WITHIN:
        return False
    answer = send_guarded(url, b"", {"Accept": "*/*"}, method="GET", allow_private=allow_private)
    judge(answer, now, gone=())
    return True


def heartbeat_loop(url: str, well_at: Callable[[], datetime | None], *, allow_private: bool = False) -> Loop:
    """The loop that sends it. An address that does not answer is tried again, less and less often."""

    def once(now: datetime) -> None:
        beat(url, well_at(), now, allow_private=allow_private)

    return Loop("heartbeat", EVERY_S, once, nudged=False)
