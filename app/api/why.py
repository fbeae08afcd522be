"""`GET /machines/{machine}/why?at=`: why nothing was opened, for any machine and instant."""

from __future__ import annotations

from pydantic import Field

from app.api import lookup
from app.api.door import Call, route
from app.problems import invalid
from app.wire import In, Instant, Out


class WhyQuery(In):
    at: Instant | None = Field(None, description="an instant of the past; left out: now")


class ReasonOut(Out):
    rule: str = Field(description="unknown, unheard, tier, maintenance, learning, joined, contract, below, hysteresis, "
                      "settling, backdated, verdicts, weekly, daily, admission, budget, unscored")  # fmt: skip
    words: str


class WhyOut(Out):
    machine: str
    at: Instant
    alarmed: bool = Field(description="an incident was open for it at that instant")
    sentence: str
    score: float | None = Field(description="robust sigmas in that minute; null: it was not scored")
    threshold: float = Field(description="what it would have had to reach")
    score_at: Instant | None
    reasons: list[ReasonOut] = Field(description="what held it back, first what alone would have been enough")


@route("GET", "/machines/{machine}/why", "findings:read", {200: WhyOut}, query=WhyQuery,
       problems=("not-found", "invalid"))  # fmt: skip
def why(call: Call, query: WhyQuery, *, machine: str) -> WhyOut:
    """Score, threshold and reasons of restraint of a machine at an instant."""
    row = lookup.machine(call, machine)
    at = query.at or call.now
    if at > call.now:
        raise invalid("at", "lies in the future", "Give an instant of the past.")
    from telemetry import looking_back  # numpy, which a web process does without until it is asked for

    return WhyOut.model_validate(looking_back.why(call.session, row, at))
