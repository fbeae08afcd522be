"""A proxy between any two that speak TCP: it can delay, drop, cut, half-open and throttle, and writes everything down.

Every connection is two threads that copy. What they do to the bytes is asked of the proxy's `Weather`, which a test may
change at any time; a `Weather` of nothing is a plain copy.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from telemetry.broker_access import HOST_USER
from tests.faults.history import Packet
from tests.faults.wire import Seen, Stream

_CHUNK: Final = 1 << 16
_TICK_S: Final = 0.02
_RESET: Final = struct.pack("ii", 1, 0)  # linger for no time: closing sends RST


@dataclass(frozen=True)
class Weather:
    """What befalls the bytes, in both directions unless a field says otherwise."""

    delay_s: float = 0.0
    bytes_a_second: float = 0.0  # 0: as fast as it goes
    silent: bool = False  # half-open: both ends stay connected, and nothing passes
    refuse: bool = False  # whoever connects is turned away
    drop: Callable[[bool, Seen], bool] | None = None  # (inward, packet) → swallow it; MQTT only
    cut_inside: Callable[[bool, Seen], bool] | None = None  # (inward, packet) → pass half of it, then reset; MQTT only


CALM: Final = Weather()


class Proxy:
    """Listens on `port`, a free one, and forwards to `upstream` on loopback. `wire` is the transcript.

    The bridge's second connection, which is there for its will alone, passes and is in no transcript and no count.
    """

    def __init__(self, upstream: int, *, mqtt: bool = True) -> None:
        self.weather = CALM
        self.whose: Callable[[bytes], tuple[str, int]] = lambda packet: ("", -1)  # machine and number of a PUBLISH
        self.wire: list[Packet] = []
        self.lines = 0
        self.passed = [0, 0]  # bytes outward, inward
        self.left = [0, 0]  # lines ended by the upstream, by the caller
        self._upstream, self._mqtt = upstream, mqtt
        self._open: set[socket.socket] = set()
        self._aside: set[int] = set()  # lines of the second connection
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._ear = socket.create_server(("127.0.0.1", 0))
        self._ear.settimeout(0.1)
        self.port = int(self._ear.getsockname()[1])
        self._threads = [threading.Thread(target=self._listen, name="proxy", daemon=True)]
        self._threads[0].start()

    def cut(self) -> None:
        """Reset every connection there is; the next one may come at once."""
        with self._lock:
            ends, self._open = self._open, set()
        for end in ends:
            _reset(end)

    def close(self) -> None:
        self._ended.set()
        self.cut()
        for thread in self._threads:
            thread.join(5)
        self._ear.close()

    def kinds(self, kind: str) -> list[Packet]:
        return [packet for packet in list(self.wire) if packet.kind == kind]

    # ---- the copying

    def _listen(self) -> None:
        while not self._ended.is_set():
            try:
                caller, _ = self._ear.accept()
            except TimeoutError:
                continue
            if self.weather.refuse:
                _reset(caller)
                continue
            try:
                callee = socket.create_connection(("127.0.0.1", self._upstream), timeout=5)
            except OSError:
                _reset(caller)
                continue
            for end in (caller, callee):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                end.settimeout(_TICK_S)
            number = len(self._threads)
            if self._mqtt and HOST_USER.encode() in _first_words(caller):
                self._aside.add(number)
            with self._lock:
                self._open |= {caller, callee}
                self.lines += number not in self._aside
            for inward, source, sink in ((True, caller, callee), (False, callee, caller)):
                copying = threading.Thread(
                    target=self._copy, args=(number, inward, source, sink), name="proxy", daemon=True
                )
                self._threads.append(copying)
                copying.start()

    def _copy(self, line: int, inward: bool, source: socket.socket, sink: socket.socket) -> None:
        stream = Stream()
        try:
            while not self._ended.is_set():
                if self.weather.silent:
                    time.sleep(_TICK_S)
                    continue
                try:
                    data = source.recv(self._portion())
                except TimeoutError:
                    continue
                except OSError:
                    self.left[inward] += line not in self._aside
                    raise
                if not data:
                    self.left[inward] += line not in self._aside
                    break
                self._carry(line, inward, data, stream, sink)
        except (OSError, _CutInside):
            self._drop_both(source, sink)
            return
        self._leave(source, sink)

    def _carry(self, line: int, inward: bool, data: bytes, stream: Stream, sink: socket.socket) -> None:
        weather = self.weather
        if weather.delay_s:
            time.sleep(weather.delay_s)
        if weather.bytes_a_second:
            time.sleep(len(data) / weather.bytes_a_second)
        if not self._mqtt:
            self._pass(inward, data, sink)
            return
        passing = b""
        for seen in stream.feed(data):
            if line in self._aside:
                passing += seen.whole
                continue
            if weather.cut_inside is not None and weather.cut_inside(inward, seen):
                self._pass(inward, passing + seen.whole[: max(1, len(seen.whole) // 2)], sink)
                raise _CutInside
            machine, seq = self.whose(seen.whole) if seen.kind == "PUBLISH" else ("", -1)
            self.wire.append(Packet(time.time(), line, inward, seen.kind, seen.id, seen.dup, machine, seq))
            if weather.drop is not None and weather.drop(inward, seen):
                continue  # its sender did send it, so it stands in the transcript
            passing += seen.whole
        self._pass(inward, passing, sink)

    def _pass(self, inward: bool, data: bytes, sink: socket.socket) -> None:
        while data and not self._ended.is_set():
            while self.weather.silent and not self._ended.is_set():
                time.sleep(_TICK_S)
            try:
                count = sink.send(data)
            except TimeoutError:
                continue
            self.passed[inward] += count
            data = data[count:]

    def _portion(self) -> int:
        pace = self.weather.bytes_a_second
        return max(1, min(_CHUNK, int(pace / 20))) if pace else _CHUNK

    def _leave(self, source: socket.socket, sink: socket.socket) -> None:
        """One side has said goodbye: say so to the other, which may still speak."""
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
        with self._lock:
            both_done = source not in self._open
            self._open.discard(sink)
        if both_done:
            for end in (source, sink):
                end.close()

    def _drop_both(self, *ends: socket.socket) -> None:
        with self._lock:
            self._open -= set(ends)
        for end in ends:
            _reset(end)


class _CutInside(Exception):
    """The weather cuts the line in the middle of a packet."""


def _first_words(caller: socket.socket) -> bytes:
    """What a caller says at once, left where it is; nothing when it does not."""
    caller.settimeout(1.0)
    try:
        return caller.recv(512, socket.MSG_PEEK)
    except OSError:
        return b""
    finally:
        caller.settimeout(_TICK_S)


def _reset(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    end.close()
