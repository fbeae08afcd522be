"""Notifications of Nagios and Icinga: macros as form fields, the environment as JSON, Icinga's own names. Plain.

NOTIFICATIONTYPE rules. While a service flaps, or is in a downtime, its RECOVERY is never sent, so the end of either in
a good state is one. Downtimes and what somebody sends by hand begin nothing.
"""

from __future__ import annotations

import re
from typing import Any

from escalation.inbound.body import BadBody
from escalation.inbound.events import (
    LONGEST_KEY,
    Action,
    Batch,
    Door,
    Event,
    bounded,
    first_text,
    host_names,
    instant,
    line_of,
    text_of,
)

_GOOD = ("OK", "UP")
_SERVICE_STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
_HOST_STATES = ("UP", "DOWN", "UNREACHABLE")

_TYPES = {
    "PROBLEM": Action.TRIGGER,
    "RECOVERY": Action.RESOLVE,
    "ACKNOWLEDGEMENT": Action.ACKNOWLEDGE,
    "ACKNOWLEDGMENT": Action.ACKNOWLEDGE,
    "CUSTOM": Action.REMARK,
    "FLAPPINGSTART": Action.REMARK,
    "FLAPPINGSTOP": Action.REMARK,
    "FLAPPINGEND": Action.REMARK,
    "FLAPPINGDISABLED": Action.REMARK,
    "DOWNTIMESTART": Action.REMARK,
    "DOWNTIMEEND": Action.REMARK,
    "DOWNTIMECANCELLED": Action.REMARK,
    "DOWNTIMEREMOVED": Action.REMARK,
}
# Until these nothing was told of a recovery; a downtime that is over in a good state leaves nothing that goes on.
_HUSH_ENDS = ("FLAPPINGSTOP", "FLAPPINGEND", "FLAPPINGDISABLED", "DOWNTIMEEND", "DOWNTIMECANCELLED", "DOWNTIMEREMOVED")

# Icinga calls an unset macro by its own name, Nagios leaves it as it was.
_UNSET = re.compile(r"\$[A-Za-z0-9_.:]*\$?")

# How serious a state is when its word alone decides; a door may say otherwise.
_STATE_SEVERITY = {"DOWN": 1, "UNREACHABLE": 1, "CRITICAL": 2, "UNKNOWN": 3, "WARNING": 3, "OK": 4, "UP": 4}


def parse(body: dict[str, Any], door: Door) -> Batch:
    """One notification. Raises BadBody."""
    said = fields(body)
    kind = _kind(said)
    host = first_text(said.get("HOSTNAME"), said.get("HOST"), said.get("HOSTDISPLAYNAME"), said.get("HOSTALIAS"))
    if not host:
        raise BadBody("HOSTNAME", "is missing", "send the macro $HOSTNAME$ ($host.name$ in Icinga)")
    service = first_text(
        said.get("SERVICEDESC"), said.get("SERVICEDESCRIPTION"), said.get("SERVICENAME"), said.get("SERVICE")
    )
    if service.startswith(f"{host}!"):  # Icinga's full name of a service
        service = service.removeprefix(f"{host}!")
    about = f"{host}/{service}" if service else host
    if len(about.encode()) > LONGEST_KEY:
        raise BadBody("SERVICEDESC", "is too long", "give the host and service shorter names")
    return Batch((_event(said, kind, host, service, about, door),))


def fields(body: dict[str, Any]) -> dict[str, str]:
    """Macros by their bare upper-case name, whoever spelled them: NAGIOS_HOSTNAME, host_name, {"host": {"name"}}."""
    found: dict[str, str] = {}
    _gather(body, "", found, 0)
    return found


def _gather(value: Any, name: str, found: dict[str, str], depth: int) -> None:
    if isinstance(value, dict) and depth < 5:
        for key, each in value.items():
            _gather(each, name + re.sub(r"[^A-Z0-9]", "", str(key).upper()), found, depth + 1)
        return
    bare = re.sub(r"^(NAGIOS|ICINGA2?|NOTIFY|NOTIFICATION(?=HOST|SERVICE))", "", name)
    words = text_of(value)
    if words and not _UNSET.fullmatch(words):
        found.setdefault(bare, words)


