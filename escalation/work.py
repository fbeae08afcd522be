"""The duty desk's own loops: deliver what is due, tick the clocks, watch over both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from escalation import (
    company,
    consequences,
    contract_watch,
    echo,
    handover,
    outbox,
    pressing,
    proving,
    still_held,
    waiting_line,
)
from escalation.auditor import Watchman
from escalation.channels import Channel, acklink
from escalation.channels.chat import slack, teams
from escalation.channels.email import mail_server
from escalation.channels.maildir import mail_folder
from escalation.channels.pagerduty import PUBLIC, pagerduty
from escalation.channels.provider import Provider, provider_channel
from escalation.channels.webhook import webhook
from escalation.deliver import Deliverer
from escalation.heartbeat import heartbeat_loop
from escalation.inbound import left_open
from escalation.loops import Loop
from escalation.tick import tick_all
from models.session import SYSTEM, Sessions, work

# Everything is exact by its own due instant and by notification; these are how soon a lost notification is made good.
_DELIVER_S = 15.0
_TICK_S = 15.0
_AUDIT_S = 60.0
_CONTRACTS_S = 60.0
_REACH_S = 300.0
_DOORS_S = 600.0
_TURNS_S = 60.0
_AT_ONCE = 200  # incidents a tick; more are due at once only after a sleep


def make_channels(
    *,
    mail_from: str,
    smtp_url: str,
    folder: Path,
    secrets: Sequence[str],
    house: str,
    allow_private: bool = False,
    pagerduty_url: str = PUBLIC,
    providers: Sequence[Provider] = (),
) -> dict[str, Channel]:
    """The channels by name. Mail goes to `folder` when there is no server; webhooks need at least one secret.

    A provider serves under its own name, and the first of its kind as `sms` or `voice`.
    """
    key = acklink.key_of(secrets[0]) if secrets else b""
    to_folder = mail_folder(folder, mail_from, house, acknowledge=key)
    to_server = mail_server(smtp_url, mail_from, house, acknowledge=key) if smtp_url else to_folder
    channels: dict[str, Channel] = {
        "file": to_folder,
        "email": to_server,
        "slack": slack(house, allow_private=allow_private),
        "teams": teams(house, allow_private=allow_private),
        "pagerduty": pagerduty(house, pagerduty_url.rstrip("/"), allow_private=allow_private),
    }
    if secrets:
        channels["webhook"] = webhook(secrets, house, allow_private=allow_private)
    for provider in providers:
        channel = provider_channel(provider, house, key, allow_private=allow_private)
        channels.setdefault(provider.channel, channel)
        channels[provider.name] = channel
    return channels


def desk_loops(
    sessions: Sessions,
    channels: Mapping[str, Channel],
    clock: Callable[[], datetime],
    *,
    alarm_url: str = "",
    heartbeat_url: str = "",
    allow_private: bool = False,
) -> tuple[list[Loop], Callable[[], None]]:
    """The loops of the desk, and what ends the sender's threads once they have stopped."""

    def again() -> None:
        deliver.nudge()

    deliverer = Deliverer(sessions, channels, clock, done=again)
    watchman = Watchman(sessions, channels, alarm_url)

    def echoing(now: datetime) -> None:
        with work(sessions, SYSTEM) as session:
            echo.write(session, now)

    def delivering(now: datetime) -> datetime | None:
        due = deliverer.once(now)
        with work(sessions, SYSTEM) as session:
            outbox.let_go_unshown(session, now)
        return due

    def ticking(now: datetime) -> datetime | None:
        changed, due = tick_all(sessions, now, _AT_ONCE)
        waiting_line.serve(sessions, now)
        handover.climb_unanswered(sessions, now)
        pressing.remind(sessions, now)
        _, alone_at = company.attend(sessions, now)
        if changed >= _AT_ONCE:
            return now
        with work(sessions, SYSTEM) as session:
            ahead = (due, alone_at, handover.next_due(session), pressing.next_due(session))
        return min((at for at in ahead if at is not None), default=None)

    def contracts_end(now: datetime) -> None:
        with work(sessions, SYSTEM) as session:
            consequences.expire(session, now)
        contract_watch.once(sessions, now)

    def prove(now: datetime) -> None:
        proving.test_due(sessions, now)

    def turns_end(now: datetime) -> datetime | None:
        return still_held.attend(sessions, now)[1]

    def look_after_doors(now: datetime) -> None:
        left_open.settle(sessions, now)

    # Apart, so that nothing that goes wrong with an echo keeps a page from leaving.
    echoes = Loop("echo", _DELIVER_S, echoing)
    deliver = Loop("deliver", _DELIVER_S, delivering)
    tick = Loop("tick", _TICK_S, ticking)
    auditor = Loop("auditor", _AUDIT_S, watchman.once, nudged=False)
    contracts = Loop("contracts", _CONTRACTS_S, contracts_end, nudged=False)
    every = [deliver, echoes, tick, auditor, contracts, Loop("reach", _REACH_S, prove, nudged=False)]
    every.append(Loop("doors", _DOORS_S, look_after_doors, nudged=False))
    every.append(Loop("turns", _TURNS_S, turns_end, nudged=False))
    if heartbeat_url:
        every.append(heartbeat_loop(heartbeat_url, lambda: watchman.well_at, allow_private=allow_private))
    return every, deliverer.close
