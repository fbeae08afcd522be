"""The doors through which somebody is told. Each is one function: a letter goes in, a receipt comes out.

A channel promises to come back within `DEADLINE_S`, taken or not. It may be handed the same letter twice (a sender died
before it could write the receipt down), always under the same id, which the receiver sees.
"""

from __future__ import annotations

import socket
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias
from urllib.parse import urlsplit

# Long enough for a slow mail server's greeting delay, far below the lease (outbox.LEASE), so a lease never runs out in
# mid-sending.
DEADLINE_S = 15.0


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be told. `body`: `text` for people, `data` for programs (JSON)."""

    id: uuid.UUID  # the idempotency key
    thread: uuid.UUID  # the incident: letters of one thread belong together
    address: str
    subject: str
    body: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the receiver said when it took the letter; JSON, kept with the notice."""

    facts: Mapping[str, Any] = field(default_factory=dict)


class ChannelError(Exception):
    """The letter was not taken. `permanent`: trying again cannot help. `retry_after_s`: what the receiver asked for."""

    def __init__(self, reason: str, *, permanent: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.retry_after_s = retry_after_s


Channel: TypeAlias = Callable[[Letter, datetime], Receipt]


def masked(channel: str, address: str) -> str:
    """An address as others may read it: whoever holds a routing key or the address of an incoming webhook may post."""
    if channel == "pagerduty":
        return f"…{address[-4:]}"
    if channel in ("slack", "teams", "webhook"):
        parts = urlsplit(address)
        return f"{parts.scheme}://{parts.hostname or ''}/…{address[-4:]}" if parts.hostname else "…"
    return address


@contextmanager
def bounded(peer: Callable[[], object], seconds: float) -> Iterator[None]:
    """Cut the connection that `peer` answers with (a socket, or nothing yet) after `seconds`, whatever it is doing.

    A socket's own time-out starts anew with every byte, so a peer that drips could hold a sender for hours.
    """

    def cut() -> None:
        held = peer()
        if isinstance(held, socket.socket):
            with suppress(OSError):  # it was closed meanwhile, which is what we want
                held.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
