"""Alertmanager's webhook (version 4), and what speaks like it: Grafana, Mimir, vmalert behind an Alertmanager; and what
a Prometheus sends to an Alertmanager itself (its API, version 2). Plain.

A notification tells of a group. `status` is the group's: it reads "firing" while anything in it fires, so each alert
goes by its own. A resolved group has nothing open any more, listed or cut off.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from escalation.inbound.body import BadBody
from escalation.inbound.events import (
    LONGEST_KEY,
    Action,
    Batch,
    Door,
    Event,
    Group,
    bounded,
    first_text,
    host_names,
    instant,
    line_of,
    text_of,
)

# Labels that may name the machine, the likeliest first.
_HOSTS = ("vigie_machine", "machine", "host", "hostname", "nodename", "node", "instance", "exported_instance", "server")


def parse(body: dict[str, Any], door: Door, now: datetime | None = None) -> Batch:
    """One notification, or one list of alerts of the API, which are over when their end lies before `now` (where that
    is not known, when they have one). Raises BadBody."""
    if is_of_api(body):
        return _of_api(body["items"], door, now)
    alerts = body.get("alerts", "")
    alerts = [] if alerts is None else alerts  # what Go says for a list of nothing
    if not isinstance(alerts, list) or not all(isinstance(each, dict) for each in alerts):
        raise BadBody("alerts", "is not a list of alerts", "send what Alertmanager's webhook_config sends (version 4)")
    status = text_of(body.get("status")).lower()
    if status not in ("firing", "resolved"):
        raise BadBody("status", "is neither firing nor resolved", "send what Alertmanager's webhook_config sends")
    common = {name: _object(body, name) for name in ("groupLabels", "commonLabels", "commonAnnotations")}
    key = text_of(body.get("groupKey"), LONGEST_KEY + 1) or _labels_key(common["groupLabels"] or common["commonLabels"])
    if len(key) > LONGEST_KEY:
        key = hashlib.sha256(key.encode()).hexdigest()
    cut_off = text_of(body.get("truncatedAlerts"), 40)
    group = Group(key, status == "firing", min(int(cut_off), 2**31 - 1) if cut_off.isdecimal() else 0)
    if door.one_for == "group":
        return Batch((_of_group(body, alerts, common, group, door),), group)
    return Batch(tuple(_of_alert(alert, body, common, group, door) for alert in alerts), group)


def is_of_api(body: Mapping[str, Any]) -> bool:
    """Whether this is a list of alerts as Prometheus and amtool post it to `/api/v2/alerts`."""
    items = body.get("items")
    return set(body) == {"items"} and isinstance(items, list) and all(isinstance(one, dict) for one in items)


def _of_api(alerts: list[dict[str, Any]], door: Door, now: datetime | None) -> Batch:
    """Alerts without state, group or fingerprint: a Prometheus says them again every minute, each with the instant at
    which it would be over if nothing more were heard; an end that is past means that it is over."""
    events = []
    for at, alert in enumerate(alerts):
        labels = _object(alert, "labels")
        if not labels:
            raise BadBody(f"[{at}].labels", "is missing", "send what Prometheus posts to /api/v2/alerts")
        ends = instant(alert.get("endsAt"))
        is_over = ends is not None and (now is None or ends <= now)
        said = {**alert, "status": "resolved" if is_over else "firing", "fingerprint": fingerprint(labels)}
        events.append(_of_alert(said, {}, {"commonLabels": {}, "commonAnnotations": {}}, Group("", True), door))
    return Batch(tuple(events))


def fingerprint(labels: Mapping[str, Any]) -> str:
    """What Alertmanager calls an alert of these labels: FNV-1a over their sorted names and values, so that it is the
    same alert whether we hear of it from Prometheus or through an Alertmanager."""
    found = 0xCBF29CE484222325
    for name in sorted(labels):
        for part in (name, text_of(labels[name])):
            for byte in (*part.encode("utf-8", "replace"), 0xFF):
                found = ((found ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{found:016x}"


def _of_alert(
    alert: dict[str, Any], body: dict[str, Any], common: dict[str, dict[str, Any]], group: Group, door: Door
) -> Event:
    labels = {**common["commonLabels"], **_object(alert, "labels")}
    notes = {**common["commonAnnotations"], **_object(alert, "annotations")}
    status = text_of(alert.get("status")).lower()
    resolved = status == "resolved" if status else not group.is_open
    level = first_text(labels.get("severity"), labels.get("priority"), most=60)
    name = first_text(labels.get("alertname"), body.get("title"), "alert")
    where = first_text(*(labels.get(each) for each in _HOSTS))
    return Event(
        Action.RESOLVE if resolved else Action.TRIGGER,
        _fingerprint(alert, labels),
        line_of(first_text(notes.get("summary"), notes.get("title")) or (f"{name} on {where}" if where else name)),
        severity=door.severity(level),
        level=level,
        summary=first_text(notes.get("description"), notes.get("message"), notes.get("summary")),
        group=group.key,
        machines=host_names(*(labels.get(each) for each in _HOSTS)),
        cause=text_of(labels.get("vigie_cause"), 200),
        shared=True,
        starts=text_of(alert.get("startsAt"), 60),
        began_at=instant(alert.get("startsAt")),
        ended_at=instant(alert.get("endsAt")),
        facts=bounded(
            {
                "labels": labels,
                "annotations": notes,
                "generator": text_of(alert.get("generatorURL")),
                "sender": text_of(body.get("externalURL")),
                "group": group.key,
                "cut_off": group.cut_off,
            }
        ),
    )


def _of_group(
    body: dict[str, Any], alerts: list[dict[str, Any]], common: dict[str, dict[str, Any]], group: Group, door: Door
) -> Event:
    """The whole group as one condition, as grave as the gravest alert that fires in it."""
    each = [_of_alert(alert, body, common, group, door) for alert in alerts]
    firing = [event for event in each if event.action is Action.TRIGGER] or each
    worst = min(firing, key=lambda event: event.severity, default=None)
    labels, notes = common["commonLabels"], common["commonAnnotations"]
    name = first_text(notes.get("summary"), labels.get("alertname"), common["groupLabels"].get("alertname"), group.key)
    count = len(firing) + group.cut_off
    machines = {event.machines for event in each}
    return Event(
        Action.TRIGGER if group.is_open else Action.RESOLVE,
        group.key,
        line_of(worst.title if count == 1 and worst else f"{name} ({count} alerts)"),
        severity=worst.severity if worst else 3,
        level=worst.level if worst else "",
        summary="\n".join(event.title for event in firing[:20]),
        group=group.key,
        machines=machines.pop() if len(machines) == 1 else (),
        cause=text_of(labels.get("vigie_cause"), 200),
        shared=True,
        began_at=min((event.began_at for event in firing if event.began_at), default=None),
        facts=bounded({"labels": labels, "annotations": notes, "sender": text_of(body.get("externalURL")),
                       "group": group.key, "cut_off": group.cut_off}),
    )  # fmt: skip


def _object(holder: dict[str, Any], name: str) -> dict[str, Any]:
    found = holder.get(name)
    return found if isinstance(found, dict) else {}


def _fingerprint(alert: dict[str, Any], labels: dict[str, Any]) -> str:
    """The sender's own, else one of the labels: the same alert has the same whoever tells of it."""
    given = text_of(alert.get("fingerprint"), 200)
    return given or _labels_key(labels)


def _labels_key(labels: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(labels, sort_keys=True).encode()).hexdigest()[:16]
