"""Batches of our own reports, as they come over HTTP: NDJSON, a JSON array, or ``{"reports": […]}``. Plain.

An item is a report of our wire with the name of its machine beside it; one with a ``code`` is an event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from telemetry.formats import native
from telemetry.formats.route import Route
from telemetry.formats.strict import each, json_of, machine_ok
from telemetry.reading import Heard, Refused

FORMAT: Final = "batch"
MOST: Final = 500


class Unread(Refused):
    """A line that is no JSON, with its bytes."""

    line: bytes = b""


def items_of(body: bytes) -> list[Any]:
    """The items, not looked into; of NDJSON a line that is no JSON stands as its ``Refused``. Raises ``Refused``."""
    text = body.strip()
    if not text:
        raise Refused("empty")
    lines = [line for line in text.split(b"\n") if line.strip()]
    if text[:1] == b"[" or len(lines) == 1 or (text[:1] == b"{" and not lines[0].rstrip().endswith(b"}")):
        whole = json_of(text)
        if isinstance(whole, dict) and isinstance(whole.get("reports"), list):
            whole = whole["reports"]
        items = whole if isinstance(whole, list) else [whole]
    else:
        items = [_line(line) for line in lines]
    if not items:
        raise Refused("no_value", "an empty batch")
    if len(items) > MOST:
        raise Refused("too_large", f"{len(items)} reports in one batch, at most {MOST}")
    return items


def split(item: Any, speaker: str) -> tuple[str, str, dict[str, Any]]:
    """Machine, ``report`` or ``event``, and the item as our wire has it. Raises ``Refused``."""
    if isinstance(item, Refused):
        raise item
    if not isinstance(item, Mapping):
        raise Refused("bad_shape", "a report is a JSON object")
    machine = item.get("machine", speaker)
    if not isinstance(machine, str):
        raise Refused("bad_name", "machine is a text")
    said = {key: value for key, value in item.items() if key != "machine"}
    return machine_ok(machine), "event" if "code" in said else "report", said


def understood(route: Route, what: str, said: dict[str, Any]) -> Heard:
    """One item, once its machine is known. Raises ``Refused``."""
    return native.event(route, said) if what == "event" else native.report(route, said)


def parse(route: Route, payload: bytes) -> list[Heard]:
    """Every item of a recorded batch."""
    return each(items_of(payload), lambda item: [_one(route, item)])


def _one(route: Route, item: Any) -> Heard:
    machine, what, said = split(item, route.machine)
    return understood(replace(route, machine=machine), what, said)


def _line(line: bytes) -> Any:
    try:
        return json_of(line)
    except Refused as refused:
        unread = Unread(refused.reason, refused.detail)
        unread.line = line
        return unread
