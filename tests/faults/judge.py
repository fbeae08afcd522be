"""The judge: reads the ledgers of a run after the fact and says which promises it broke. Plain.

Nobody's word is trusted but what was written down by somebody else: what machines were told against what is in the log,
the log against the database, the wire against the order of arrival. See docs/reliability.md.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from tests.faults.history import Climbed, History, Logged, Outcome, Packet, Sent, Stored, Told

_SHOWN: Final = 6  # lines of a story, and spans of a list of numbers


class Kind(StrEnum):
    """What may be wrong with a history."""

    LOST = "lost"  # promised, passed over by something later of the same machine
    UNSEEN = "unseen yet"  # promised, and nothing later of the same machine was found either: it may be under way
    DUPLICATE = "duplicate"
    DISORDER = "out of order"
    EARLY = "early"
    LATE = "late"
    OVERSPENT = "overspent"
    LEAKED = "leaked"
    UNRECORDED = "unrecorded"  # it happened, and no ledger answers for it


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise. `story` is the smallest list of lines that shows it."""

    kind: Kind
    where: str
    story: tuple[str, ...]

    def __str__(self) -> str:
        return "\n  ".join((f"{self.kind}: {self.where}", *self.story))


def judge(history: History) -> list[Violation]:
    """Every promise this history breaks; none for a good one."""
    return [violation for claim in _CLAIMS for violation in claim(history)]


def _kept(history: History) -> Iterator[Violation]:
    """P1: what was acknowledged is in the log, and in the database."""
    for name, found in (("the log", _numbers(history.logged)), ("the database", _numbers(history.stored))):
        if found is not None:
            yield from _missing(history.sent, found, name)


def _missing(sent: Sequence[Sent], found: dict[str, Counter[int]], name: str) -> Iterator[Violation]:
    gone: dict[tuple[str, Kind], list[Sent]] = defaultdict(list)
    failed: dict[str, list[Sent]] = defaultdict(list)
    for each in sent:
        there = found.get(each.machine, Counter())
        if each.outcome is Outcome.OK and not there[each.seq]:
            passed = max(there, default=-1) > each.seq
            gone[each.machine, Kind.LOST if passed else Kind.UNSEEN].append(each)
        elif each.outcome is Outcome.FAILED and there[each.seq]:
            failed[each.machine].append(each)
    for (machine, kind), those in gone.items():
        newest = max(found.get(machine, Counter()), default=None)
        yield Violation(
            kind,
            f"{len(those)} reports of {machine} were acknowledged and are not in {name}",
            (*_lines(those), f"the newest of {machine} in {name} is {newest}"),
        )
    for machine, those in failed.items():
        yield Violation(
            Kind.UNRECORDED, f"{len(those)} reports of {machine} were refused and are in {name}", _lines(those)
        )


def _caused(history: History) -> Iterator[Violation]:
    """Nothing is anywhere that nobody sent."""
    sent = _numbers(history.sent) or {}
    for name, found in (("the log", _numbers(history.logged)), ("the database", _numbers(history.stored))):
        for machine, numbers in (found or {}).items():
            strange = sorted(numbers.keys() - sent.get(machine, Counter()).keys())
            if strange:
                words = f"{len(strange)} reports of {machine} are in {name} and nobody sent them"
                yield Violation(Kind.UNRECORDED, words, (_some(strange),))


def _once(history: History) -> Iterator[Violation]:
    """P2: each number is stored once and counts once."""
    places = [("the database", _numbers(history.stored))]
    if history.log_once:
        places.append(("the log", _numbers(history.logged)))
    for name, found in places:
        for machine, numbers in (found or {}).items():
            twice = sorted(seq for seq, times in numbers.items() if times > 1)
            if twice:
                story = (f"{twice[0]} stands there {numbers[twice[0]]} times", _some(twice))
                yield Violation(Kind.DUPLICATE, f"{len(twice)} reports of {machine} are in {name} twice", story)


def _counts(history: History) -> Iterator[Violation]:
    """received = scored + refused + duplicate + late, and what was taken is what is stored."""
    stored = _numbers(history.stored)
    for line in history.counted:
        total = line.scored + line.late + line.duplicate + line.refused
        if line.received != total:
            words = f"the delivery ledger of {line.machine} does not add up"
            yield Violation(Kind.UNRECORDED, words, (f"{line.received} received, {total} accounted for", repr(line)))
        if stored is None:
            continue
        taken, there = line.scored + line.late, len(stored.get(line.machine, Counter()))
        if taken != there:
            kind = Kind.DUPLICATE if taken > there else Kind.UNRECORDED
            words = f"the delivery ledger of {line.machine} counts other than what is stored"
            yield Violation(kind, words, (f"{taken} counted as taken, {there} different reports stored",))


