"""Nothing is acknowledged that is not in the log, out of order, twice, or on another connection."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from telemetry.ackwindow import AckWindow

# A story: "open", ("confirm", a number that picks places still unconfirmed), "reconnect".
STORY = st.lists(
    st.one_of(st.just("open"), st.just("reconnect"), st.lists(st.integers(0, 30), max_size=6)), max_size=80
)


@given(STORY)
def test_released_ids_are_confirmed_in_order_once_and_of_this_connection(story: list[str | list[int]]) -> None:
    window = AckWindow()
    opened: list[tuple[int, int]] = []  # (place, packet id) of the present connection, in order
    every: list[int] = []
    confirmed: set[int] = set()
    released: list[int] = []
    packet_id = 0
    for step in story:
        if step == "open":
            packet_id += 1
            place = window.open(packet_id)
            opened.append((place, packet_id))
            every.append(place)
        elif step == "reconnect":
            assert window.reconnect() == len(opened) - len(released)
            opened, released = [], []
            packet_id = 0
        else:
            chosen = [every[pick % len(every)] for pick in step] if every else []
            confirmed.update(chosen)
            released += window.confirm(chosen)
            due = []
            for place, an_id in opened:
                if place not in confirmed:
                    break
                due.append(an_id)
            assert released == due
        assert len(window) == len(opened) - len(released)


def test_a_late_confirmation_releases_nothing_on_the_next_connection() -> None:
    window = AckWindow()
    old = window.open(1)
    window.reconnect()
    new = window.open(1)
    assert window.confirm([old]) == []
    assert window.confirm([new]) == [1]


def test_a_later_message_waits_for_the_one_before_it() -> None:
    window = AckWindow()
    first, second, third = (window.open(packet_id) for packet_id in (7, 8, 9))
    assert window.confirm([third]) == []
    assert window.confirm([second]) == []
    assert window.confirm([first]) == [7, 8, 9]
