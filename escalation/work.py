"""The duty desk's own loops: deliver what is due, tick the clocks, watch over both."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol

import structlog
from pydantic import SecretStr

from escalation.auditor import Watchman
from escalation.channels import Channel
from escalation.channels.email import mail_server
from escalation.channels.maildir import mail_folder
from escalation.channels.webhook import webhook
from escalation.deliver import Deliverer
from escalation.loops import Loop, run_loops
from escalation.tick import tick_all
from escalation.wake import listen
from models.session import Sessions, make_engine, make_sessions

log = structlog.get_logger("work")

# Everything is exact by its own due instant and by notification; these are how soon a lost notification is made good.
_DELIVER_S = 15.0
_TICK_S = 15.0
_AUDIT_S = 60.0
_AT_ONCE = 200  # incidents a tick; more are due at once only after a sleep


class Settings(Protocol):
    """What the desk needs of the house's settings."""

    @property
    def data(self) -> Path: ...
    @property
    def mail_from(self) -> str: ...
    @property
    def smtp_url(self) -> str: ...
    @property
    def webhook_secret(self) -> SecretStr: ...
    @property
    def webhook_allow_private(self) -> bool: ...
    @property
    def address(self) -> str: ...

    def database_for(self, role: Literal["web", "worker", "owner"]) -> str: ...


def make_channels(
    *,
    mail_from: str,
    smtp_url: str,
    folder: Path,
    secrets: Sequence[str],
    house: str,
    allow_private: bool = False,
) -> dict[str, Channel]:
    """The channels by name. Mail goes to `folder` when there is no server; webhooks need at least one secret."""
    to_folder = mail_folder(folder, mail_from, house)
    channels = {"file": to_folder, "email": mail_server(smtp_url, mail_from, house) if smtp_url else to_folder}
    if secrets:
        channels["webhook"] = webhook(secrets, house, allow_private=allow_private)
    return channels


def desk_loops(
    sessions: Sessions, channels: Mapping[str, Channel], clock: Callable[[], datetime]
) -> tuple[list[Loop], Callable[[], None]]:
    """The loops `deliver`, `tick` and `auditor`, and what ends the sender's threads once they have stopped."""

    def again() -> None:
        deliver.nudge()

    deliverer = Deliverer(sessions, channels, clock, done=again)
    watchman = Watchman(sessions, channels)

    def ticking(now: datetime) -> datetime | None:
        changed, due = tick_all(sessions, now, _AT_ONCE)
        return now if changed >= _AT_ONCE else due

    deliver = Loop("deliver", _DELIVER_S, deliverer.once)
    tick = Loop("tick", _TICK_S, ticking)
    auditor = Loop("auditor", _AUDIT_S, watchman.once, nudged=False)
    return [deliver, tick, auditor], deliverer.close


def main(settings: Settings, stop: threading.Event | None = None) -> None:
    """Run the desk until `stop` is set; without one, until SIGTERM or SIGINT. What is being sent is finished first."""
    if stop is None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_, over=stop: over.set())
    url = settings.database_for("worker")
    engine = make_engine(url, name="vigie-work")
    secret = settings.webhook_secret.get_secret_value()
    channels = make_channels(
        mail_from=settings.mail_from,
        smtp_url=settings.smtp_url,
        folder=settings.data / "mail",
        secrets=[secret] if secret else [],
        house=settings.address,
        allow_private=settings.webhook_allow_private,
    )

    def clock() -> datetime:
        return datetime.now(UTC)

    loops, end = desk_loops(make_sessions(engine), channels, clock)
    log.info("desk opens", channels=sorted(channels))
    try:
        run_loops(loops, stop, clock, nudges=lambda nudge, over: listen(url, nudge, over))
    finally:
        end()
        engine.dispose()
        log.info("desk closes")
