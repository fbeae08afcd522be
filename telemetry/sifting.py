"""Sifting: what we fail at on one word of one machine is found and set apart, so that its neighbours go on.

A mistake of ours behind the decoders (in judging, scoring or storing one report) would be met again at every start, and
hold a partition for ever. So the batch it is in is heard once more, from the snapshot, word by word; where storing
failed, the machines it fails for are found first, by halves, in transactions that are undone. The word found is heard
no more: it becomes a dead letter, counts as refused, and waits to be sent again after a fix. A machine that offends
again and again is set apart whole for a while, since every search costs all others time.

The letter holds which words of a message it stands for: whoever rebuilds the state leaves out the same ones. Until it
is committed nothing is: a watcher killed in the middle finds the same word again. What says nothing about one machine
(no memory, the log or the database away, one too old) is never sifted, nor what fails for many machines at once.
"""

from __future__ import annotations

import copy
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from psycopg.errors import ForeignKeyViolation
from sqlalchemy import exc, select
from sqlalchemy.orm import Session

from models.session import SYSTEM, Sessions, work
from models.telemetry import DeadLetter
from telemetry import effects
from telemetry.formats import Decoder
from telemetry.log import LogError
from telemetry.offences import Offences
from telemetry.positions import Overtaken
from telemetry.seat import Seat
from telemetry.set_apart import WHOLE, Apart, Place, alone, mark, place_of
from telemetry.shadow import Shadow
from telemetry.told import Told, names_in, who_spoke
from telemetry.trying import OF_ITS_OWN, Failures

log = structlog.get_logger()

MOST_MACHINES: Final = 8  # that storing may fail for at once; more is no fault of theirs
MOST_AN_HOUR: Final = 100  # searches; each hears the log from the snapshot on, twice
_SEARCHED_S: Final = 3600.0
MOST_ANEW: Final = 3  # times a seat begins anew for machines that were taken away, and stores nothing between
_TRIED: Final = 3  # times, where the database had other reasons to undo a trial
_TRIALS: Final = 200  # of storing, in one search; a machine may have said twenty thousand words
_LINGERS_S: Final = 5.0  # cycles of piecemeal agents are complete a while after their last message
_LIMITS: Final = "54"  # SQLSTATE class: a program limit was exceeded, such as what an index holds
Hear = Callable[[Sequence[Told]], None]


class BeginAnew(RuntimeError):  # an order, not an error
    """These partitions must be heard again from their snapshots: what is held of them may be half done."""

    def __init__(self, partitions: Iterable[int]) -> None:
        super().__init__("a word was found, or is looked for")
        self.partitions = frozenset(partitions)


class _Enough(Exception):  # ends a trial, whose transaction is undone by it
    pass


@dataclass(slots=True)
class _Search:
    """A stretch of the log that is heard word by word. `suspects`: machines that storing failed for; none: anybody."""

    since: Place
    until: int
    suspects: frozenset[str] = frozenset()
    every: int = 1  # words of suspects between two trials
    usual: int = 1  # the same where none of the last few is known to be the one
    good: Place = (-1, -1, -1)  # the last word after which all could be stored
    done_s: float = 0.0  # when it had been heard to its end


def may_be_of_one(problem: BaseException) -> bool:
    """Whether a failure may be about one word, rather than about this machine, the log or the database."""
    if isinstance(problem, exc.DBAPIError):
        is_limit = str(getattr(problem.orig, "sqlstate", None) or "").startswith(_LIMITS)
        return is_limit or (isinstance(problem, exc.DataError | exc.IntegrityError) and not is_foreign(problem))
    away = MemoryError | LogError | Overtaken | OSError | exc.TimeoutError | BeginAnew
    return isinstance(problem, Exception) and not isinstance(problem, away)


def is_foreign(problem: BaseException) -> bool:
    """Whether a machine of which something is held was taken away since we asked who it is."""
    return isinstance(problem, exc.IntegrityError) and isinstance(problem.orig, ForeignKeyViolation)


