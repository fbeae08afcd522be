"""What `vigie work` does: the duty desk's loops, and the upkeep of broker and tables, side by side in one process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from app import providers
from app.sealing import house_secrets
from app.settings import Settings
from escalation import diagnostics, wake, work
from escalation.loops import Loop, run_loops
from escalation.second_look import second_look_loop
from models.session import Sessions, make_engine, make_sessions
from telemetry import again, broker, broker_watch, history, log_trimming, retention, rollups, silence, traces
from telemetry.doorstep import Doorstep
from telemetry.log_door import open_writer

# How soon an enrolment reaches the broker, and how soon a machine past its patience is noticed.
_ACCOUNTS_S = 2.0
_SILENCE_S = 5.0
_LETTERS_S = 2.0
_COMPACTION_S = 60.0
_TRACES_S = 3600.0
_RETENTION_S = 600.0


def main(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; each loop ends after the turn it is in."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    engine = make_engine(settings.database_for("worker"), pool_size=6, name="vigie-work")
    sessions = make_sessions(engine)
    channels = work.make_channels(
        mail_from=settings.mail_from,
        smtp_url=settings.smtp_url,
        folder=settings.data / "mail",
        secrets=house_secrets(settings),
        house=settings.address,
        allow_private=settings.webhook_allow_private,
        pagerduty_url=settings.pagerduty_url,
        providers=providers.declared(settings),
    )
    desk, close = work.desk_loops(
        sessions,
        channels,
        utc_now,
        alarm_url=settings.alarm_url,
        heartbeat_url=settings.heartbeat_url,
        allow_private=settings.webhook_allow_private,
    )
    try:
        run_loops(
            [*desk, *upkeep(settings, sessions)], stop, utc_now,
            nudges=partial(wake.listen, settings.database_for("worker")),
        )  # fmt: skip
    finally:
        close()
        engine.dispose()


def upkeep(settings: Settings, sessions: Sessions) -> list[Loop]:
    """The loops of the telemetry floor: no notification is about them, so none wakes them."""
    every = [
        Loop("accounts", _ACCOUNTS_S, broker.credentials_loop(settings, sessions), nudged=False),
        Loop("attempts", _ACCOUNTS_S, broker_watch.watch_loop(settings, sessions), nudged=False),
        Loop("silence", _SILENCE_S, silence.silence_loop(sessions), nudged=False),
        Loop("fleet events", _SILENCE_S, second_look_loop(sessions), nudged=False),
        Loop("diagnostics", _LETTERS_S, diagnostics.expiring_loop(sessions), nudged=False),
        Loop("letters", _LETTERS_S, again.sending_loop(sessions, _doorstep(settings)), nudged=False),
        Loop("traces", _TRACES_S, traces.forgetting_loop(sessions), nudged=False),
        Loop("compaction", _COMPACTION_S, history.compaction_loop(sessions), nudged=False),
        Loop("roll-ups", _COMPACTION_S, rollups.rolling_loop(sessions), nudged=False),
        Loop("retention", _RETENTION_S, retention.retention_loop(sessions), nudged=False),
    ]
    if settings.log == "postgres":
        trimming = log_trimming.trimming_loop(sessions, settings.log_keep_s)
        every.append(Loop("log", _COMPACTION_S, trimming, nudged=False))
    return every


def _doorstep(settings: Settings) -> Callable[[], Doorstep]:
    return lambda: Doorstep(open_writer(settings), settings.partitions)


def utc_now() -> datetime:
    """The instant, where it is first met."""
    return datetime.now(UTC)
