"""Kill points without a word of test code in the product: the child wraps one named function before it begins its work.

A test starts a child with `prelude(...)` in front of its words. The wrapped function counts its calls, and at the nth
the process ends itself by SIGKILL, before the call or after it, so nothing is tidied up.
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
import time
from collections.abc import Callable
from typing import Any, Literal


def prelude(where: str, when: Literal["before", "after"], nth: int) -> str:
    """The line of Python that arms a kill point: `where` is `module:function` or `module:Class.method`."""
    return f"from tests.faults import killpoint\nkillpoint.arm({where!r}, {when!r}, {nth})\n"


def slow(where: str, seconds: float) -> str:
    """The line of Python that makes each call of a function take so much longer."""
    return f"from tests.faults import killpoint\nkillpoint.delay({where!r}, {seconds})\n"


def arm(where: str, when: Literal["before", "after"], nth: int) -> None:
    """Die before or after the nth call (1 is the first) of `where`."""
    calls = 0

    def wrapping(inner: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(inner)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            mine = calls  # several threads may be inside at once
            if mine == nth and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            answer = inner(*args, **kwargs)
            if mine == nth:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return wrapped

    _wrap(where, wrapping)


def delay(where: str, seconds: float) -> None:
    """Every call of `where` takes `seconds` longer."""

    def wrapping(inner: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(inner)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            time.sleep(seconds)
            return inner(*args, **kwargs)

        return wrapped

    _wrap(where, wrapping)


def _wrap(where: str, wrapping: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    module, _, path = where.partition(":")
    owner: Any = importlib.import_module(module)
    *outer, name = path.split(".")
    for each in outer:
        owner = getattr(owner, each)
    setattr(owner, name, wrapping(getattr(owner, name)))