def _log_order(history: History) -> Iterator[Violation]:
    """Within a machine the log holds the numbers in order; one that is sent again may come again, never first."""
    if not history.log_in_order:
        return
    newest: dict[str, Logged] = {}
    partitions: dict[str, Logged] = {}
    seen: set[tuple[str, int]] = set()
    for each in sorted(history.logged or (), key=lambda logged: (logged.partition, logged.position)):
        home = partitions.setdefault(each.machine, each)
        if home.partition != each.partition:
            yield Violation(Kind.DISORDER, f"{each.machine} lies in two partitions", (str(home), str(each)))
        before = newest.get(each.machine)
        if before is not None and each.seq < before.seq and (each.machine, each.seq) not in seen:
            words = f"{each.machine}: {each.seq} first came into the log after {before.seq}"
            yield Violation(Kind.DISORDER, words, (str(before), str(each)))
        seen.add((each.machine, each.seq))
        if before is None or each.seq > before.seq:
            newest[each.machine] = each


def _wire_order(history: History) -> Iterator[Violation]:
    """MQTT 3.1.1, 4.6: acknowledged in the order of arrival, and only on the connection a message came on."""
    waiting: dict[tuple[int, bool], deque[Packet]] = defaultdict(deque)
    for packet in history.wire:
        if packet.kind == "PUBLISH" and packet.id:
            waiting[packet.line, packet.inward].append(packet)
        elif packet.kind == "PUBACK":
            queue = waiting[packet.line, not packet.inward]
            if queue and queue[0].id == packet.id:
                queue.popleft()
            elif any(each.id == packet.id for each in queue):
                words = f"line {packet.line}: {packet.id} was acknowledged before {queue[0].id}, which came before it"
                yield Violation(Kind.DISORDER, words, (str(queue[0]), str(packet)))
                queue.remove(next(each for each in queue if each.id == packet.id))
            else:
                words = f"line {packet.line}: {packet.id} was acknowledged, and no such message waited on this line"
                yield Violation(Kind.DISORDER, words, (*map(str, list(queue)[:_SHOWN]), str(packet)))


def _acknowledged_too_soon(history: History) -> Iterator[Violation]:
    """The bridge acknowledges nothing before the log has it, and nothing while the log is away."""
    logged: dict[tuple[str, int], float] = {}
    for each in history.logged or ():
        if each.at is not None:
            logged[each.machine, each.seq] = min(each.at, logged.get((each.machine, each.seq), each.at))
    came: dict[tuple[int, int], Packet] = {}
    for packet in history.wire:
        if packet.kind == "PUBLISH" and not packet.inward:
            came[packet.line, packet.id] = packet
        elif packet.kind == "PUBACK" and packet.inward and (told := came.get((packet.line, packet.id))) is not None:
            at = logged.get((told.machine, told.seq))
            if at is not None and packet.at < at:
                words = f"{told.machine}: {told.seq} was acknowledged before the log had it"
                yield Violation(Kind.EARLY, words, (str(told), str(packet), f"in the log at {at:.3f}"))
            if any(start <= packet.at <= end for start, end in history.away):
                words = f"line {packet.line}: {packet.id} was acknowledged while the log was away"
                yield Violation(Kind.EARLY, words, (str(told), str(packet)))


def _receipts(history: History) -> Iterator[Violation]:
    """A receipt says that everything up to its number is stored."""
    for receipt in history.receipts:
        first = min((each.seq for each in history.sent if each.machine == receipt.machine), default=0)
        holes = [seq for seq in range(first, receipt.seq + 1) if seq not in receipt.stored]
        if holes:
            words = f"{receipt.machine} has a receipt up to {receipt.seq} and {len(holes)} below it were not stored"
            yield Violation(Kind.EARLY, words, (_some(holes),))