class Sifter:
    """Of one watcher; one thread."""

    def __init__(self, sessions: Sessions, owner: str, clock: Callable[[], datetime]) -> None:
        self._sessions, self._owner, self._clock = sessions, owner, clock
        self._apart: dict[int, Apart] = {}
        self._searches: dict[int, _Search] = {}
        self._offences = Offences()
        self._anew: Counter[int] = Counter()  # how often each partition began anew for a machine that was taken away
        self._found: list[float] = []

    def begin(self, session: Session, partition: int, since: int) -> None:
        """Somebody sits down before a partition and hears it from `since`: what was set apart stays so."""
        apart = self._apart.setdefault(partition, Apart())
        of = (DeadLetter.partition == partition, DeadLetter.position >= since, DeadLetter.item >= 0)
        letter = DeadLetter
        for row in session.execute(
            select(letter.position, letter.item, letter.apart, letter.detail).where(*of, letter.apart.is_not(None))
        ):
            for place in row.apart:
                apart.add((row.position, row.item, place), row.detail)

    def kept(self, partition: int, position: int) -> None:
        """The state as it was here is stored: nobody hears what comes before it again."""
        if (apart := self._apart.get(partition)) is not None and apart.places:
            apart.forget(position)

    def leave(self, partition: int) -> None:
        """It is somebody else's: whoever has it looks for themselves."""
        self._apart.pop(partition, None)
        self._searches.pop(partition, None)
        self._anew.pop(partition, None)

    # ---- hearing

    def hear(self, seat: Seat, told: Sequence[Told], hear: Hear, *, again: bool) -> None:
        """Let `hear` take what was told, but for what is set apart. Raises `BeginAnew` where it fails at a word."""
        muted = {} if again else self._offences.muted(time.monotonic())
        heard, aside = self._apart.setdefault(seat.partition, Apart()).sifted(told, muted)
        if (search := self._searches.get(seat.partition)) is None:
            self._hear_together(seat, heard, hear)
        else:
            since, until = search.since, (search.until, 0, WHOLE)
            self._hear_together(seat, [one for one in heard if one.item >= 0 and place_of(one, WHOLE) < since], hear)
            self._hear_alone(seat, search, [one for one in told if since <= place_of(one, WHOLE) < until], hear)
            self._hear_together(seat, [one for one in heard if place_of(one, WHOLE) >= until], hear)
            self._hear_alone(seat, search, [one for one in told if one.item < 0], hear)
        self._hear_together(seat, [each for _, each in aside], hear)
        mark(seat.pending, aside)

    def _hear_together(self, seat: Seat, told: Sequence[Told], hear: Hear) -> None:
        if not told:
            return
        try:
            hear(told)
        except Exception as problem:
            self._begin_for_who_is_gone([seat], problem)
            if not _may_be_of_one(problem):
                raise
            since = (told[0].position, max(told[0].item, 0), WHOLE)
            self._search(seat.partition, _Search(since, seat.reached), problem)

    def _hear_alone(self, seat: Seat, search: _Search, told: Sequence[Told], hear: Hear) -> None:
        apart = self._apart[seat.partition].places
        words = [(place, one, place_of(one, place, one.heard[0] if one.heard else None)) for place, one in alone(told)]
        its = [at for _, one, at in words if search.suspects & names_in([one]) and (one.item < 0 or at > search.good)]
        tried = {*its[search.every - 1 :: search.every], *its[-1:]}
        for place, one, at in words:
            try:
                if at not in apart:
                    hear([one])
                if at in tried:
                    self._try(seat, search.suspects)
                    search.good = max(search.good, at)
            except Exception as problem:
                self._begin_for_who_is_gone([seat], problem)
                if not _may_be_of_one(problem):
                    raise
                if search.every > 1:  # it is one of the last few
                    nearer = _Search(search.since, search.until, search.suspects, 1, search.every, search.good)
                    self._search(seat.partition, nearer, problem)
                search.every = search.usual
                self._set_apart(seat.partition, place, one, problem)

    # ---- storing

    def storing_failed(self, seats: Sequence[Seat], problem: Exception) -> None:
        """Find whose words cannot be stored, and raise `BeginAnew` for their partitions; else raise `problem`."""
        self._begin_for_who_is_gone(seats, problem)
        if not _may_be_of_one(problem):
            raise problem
        units = [(seat, name) for seat in seats for name in sorted(seat.pending.names)]
        found = self._halves(units) if units else []
        if not found or len(found) > MOST_MACHINES:
            raise problem
        for seat in {id(seat): seat for seat, _ in found}.values():
            names = frozenset(name for other, name in found if other is seat)
            every = max(1, seat.pending.count // _TRIALS)
            log.warning("watch.cannot_store", partition=seat.partition, machines=sorted(names), why=_why(problem))
            self._begin(seat.partition, _Search((seat.position, 0, WHOLE), seat.reached, names, every), problem)
        raise BeginAnew(seat.partition for seat, _ in found) from problem

    def stored(self, seat: Seat) -> None:
        """All a seat had is stored: a search that was past its stretch for a while is over."""
        self._anew.pop(seat.partition, None)
        search = self._searches.get(seat.partition)
        if search is None or seat.position < search.until:
            return
        search.done_s = search.done_s or time.monotonic()
        if time.monotonic() - search.done_s > _LINGERS_S:
            del self._searches[seat.partition]

    def _halves(self, units: Sequence[tuple[Seat, str]]) -> list[tuple[Seat, str]]:
        """Which of these machines cannot be stored by themselves."""
        if self._stores(units) is None:
            return []
        if len(units) == 1:
            return list(units)
        middle = len(units) // 2
        found = self._halves(units[:middle])
        return found if len(found) > MOST_MACHINES else found + self._halves(units[middle:])

    def _try(self, seat: Seat, names: Iterable[str]) -> None:
        if (problem := self._stores([(seat, name) for name in names])) is not None:
            raise problem

    def _stores(self, units: Sequence[tuple[Seat, str]]) -> Exception | None:
        """Why what is pending of these machines cannot be stored; None when it can. Nothing of it stays."""
        seats = {id(seat): seat for seat, _ in units}.values()
        tried = [_only(seat, {name for other, name in units if other is seat}) for seat in seats]
        failures = Failures(_TRIED)
        while True:
            try:
                models = effects.artefacts(tried)
                with work(self._sessions, SYSTEM) as session:
                    effects.store(session, tried, self._owner, self._clock(), models)
                    raise _Enough
            except _Enough:
                return None
            except Exception as problem:
                if _may_be_of_one(problem):
                    return problem
                if not isinstance(problem, OF_ITS_OWN):
                    raise
                failures.wait(problem)

    # ---- what was found

    def _search(self, partition: int, search: _Search, problem: Exception) -> None:
        log.warning("watch.looks_for_a_word", partition=partition, until=search.until, why=_why(problem))
        self._begin(partition, search, problem)
        raise BeginAnew([partition]) from problem

    def _begin(self, partition: int, search: _Search, problem: Exception) -> None:
        now = time.monotonic()
        self._found = [at for at in self._found if at > now - _SEARCHED_S]
        if len(self._found) >= MOST_AN_HOUR:
            raise problem  # as any other failure: the process ends, and whoever restarts it shows it
        self._found.append(now)
        self._searches[partition] = search

    def _set_apart(self, partition: int, at: int, one: Told, problem: Exception) -> None:
        word = one.heard[0] if at != WHOLE else None
        machine, place = word.machine if word else who_spoke(one), place_of(one, at, word)
        apart = self._apart.setdefault(partition, Apart())
        if place in apart.places:
            raise problem  # there is no way round it
        apart.add(place, why := _why(problem))
        log.error("watch.set_apart", partition=partition, place=place, machine=machine, why=why, exc_info=problem)
        self._offences.note(machine, why, time.monotonic())
        raise BeginAnew([partition]) from problem

    def _begin_for_who_is_gone(self, seats: Sequence[Seat], problem: Exception) -> None:
        """Raise `BeginAnew` where a machine was taken away; where that is said over and over, it is a word like any."""
        if not is_foreign(problem):
            return
        self._anew.update(seat.partition for seat in seats)
        if max(self._anew[seat.partition] for seat in seats) <= MOST_ANEW:
            log.warning("watch.begins_anew", why=_why(problem))
            raise BeginAnew(seat.partition for seat in seats) from problem

    def words(self) -> list[str]:
        """For the platform page: at whose words we failed within the hour, and how."""
        return self._offences.words(time.monotonic())


def _may_be_of_one(problem: BaseException) -> bool:
    return is_foreign(problem) or may_be_of_one(problem)


def _only(seat: Seat, names: set[str]) -> Seat:
    """A seat that has nothing pending but what is of these machines. Storing it takes nothing from the other."""
    tried = copy.copy(seat)
    tried.pending = seat.pending.only(names)
    tried.decoder, tried.shadow = Decoder(), Shadow()
    tried.shadow.said = [said for said in seat.shadow.said if said[0].name in names]
    return tried


def _why(problem: BaseException) -> str:
    """In a line that any database can hold."""
    said = problem.orig if isinstance(problem, exc.DBAPIError) and problem.orig is not None else problem
    line = f"{type(said).__name__}: {said}".strip().splitlines()[0]
    return line.encode("ascii", "backslashreplace").decode().replace("\0", "\\x00")[:300]
