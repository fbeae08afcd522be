"""What contracts answer to a deed, as the API says it: who did it, and a refusal as a problem document."""

from __future__ import annotations

from typing import TypeVar

from app.api.door import Call
from app.problems import FieldError, Problem
from contracts.life import By, CannotBe

T = TypeVar("T")


def by(call: Call) -> By:
    """The caller as contracts tell people apart: a person's own key is that person."""
    who = call.caller
    return By(who.actor, f"person:{who.person}" if who.person is not None else f"key:{who.id}")


def done(answer: T | CannotBe, where: str = "") -> T:
    """What was done. Raises Problem where it could not be: a wrong field (which stands under `where` in the body), or
    the wrong moment."""
    if isinstance(answer, CannotBe):
        raise refused(answer, where)
    return answer


def refused(why: CannotBe, where: str = "") -> Problem:
    if not why.field:
        return Problem("not-now", why.reason, remedy=why.remedy)
    problem = why.reason.removeprefix(why.field).lstrip(": ").rstrip(".")
    return Problem("invalid", why.reason, errors=[FieldError(where + why.field, problem, why.remedy)])