def about(body: dict[str, Any], door: Door | None = None) -> tuple[str, str, str, str]:
    """Type, what it is about, state and number of a notification, as they were sent. Raises BadBody."""
    (event,) = parse(body, door or Door()).events
    said = fields(body)
    return _kind(said), event.key, event.level, said.get("NOTIFICATIONNUMBER", "")


def _kind(said: dict[str, str]) -> str:
    kind = re.sub(r"[^A-Z]", "", first_text(said.get("NOTIFICATIONTYPE"), said.get("TYPE")).upper())
    # Nagios appends the author to some: "DOWNTIMESTART (CRITICAL)", "CUSTOM (OK)".
    known = next((word for word in sorted(_TYPES, key=len, reverse=True) if kind.startswith(word)), "")
    if not known:
        raise BadBody(
            "NOTIFICATIONTYPE",
            "is missing" if not kind else "is no type of notification known here",
            f"send the macro $NOTIFICATIONTYPE$; known are {', '.join(_TYPES)}",
        )
    return known


def _event(said: dict[str, str], kind: str, host: str, service: str, about: str, door: Door) -> Event:
    state = _state(said, service)
    action = _TYPES[kind]
    if kind in _HUSH_ENDS and state in _GOOD:
        action = Action.RESOLVE
    elif kind == "PROBLEM" and state in _GOOD:
        # A volatile service, or a recovery under another name: whatever it is called, it is well now.
        action = Action.RESOLVE
    output = first_text(
        said.get("SERVICEOUTPUT" if service else "HOSTOUTPUT"), said.get("OUTPUT"), said.get("CHECKRESULTOUTPUT")
    )
    longer = first_text(said.get("LONGSERVICEOUTPUT" if service else "LONGHOSTOUTPUT"))
    name = f"{service} on {host}" if service else host
    return Event(
        action,
        about,
        line_of(f"{name} is {state}: {output}" if output else f"{name} is {state or kind}"),
        severity=door.severities.get(state.lower()) or _STATE_SEVERITY.get(state, 3),
        level=state,
        summary="\n".join(part for part in (output, longer.replace("\\n", "\n")) if part)[:2000],
        machines=host_names(
            said.get("HOSTVIGIEMACHINE"), host, said.get("HOSTDISPLAYNAME"), said.get("HOSTALIAS"), said.get("ADDRESS")
        ),
        cause=first_text(said.get("SERVICEVIGIECAUSE"), said.get("HOSTVIGIECAUSE"), said.get("VIGIECAUSE"), most=200),
        shared=True,
        sent_at=instant(said.get("TIMET")),
        number=_whole(said.get("NOTIFICATIONNUMBER", "")),
        by=first_text(said.get("NOTIFICATIONAUTHOR"), said.get("NOTIFICATIONAUTHORNAME"), said.get("AUTHOR"), most=120),
        comment=first_text(said.get("NOTIFICATIONCOMMENT"), said.get("COMMENT")),
        takes_back=True,
        facts=bounded({"macros": {name: words for name, words in said.items() if words}, "type": kind}),
    )


def _state(said: dict[str, str], service: str) -> str:
    of, words = ("SERVICE", _SERVICE_STATES) if service else ("HOST", _HOST_STATES)
    state = first_text(said.get(f"{of}STATE"), said.get("STATE")).upper()
    if state in (*_SERVICE_STATES, *_HOST_STATES):
        return state
    number = (
        state.partition(".")[0] or said.get(f"{of}STATEID", "") or said.get("CHECKRESULTSTATE", "").partition(".")[0]
    )
    return words[int(number)] if number.isdecimal() and int(number) < len(words) else state[:60]


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0
