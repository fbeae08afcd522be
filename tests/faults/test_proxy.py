"""The proxy does to a line what it says, and writes down what it saw."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.faults.proxy import Proxy, Weather
from tests.faults.wire import Stream

PUBLISH = b"\x32\x09\x00\x03a/b\x00\x07hi"  # QoS 1, topic a/b, id 7
AGAIN = b"\x3a" + PUBLISH[1:]
PUBACK = b"\x40\x02\x00\x07"


class Echo:
    """Answers every byte with itself."""

    def __init__(self) -> None:
        self.ear = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.ear.getsockname()[1])
        self.heard = b""
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                line, _ = self.ear.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def _answer(self, line: socket.socket) -> None:
        with line:
            try:
                while data := line.recv(1 << 16):
                    self.heard += data
                    line.sendall(data)
            except ConnectionResetError:
                return


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.ear.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    made = Proxy(echo.port)
    yield made
    made.close()


@pytest.fixture
def line(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as made:
        yield made


def read(line: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = line.recv(count - len(data))
        assert more, "the line ended"
        data += more
    return data


def soon(claim: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not claim():
        assert time.monotonic() < end, "never came true"
        time.sleep(0.01)


def test_packets_come_out_of_a_stream_however_it_is_cut() -> None:
    whole = PUBLISH + AGAIN + PUBACK + b"\xc0\x00"
    for size in (1, 2, 3, 7, len(whole)):
        stream = Stream()
        seen = [each for i in range(0, len(whole), size) for each in stream.feed(whole[i : i + size])]
        assert [(each.kind, each.id, each.dup) for each in seen] == [
            ("PUBLISH", 7, False), ("PUBLISH", 7, True), ("PUBACK", 7, False), ("PINGREQ", 0, False),
        ]  # fmt: skip
        assert b"".join(each.whole for each in seen) == whole


def test_in_calm_weather_bytes_pass_and_are_written_down(proxy: Proxy, line: socket.socket) -> None:
    line.sendall(PUBLISH + PUBACK)
    assert read(line, len(PUBLISH + PUBACK)) == PUBLISH + PUBACK
    assert [(each.inward, each.kind, each.id) for each in sorted(proxy.wire, key=lambda each: not each.inward)] == [
        (True, "PUBLISH", 7), (True, "PUBACK", 7), (False, "PUBLISH", 7), (False, "PUBACK", 7),
    ]  # fmt: skip


def test_a_cut_resets_the_line_and_the_next_one_passes(proxy: Proxy, line: socket.socket) -> None:
    line.sendall(PUBACK)
    read(line, 4)
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        line.recv(1)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as again:
        again.sendall(PUBACK)
        assert read(again, 4) == PUBACK
    assert proxy.lines == 2


def test_a_half_open_line_stays_up_and_carries_nothing(proxy: Proxy, line: socket.socket, echo: Echo) -> None:
    proxy.weather = Weather(silent=True)
    line.sendall(PUBLISH)
    line.settimeout(0.3)
    with pytest.raises(TimeoutError):
        line.recv(1)
    assert echo.heard == b""
    proxy.weather = Weather()
    line.settimeout(5)
    assert read(line, len(PUBLISH)) == PUBLISH


def test_a_line_cut_inside_a_packet_delivers_half_of_it(proxy: Proxy, line: socket.socket, echo: Echo) -> None:
    proxy.weather = Weather(cut_inside=lambda inward, seen: inward and seen.kind == "PUBLISH")
    line.sendall(PUBACK + PUBLISH)
    with pytest.raises(ConnectionResetError):
        read(line, 1000)
    soon(lambda: echo.heard == PUBACK + PUBLISH[: len(PUBLISH) // 2])


def test_chosen_packets_are_swallowed(proxy: Proxy, line: socket.socket, echo: Echo) -> None:
    proxy.weather = Weather(drop=lambda inward, seen: inward and seen.kind == "PUBACK")
    line.sendall(PUBACK + PUBLISH + PUBACK)
    assert read(line, len(PUBLISH)) == PUBLISH
    assert echo.heard == PUBLISH


def test_delay_and_throttle_only_take_time(proxy: Proxy, line: socket.socket) -> None:
    proxy.weather = Weather(delay_s=0.05, bytes_a_second=200_000)
    many = PUBLISH * 2000
    threading.Thread(target=line.sendall, args=(many,)).start()
    assert read(line, len(many)) == many


def test_a_refused_caller_is_turned_away(proxy: Proxy) -> None:
    proxy.weather = Weather(refuse=True)

    def call() -> bytes:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as caller:
            return caller.recv(1)

    with pytest.raises(ConnectionError):
        call()
