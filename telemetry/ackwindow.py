"""Which messages may be acknowledged now. Plain.

The log confirms out of order; MQTT wants acknowledgements in the order of arrival (MQTT 3.1.1, 4.6), on the connection
a message came on and on no other: packet ids start again with each connection, so a late acknowledgement would release
*another* message, which would then be lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable


class AckWindow:
    """Places in order of arrival. Not thread-safe: it belongs to the thread that reads the network."""

    def __init__(self) -> None:
        self._front = 0  # place of the oldest message not yet released
        self._ids: deque[int] = deque()
        self._confirmed: set[int] = set()

    def __len__(self) -> int:
        """How many messages wait for their acknowledgement."""
        return len(self._ids)

    def open(self, packet_id: int) -> int:
        """Take a place for a message that came on the present connection."""
        self._ids.append(packet_id)
        return self._front + len(self._ids) - 1

    def confirm(self, places: Iterable[int]) -> list[int]:
        """These messages are in the log. Returns the packet ids to acknowledge now, in order; each comes once.

        Places of an ended connection are no error and release nothing.
        """
        front = self._front
        end = front + len(self._ids)
        self._confirmed.update(place for place in places if front <= place < end)
        released: list[int] = []
        while self._front in self._confirmed:
            self._confirmed.remove(self._front)
            released.append(self._ids.popleft())
            self._front += 1
        return released

    def reconnect(self) -> int:
        """A new connection: nothing of the old one may be acknowledged any more. Returns how many were forgotten.

        The broker sends them again; what is in the log twice is told apart by its number.
        """
        forgotten = len(self._ids)
        self._front += forgotten
        self._ids.clear()
        self._confirmed.clear()
        return forgotten
