"""Passwords: Argon2id, and which ones are too easy to guess. A door to argon2-cffi."""

from __future__ import annotations

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

SHORTEST, LONGEST = 12, 128

_hasher = PasswordHasher()
# A hash takes 64 MiB while it runs; more than two at once would double the web process.
_room = threading.BoundedSemaphore(2)
# Verified when there is no such person, so that the answer takes as long; of a random password nobody knows.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$uIJDCizauAe1pRtex+H0uQ$YKUgl59SfAkMFL5SglXxAg+yN3nGEvymg2+7JMHjKRU"

# What is tried first at twelve letters or more; shorter ones fall to the length alone.
_COMMON = frozenset(
    """
    123456789012 1234567890123 12345678901234 123456789123 password1234 password12345 passwordpassword
    qwertyuiop12 qwertyuiop123 qwertyuiopas qwertyuiopasdf 1qaz2wsx3edc 1q2w3e4r5t6y zaq12wsxcde3
    administrator administrator1 changemechangeme changeme12345 letmeinletmein welcome12345 welcomewelcome
    iloveyou1234 motdepasse123 motdepasse1234 azertyuiop12 azertyuiop123 azertyuiopqs vigievigievigie
    correcthorsebatterystaple abcdefghijkl abcdefghijklm abcdef123456 abc123abc123 123123123123 111222333444
    monkeymonkey dragondragon footballfootball trustno1trustno1 superman1234 sunshine1234
    """.split()  # noqa: SIM905  a list of forty strings would be read by nobody
)


def hashed(password: str) -> str:
    """The password as it may be stored."""
    with _room:
        return _hasher.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Whether the password is the stored one. Takes as long when there is none."""
    with _room:
        try:
            # A longer one cannot be anybody's; it is cut so that nobody can make us hash a novel.
            right = _hasher.verify(stored or _NOBODY, password[: LONGEST + 1])
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return False
    return right and stored is not None


def is_outdated(stored: str) -> bool:
    """Whether the hash was made with weaker settings than today's."""
    return _hasher.check_needs_rehash(stored)


def weakness(password: str, *, near: tuple[str, ...] = ()) -> str | None:
    """Why a new password is too easy to guess, or None. `near`: words about the person, such as name and address."""
    if len(password) < SHORTEST:
        return f"is shorter than {SHORTEST} characters"
    if len(password) > LONGEST:
        return f"is longer than {LONGEST} characters"
    plain = password.casefold()
    if plain in _COMMON or len(set(plain)) < 5:
        return "is one of the first anybody would try"
    parts = [part for word in near for part in word.casefold().replace("@", " ").split() if len(part) >= 5]
    if any(part in plain for part in parts):
        return "contains the name or the address"
    return None
