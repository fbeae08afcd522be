"""One partition as a watcher sits before it: messages in, what is to be stored and said out.

A seat holds all state that depends on the order of its partition. It keeps what it heard as `Pending` until
`telemetry/effects.py` has stored it; what lies before the committed position is heard silently, to rebuild the state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson
import structlog

from telemetry import admission, changes
from telemetry.admission import Fate
from telemetry.deliveries import NOBODY
from telemetry.directory import Known
from telemetry.envelope import Damaged, Envelope, unpacked
from telemetry.formats import Decoder, sparkplug
from telemetry.log import Record
from telemetry.metric_silence import Rhythms
from telemetry.pending import Pending
from telemetry.reading import REASONS, Answer, Event, Fed, Heard, Late, Reading, Refused, Status
from telemetry.shadow import Shadow
from telemetry.told import Letter, Told, ahead, who_spoke, whole
from telemetry.traces import Traces
from telemetry.verdict import Verdict
from telemetry.watching import Watching

if TYPE_CHECKING:  # scikit-learn takes its second when something is first fitted or loaded
    from telemetry.baselines import Baselines

log = structlog.get_logger()
State = admission.Heard

UNKNOWN_MACHINE: Final = "unknown_machine"
_VERSION: Final = b"VS3"
_BEFORE_DIGEST, _BEFORE_BIRTHS = b"VS2", b"VS1"
_CUT: Final = 1_000  # characters of a detail


class Seat:
    """Not thread-safe. `position` is what is committed, `reached` the next record to hear."""

    def __init__(self, partition: int, position: int, future_tolerance_ms: int) -> None:
        self.partition = partition
        self.position = self.reached = position
        self.arrived_ms = 0  # when the newest of what was heard came in
        self.heard: dict[str, admission.Heard] = {}
        self.watching = Watching()
        self.watching.scores = []
        self.shadow = Shadow()
        self.traces = Traces()
        self.metrics = Rhythms()  # in which they are said
        self.decoder = Decoder()
        self.pending = Pending()
        self.models: dict[str, Baselines] = {}  # fitted, and not on the shelf yet
        self.unlearned: dict[str, str] = {}  # machines whose stored history we failed to learn from, and how
        self._future_tolerance_ms = future_tolerance_ms
        self.over: list[tuple[Known, Verdict]] = []  # found over when state was rebuilt, and not told yet

    @property
    def is_rebuilding(self) -> bool:
        """Whether it still hears what was dealt with before."""
        return self.reached < self.position

    def behind_s(self, end: int, now_ms: int) -> float:
        """How old the newest of what was heard is while more stands in the log (up to `end`, exclusive), in seconds."""
        return max(0.0, (now_ms - self.arrived_ms) / 1000) if end > self.reached else 0.0

    def understand(self, records: Sequence[Record]) -> list[Told]:
        """Decode; nothing is remembered of it but what a format needs. Any bytes at all are answered."""
        told: list[Told] = []
        for record in records:
            item = 0
            try:
                for envelope in unpacked(record.body):
                    told.append(self._decoded(envelope, record.position, item))
                    item += 1
            except Damaged as problem:
                whole = Envelope(b"", record.body, 0)
                log.error("watch.damaged_record", partition=self.partition, position=record.position, why=str(problem))
                told.append(Told(whole, record.position, item, refused=Refused("bad_payload", str(problem))))
            self.reached = record.position + 1
        return told

    def tidy(self, now_ms: int) -> list[Told]:
        """Cycles of piecemeal agents that are complete by now."""
        return whole(self.decoder.flush(now_ms) if self.decoder.waiting else (), self.reached - 1)

    def take(self, told: Sequence[Told], known: dict[str, Known]) -> None:
        """Judge what was said, feed the detector, and keep what is to be stored; silently while rebuilding."""
        feed: list[Fed] = []
        for each in told:
            if each.refused is not None:
                self._refuse(each, who_spoke(each), each.refused.reason, each.refused.detail, known)
            for heard in each.heard:
                whose = known.get(heard.machine)
                if type(heard) is Reading and not heard.via and whose is not None and not whose.is_refused:
                    self._take_reading(each, heard, whose, self._met(whose), feed)  # nearly every message
                else:
                    self._take_one(each, heard, whose, feed)
        for verdict in self.watching.feed(feed):
            self.pending.verdicts.append((known[verdict.machine], verdict))
        self.pending.changes += [(known[one.machine], one) for one in self.watching.changes.take()]
        self.models.update(self.watching.take_models())
        self.shadow.hear(feed, known)
        if self.watching.scores:
            self.traces.take(self.watching.scores, self.watching.known.get)

    def forget_pending(self) -> None:
        self.pending = Pending()
        self.shadow.said.clear()

    def forget_others(self, names: Iterable[str], known: Mapping[str, Known]) -> None:
        """Of these names, drop what is held of a machine that is gone or whose name another machine bears now."""
        for name in names:
            state, whose = self.heard.get(name), known.get(name)
            if state is None or (whose is not None and state.machine_id in (None, whose.machine_id)):
                continue
            del self.heard[name]
            self.metrics.forget(name)
            self.watching.drop(name)
            self.shadow.drop(name)
            self.traces.forget(name)
            self.models.pop(name, None)
            # It has no row any more that any of this could hang on; what arrived stays counted.
            self.pending.touched.pop(name, None)
            self.pending.reports.pop(name, None)
            self.pending.verdicts = [told for told in self.pending.verdicts if told[0].name != name]
            self.pending.changes = [told for told in self.pending.changes if told[0].name != name]
            self.over = [told for told in self.over if told[0].name != name]

    def _decoded(self, envelope: Envelope, position: int, item: int) -> Told:
        if envelope.arrived_ms > self.arrived_ms:
            self.arrived_ms = envelope.arrived_ms
        try:
            if (quickly := self.decoder.at_once(envelope.topic, envelope.payload, envelope.arrived_ms)) is not None:
                return tuple.__new__(Told, (envelope, position, item, (quickly,), None))  # Told(…), at half its cost
            heard = tuple(self.decoder.decode(envelope.topic.decode("utf-8"), envelope.payload, envelope.arrived_ms))
        except UnicodeDecodeError:
            return Told(envelope, position, item, refused=Refused("not_utf8", "the topic"))
        except Refused as refused:
            return Told(envelope, position, item, refused.heard, refused)
        except MemoryError:  # of this machine, and not of the message
            raise
        except Exception as mistake:  # ours, of one message: to end by it would be to meet it again, and for ever
            log.exception("watch.decoder_failed", partition=self.partition, position=position, item=item)
            return Told(envelope, position, item, refused=Refused("bad_payload", f"we could not read it: {mistake!r}"))
        return Told(envelope, position, item, heard)

    def _take_one(self, each: Told, heard: Heard, whose: Known | None, feed: list[Fed]) -> None:
        if whose is None:
            # What the broker remembers of a machine that is gone nobody said.
            if not (isinstance(heard, Status) and each.envelope.retained):
                self._refuse(each, heard.machine, UNKNOWN_MACHINE, "no machine of this name is enrolled", {})
            return
        if isinstance(heard, Reading | Status) and heard.via not in ("", heard.machine, *whose.gateways):
            said = f"{heard.via} is not a gateway of {heard.machine}"
            self._refuse(each, heard.machine, "not_its_own", said, {whose.name: whose})
            return
        state = self._met(whose)
        if isinstance(heard, Status):
            state.said = "online" if heard.online else "offline"
            return
        if whose.is_refused:
            self._count(whose, each, Fate.REFUSED, whose.rule)
            return
        if isinstance(heard, Event):
            event = state.clock.corrected(heard) if changes.is_by_machine(heard) else heard
            self._take_event(each, event, whose, feed)
            return
        if isinstance(heard, Answer):
            self._count(whose, each, Fate.SCORED)
            self.pending.answers.append((whose, heard))
            return
        self._take_reading(each, heard, whose, state, feed)

    def _met(self, whose: Known) -> State:
        """What is known of a machine that speaks, and that it did."""
        state = self.heard.get(whose.name)
        if state is None:
            state = self.heard[whose.name] = admission.Heard()
        state.machine_id = whose.machine_id
        self.pending.touched[whose.name] = whose
        return state

    def _take_reading(self, each: Told, heard: Reading, whose: Known, state: State, feed: list[Fed]) -> None:
        fate = state.admit(heard, retained=each.envelope.retained, future_tolerance_ms=self._future_tolerance_ms)
        if fate is Fate.REFUSED:
            self._refuse(each, heard.machine, "future_instant", ahead(heard), {whose.name: whose})
            return
        clock = state.clock
        if clock.offset_ms or clock.moved:
            heard = clock.corrected(heard)
            self.pending.clocks += [(whose, moved) for moved in clock.take_moved()]
        missing, state.missing = state.missing, 0
        worked_on = bool(whose.windows) and fate is not Fate.DUPLICATE and self._is_worked_on(whose, heard.at_ms)
        self._count(whose, each, fate, missing=missing, worked_on=worked_on)
        if fate is Fate.DUPLICATE:
            return
        if state.changed:
            self._take_change(changes.by_facts(heard, state.take_changed()), whose, feed)
        if heard.metrics:
            self.pending.reports.setdefault(whose.name, []).append((heard.at_ms, heard.metrics))
            if whose.is_watched:
                told = self.metrics.hear(heard, whose.silence_s, worked_on)
                self.pending.verdicts += [(whose, verdict) for verdict in told]
        if whose.is_watched and not worked_on:
            feed.append(heard if fate is Fate.SCORED else Late(heard))

    def _is_worked_on(self, whose: Known, at_ms: int) -> bool:
        """Whether what it said then is kept and not looked at; its return afterwards is nothing unusual either."""
        if not whose.is_worked_on(at_ms):
            return False
        watched = self.watching.known.get(whose.name)
        if watched is not None:
            watched.settle(at_ms, mended=True)
            self.shadow.settle(whose.name, at_ms)
        return True

    def _take_event(self, each: Told, event: Event, whose: Known, feed: list[Fed]) -> None:
        if event.at_ms > event.received_at_ms + self._future_tolerance_ms:
            self._refuse(each, event.machine, "future_instant", REASONS["future_instant"], {whose.name: whose})
            return
        worked_on = self._is_worked_on(whose, event.at_ms)
        self._count(whose, each, Fate.SCORED, worked_on=worked_on)
        if changes.is_change(event):  # made while one works on a machine, as most are
            self._take_change(event, whose, feed)
        elif whose.is_watched and not worked_on:
            feed.append(event)

    def _take_change(self, event: Event, whose: Known, feed: list[Fed]) -> None:
        self.pending.changes.append((whose, changes.of_event(event)))
        if whose.is_watched:
            feed.append(event)

    def _count(
        self, whose: Known, each: Told, fate: Fate, reason: str = "", missing: int = 0, worked_on: bool = False
    ) -> None:
        self.pending.count += 1
        self.pending.deliveries.count(
            whose.name, whose.customer_id, each.envelope.arrived_ms, fate, reason, missing, worked_on
        )

    def _refuse(self, each: Told, machine: str, reason: str, detail: str, known: dict[str, Known]) -> None:
        whose = known.get(machine)
        self.pending.count += 1
        line, owner = (machine, whose.customer_id) if whose else (NOBODY, None)
        self.pending.deliveries.count(line, owner, each.envelope.arrived_ms, Fate.REFUSED, reason)
        # Of one message with several bad reports one letter is enough: it holds them all.
        place = (each.position, each.item)
        if (letter := self.pending.letters.get(place)) is None:
            letter = self.pending.letters[place] = Letter(each.envelope, machine, reason, detail[:_CUT], *place, owner)
        letter.counted[line, reason] = letter.counted.get((line, reason), 0) + 1

    # ---- state that outlives the process

    def snapshot(self) -> bytes:
        """What later answers depend on, as bytes; taken when nothing is pending."""
        watching, shadow = self.watching.snapshot(), self.shadow.snapshot()
        head = {
            "heard": {name: state.snapshot() for name, state in self.heard.items()},
            "births": self.decoder.births.snapshot(),
            "cycles": self.decoder.cycles().hex(),
            "watching": len(watching),
            "metrics": self.metrics.snapshot(),
            "unlearned": self.unlearned,
        }
        first = orjson.dumps(head)
        body = len(first).to_bytes(8, "little") + first + watching + shadow
        return _VERSION + hashlib.sha256(body).digest() + body

    def restore(self, blob: bytes) -> None:
        """The inverse of `snapshot`. Raises `ValueError` for bytes of another version or damaged ones."""
        version, body = blob[:3], blob[35:] if blob[:3] == _VERSION else blob[3:]
        if version not in (_VERSION, _BEFORE_DIGEST, _BEFORE_BIRTHS):
            raise ValueError("a snapshot of another version")
        if version == _VERSION and hashlib.sha256(body).digest() != blob[3:35]:
            raise ValueError("a damaged snapshot")
        end = 8 + int.from_bytes(body[:8], "little")
        kept: dict[str, Any] = orjson.loads(body[8:end])
        size = kept.get("watching", len(body) - end) if version == _VERSION else len(body) - end
        self.watching = Watching.restore(body[end : end + size])
        self.watching.scores = []
        self.shadow.restore(body[end + size :])
        told = kept if version == _BEFORE_BIRTHS else kept["heard"]
        self.heard = {name: admission.restored(state) for name, state in told.items()}
        if version != _BEFORE_BIRTHS:
            self.decoder.births = sparkplug.restored(kept["births"])
            self.decoder.resume(bytes.fromhex(kept.get("cycles", "")))
            self.metrics = Rhythms.restored(kept.get("metrics", []))
            self.unlearned = kept.get("unlearned", {})

    def tell_over(self) -> None:
        """Endings that history told of go to what is stored next, before what has begun since."""
        over, self.over = self.over, []
        self.pending.verdicts[:0] = over
