"""Making verdicts: what is said when a condition begins or ends. Plain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from telemetry.evidence import Witness, cause_of, clock, is_root, led, sentence_of, title_of
from telemetry.features import Array
from telemetry.fleet import Fleet
from telemetry.levels import QUICK_SHARE
from telemetry.machine import Machine
from telemetry.reading import Event
from telemetry.relations import Links, Rows
from telemetry.rulebook import Turn
from telemetry.verdict import Verdict
from telemetry.vocabulary import amount, word

THRESHOLD = 5.75  # robust sigmas; the scale every score is told in
OWN_BESIDE = 16.0  # own-past threshold of machines whose relations are trusted: their quiet problems show there
LINKED_THRESHOLD = 0.7  # of the relation score of a machine as restless as its class
MOST_WITNESSES = 6
JOINING = 3  # witnesses a hard fault may share to be the same problem
GRAVE = 3.0  # times the threshold
NEARLY = 0.7  # of the loudest metric: as likely as it to be the one that began it
LEADING = 0.5  # of the loudest by its own tail: what is less loud does not speak first for being far from its middle


Linked = tuple[Array, Array]  # each metric's surprise at once, and over a while


def shares(own: Array, linked: Linked | None, links: Links | None, restless: float) -> tuple[Array, Array]:
    """How much each metric says by its own past, and by the others: 1.0 if all like it would reach the threshold."""
    if linked is None or links is None:
        return own, np.zeros(len(own))
    quick, slow = linked
    by_others: Array = quick**QUICK_SHARE * slow ** (1 - QUICK_SHARE)
    return own, by_others * (restless / (links.level * LINKED_THRESHOLD))


def band(fleet: Fleet, rows: Rows) -> tuple[Array, Array]:
    """Expected low and high: what history held in 98 of 100 steps, and what the last day holds."""
    c = fleet.columns
    around = 2.0 * c["own_1"][rows]
    low = np.minimum(c["low"][rows], c["day"][rows] - around)
    high = np.maximum(c["high"][rows], c["day"][rows] + around)
    return np.where(c["positive"][rows] > 0, np.maximum(low, 0.0), low), high


def witnesses(m: Machine, fleet: Fleet, own: Array, by_others: Array) -> list[Witness]:
    """The metrics most responsible, first the one that says most."""
    c, rows = fleet.columns, m.rows
    low, high = band(fleet, rows)
    now = c["now"][rows]
    if by_others.any():
        # The score caps each metric and counts in tails; who speaks first is told by plain distance from the usual.
        far = np.abs(c["linked_now"][rows] - c["linked_center"][rows]) / np.maximum(c["linked_middle"][rows], 1e-300)
        far *= c["live"][rows]
        # A count that is nearly always nought is far from its middle at its first stray; its tail knows better.
        far *= np.minimum(1.0, by_others / (LEADING * max(float(by_others.max()), 1e-300)))
        by_others = far * (by_others.max() / max(float(far.max()), 1e-300))
    share = np.maximum(own, by_others)
    # Relation surprise is capped; among equals the one furthest from its own past speaks first.
    order = np.lexsort((-own, -share.round(6)))
    if not by_others.any():  # what the others say of each tells already who left them
        order = _led_by_kin(order, share, m.links)
    loudest = share.max(initial=0.0)
    found: list[Witness] = []
    for place, i in enumerate(order):
        if share[i] < 0.3 * loudest or place >= MOST_WITNESSES:
            # What fills or breaks is heard however loud its symptoms are, if it would be enough by itself.
            if share[i] < 1.0 or len(found) > MOST_WITNESSES:
                break
            if not is_root(m.notebook.names[i]):
                continue
        told_by, a, b = "past", low[i], high[i]
        if by_others[i] > own[i] and low[i] <= now[i] <= high[i]:
            told_by = "others"
            should = now[i] - c["linked_now"][rows[i]] * c["unit"][rows[i]]
            margin = c["linked_0"][rows[i]] * c["unit"][rows[i]]
            a, b = should - margin, should + margin
        name = m.notebook.names[i]
        found.append(Witness(name, _round(now[i]), _round(a), _round(b), float(share[i]), told_by))
    return found


def _led_by_kin(order: Rows, share: Array, links: Links | None) -> Rows:
    """The same order, in front of it that one of the loudest whose kin, in all, say most: when several metrics tell of
    one thing, which of them is the loudest is chance, and an odd one that stands alone says less than one of many."""
    if links is None or links.kin is None or len(links.kin) != len(share):
        return order
    together = np.where(share >= NEARLY * share[order[0]], share + links.kin @ share / 100, 0.0)
    leader = order[int(np.argmax(together[order]))]
    out: Rows = np.concatenate(([leader], order[order != leader]))
    return out


def _round(value: float) -> float:
    return float(f"{float(value):.6g}")


def of_model(
    m: Machine, fleet: Fleet, turn: str, ratio: float, threshold: float, at_ms: int, own: Array, by_others: Array
) -> Verdict:
    """The model's condition began (it is named here, once) or ended (it is closed here)."""
    condition = m.condition
    opened = turn == "opened"
    seen = led(witnesses(m, fleet, own, by_others)) if opened else []
    if opened:
        condition.metrics = tuple(w.metric for w in seen)
        # A hard fault already open on one of these metrics, or that brings them, is the same problem: the model joins.
        condition.cause = m.rules.open_on(condition.metrics[:JOINING]) or m.under(cause_of(seen))
        condition.title = title_of(seen)
        summary = sentence_of(seen, condition.since_ms)
    else:
        summary = f"{condition.title}: back to normal since {clock(condition.calm_ms)}"
    evidence: dict[str, Any] = {
        "since_ms": condition.since_ms,
        "threshold": threshold,
        "peak": round(condition.peak * threshold, 3),
        "metrics": [w.as_json() for w in seen],
        "model": {"kind": "baselines", "learned_s": m.learned_s, **m.lineage},
    }
    verdict = Verdict(
        m.name, condition.cause, "anomaly", 2 if condition.peak >= GRAVE else 3, round(ratio * threshold, 4), at_ms,
        condition.started_ms, condition.metrics, condition.title, summary, evidence, opened,
    )  # fmt: skip
    if not opened:
        condition.reset()
    return verdict


