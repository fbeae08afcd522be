"""A mail's parts and heads, no more of them than a program may spend its time on. Plain.

Anybody who knows the address may write, and Python's own parser takes what it is given: a mail of one megabyte that is
all parts, or one long head, keeps it busy for many seconds.
"""

from __future__ import annotations

from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import Policy, default

from escalation.inbound.body import BadBody

MOST_PARTS = 250  # of a mail, those within forwarded mails included
MOST_HEADS = 256 * 1024  # characters of all heads of all parts
_LONGEST_HEAD = 16 * 1024
_LONGEST_OF_CONTENT = 4 * 1024  # a file's name of 255 letters, as heads spell it


def parsed(raw: bytes) -> EmailMessage:
    """The mail of these bytes. Raises BadBody for one of too many parts, or too long heads."""
    room = [MOST_PARTS, MOST_HEADS]

    class Part(EmailMessage):
        def __init__(self, policy: Policy = default) -> None:
            super().__init__(policy)
            room[0] -= 1
            if room[0] < 0:
                raise BadBody("the mail", f"has more than {MOST_PARTS} parts", "put its files into an archive")

        def set_raw(self, name: str, value: str) -> None:
            longest = _LONGEST_OF_CONTENT if name.lower().startswith("content-") else _LONGEST_HEAD
            room[1] -= len(name) + len(value)
            if room[1] < 0:
                problem = f"has heads of more than {MOST_HEADS // 1024} KiB"
                raise BadBody("the mail", problem, "send it anew instead of forwarding it")
            super().set_raw(name, value[:longest])

    message: EmailMessage = BytesParser(_class=Part, policy=default).parsebytes(raw)
    return message
