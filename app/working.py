"""What `vigie work` does: the duty desk's loops, and the upkeep of broker and tables, side by side in one process."""

from __future__ import annotations

import base64
import os
import secrets
import signal
import threading
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from app.settings import Settings
from escalation import wake, work
from escalation.loops import Loop, run_loops
from models.session import Sessions, make_engine, make_sessions
from telemetry import broker, history, log_trimming, silence

# How soon an enrolment reaches the broker, and how soon a machine past its patience is noticed.
_ACCOUNTS_S = 2.0
_SILENCE_S = 5.0
_COMPACTION_S = 60.0


def main(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; each loop ends after the turn it is in."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    engine = make_engine(settings.database_for("worker"), pool_size=3, name="vigie-work")
    sessions = make_sessions(engine)
    channels = work.make_channels(
        mail_from=settings.mail_from,
        smtp_url=settings.smtp_url,
        folder=settings.data / "mail",
        secrets=[settings.webhook_secret.get_secret_value() or webhook_secret(settings.data / "webhook.secret")],
        house=settings.address,
        allow_private=settings.webhook_allow_private,
    )
    desk, close = work.desk_loops(sessions, channels, utc_now)
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
        Loop("silence", _SILENCE_S, silence.silence_loop(sessions), nudged=False),
        Loop("compaction", _COMPACTION_S, history.compaction_loop(sessions), nudged=False),
    ]
    if settings.log == "postgres":
        trimming = log_trimming.trimming_loop(sessions, settings.log_keep_s)
        every.append(Loop("log", _COMPACTION_S, trimming, nudged=False))
    return every


def webhook_secret(file: Path) -> str:
    """The secret that signs outgoing webhooks, in the form Standard Webhooks gives it; made at the first call."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text().strip()
    made = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    with os.fdopen(handle, "w") as out:
        out.write(made + "\n")
    return made


def utc_now() -> datetime:
    """The instant, where it is first met."""
    return datetime.now(UTC)