def of_rule(m: Machine, turn: Turn, at_ms: int) -> Verdict:
    """A hard fault began or ended; it goes with the condition it follows from, or that follows from it."""
    cause = m.joins(turn.cause) if turn.opened else m.parts(turn.cause)
    w = word(turn.metric)
    value = amount(turn.value, w.unit)
    if turn.opened:
        # Of a yes-or-no metric the title has said everything; "Power supply 1 0" would say it worse.
        said = turn.tells_its_number or (not w.unit and turn.value in (0.0, 1.0))
        shown = "" if said else f" ({w.label} {value})"
        summary = f"{turn.title}{shown}, since {clock(turn.since_ms)}"
    else:
        summary = f"{turn.title}: over since {clock(at_ms)} ({w.label} {value})"
    evidence: dict[str, Any] = {
        "since_ms": turn.since_ms,
        "rule": turn.rule.name,
        "cure": turn.cure,
        "threshold": turn.rule.opens,
        "metrics": [{"metric": turn.metric, "label": w.label, "unit": w.unit, "observed": turn.value}],
    }
    return Verdict(
        m.name, cause, "rule", turn.rule.severity, turn.value, at_ms, turn.started_ms, (turn.metric,), turn.title,
        summary, evidence, turn.opened,
    )  # fmt: skip


def of_event(m: Machine, e: Event, before: tuple[int, int, str], *, opened: bool) -> Verdict:
    """The machine itself said that something began or ended."""
    started, severity, text = before
    said = (text or e.text or e.code)[:300]
    summary = f"The machine reports {e.code}: {said}" if opened else f"The machine reports that {e.code} has ended"
    evidence: dict[str, Any] = {"since_ms": started, "code": e.code, "text": said, "metrics": []}
    return Verdict(
        m.name, f"event:{e.code}", "event", severity, 0.0, e.at_ms, started, (), said[:120], summary, evidence, opened
    )


def held(m: Machine, v: Verdict) -> Verdict:
    """An ending whose cause another rule or the model still holds open is marked so."""
    return replace(v, holds=True) if not v.opened and v.cause in m.open_causes() else v