def _notices(history: History) -> Iterator[Violation]:
    """P4, P5: told once, not before and not long after it is due."""
    arrived: dict[str, list[Told]] = defaultdict(list)
    for told in history.told:
        arrived[told.key].append(told)
    for due in history.due:
        came = sorted(arrived.pop(due.key, []), key=lambda told: told.at)
        if not came:
            yield Violation(Kind.LOST, f"{due.key} was never told", (str(due),))
            continue
        if came[0].at < due.due:
            yield Violation(Kind.EARLY, f"{due.key} was told {due.due - came[0].at:.3f} s early", (str(came[0]),))
        if came[0].at > due.due + due.within:
            late = came[0].at - due.due
            yield Violation(Kind.LATE, f"{due.key} was told after {late:.3f} s", (str(due), str(came[0])))
        if len(came) > due.copies or len({told.digest for told in came}) > 1:
            yield Violation(Kind.DUPLICATE, f"{due.key} was told {len(came)} times", tuple(map(str, came[:_SHOWN])))
    for key, those in arrived.items():
        yield Violation(Kind.UNRECORDED, f"{key} was told and nobody owed it", (str(those[0]),))


def _ladders(history: History) -> Iterator[Violation]:
    """P5: rungs are 0, 1, 2 …, none skipped but those passed by, none twice, and none after an acknowledgement."""
    told: dict[str, list[Climbed]] = defaultdict(list)
    for each in sorted(history.climbed, key=lambda climbed: climbed.place):
        told[each.incident].append(each)
    answered = {each.incident: each for each in sorted(history.answered, key=lambda answer: -answer.place)}
    for incident, climbed in told.items():
        last = -1
        for each in climbed:
            if each.rung <= last:
                words = f"{incident} climbed to rung {each.rung} again"
                yield Violation(Kind.DUPLICATE, words, tuple(map(str, climbed[:_SHOWN])))
            elif each.rung != last + 1 + each.passed:
                words = f"{incident} climbed from rung {last} to {each.rung}"
                yield Violation(Kind.DISORDER, words, tuple(map(str, climbed[:_SHOWN])))
            last = max(last, each.rung)
        answer = answered.get(incident)
        after = [each for each in climbed if answer is not None and each.place > answer.place]
        if after:
            words = f"{incident} climbed on after it was acknowledged"
            yield Violation(Kind.DISORDER, words, (str(answer), str(after[0])))


def _allowances(history: History) -> Iterator[Violation]:
    for each in history.allowances:
        if each.used > each.given:
            yield Violation(Kind.OVERSPENT, f"{each.subject}: {each.used:g} of {each.given:g}", (str(each),))


def _deeds(history: History) -> Iterator[Violation]:
    """P8: what was answered *ok* has its one entry; what was refused has none."""
    entries = Counter(each.key for each in history.audited)
    asked = {each.key: each for each in history.asked}
    for key, each in asked.items():
        if each.outcome is Outcome.OK and not entries[key]:
            yield Violation(Kind.UNRECORDED, f"{key} was done and is not on record", (str(each),))
        if each.outcome is Outcome.FAILED and entries[key]:
            yield Violation(Kind.UNRECORDED, f"{key} was refused and left something behind", (str(each),))
        if entries[key] > 1:
            yield Violation(Kind.DUPLICATE, f"{key} had {entries[key]} effects", (str(each),))


def _leaks(history: History) -> Iterator[Violation]:
    """P7: nobody sees the canary of another."""
    for shown in history.shown:
        for whose, canary in history.canaries.items():
            if whose != shown.reader and canary in shown.what:
                at = shown.what.index(canary)
                excerpt = shown.what[max(0, at - 40) : at + len(canary) + 40]
                yield Violation(Kind.LEAKED, f"{shown.reader} saw what is {whose}'s", (excerpt,))


_CLAIMS: Final[Sequence[Callable[[History], Iterator[Violation]]]] = (
    _kept, _caused, _once, _counts, _log_order, _wire_order, _acknowledged_too_soon, _receipts, _notices,
    _ladders, _allowances, _deeds, _leaks,
)  # fmt: skip


def _numbers(ledger: Iterable[Sent | Logged | Stored] | None) -> dict[str, Counter[int]] | None:
    if ledger is None:
        return None
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for each in ledger:
        found[each.machine][each.seq] += 1
    return found


def _lines(those: Sequence[Sent]) -> tuple[str, ...]:
    """The first of them whole, the others as spans of numbers."""
    return (str(those[0]), _some(sorted(each.seq for each in those)))


def _some(numbers: Sequence[int]) -> str:
    """Numbers in order as spans: `3-17, 40`."""
    edges = [numbers[0], *(seq for pair in pairwise(numbers) if pair[1] - pair[0] > 1 for seq in pair), numbers[-1]]
    spans = [
        f"{first}-{last}" if first != last else f"{first}" for first, last in zip(edges[::2], edges[1::2], strict=True)
    ]
    return "numbers " + ", ".join(spans[:_SHOWN]) + (f" and {len(spans) - _SHOWN} spans more" if spans[_SHOWN:] else "")
