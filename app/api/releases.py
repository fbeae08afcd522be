"""Models trained here: releases, where they are on duty, what a challenger would open, comparisons; and their acts."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import or_, select

from app.api.door import Call, route
from app.api.paging import page
from app.problems import Problem, not_found
from app.wire import In, Instant, Line, Out, Paged
from models.releases import ModelComparison, ModelRelease
from telemetry import release_view, releases
from telemetry.matching import Opening, Pair

BY = {"both": "both", "a": "champion", "b": "challenger"}


class Reason(In):
    reason: Line = Field(description="why; it stands in the audit")


class RefusedOut(Out):
    machine: str
    why: str


class ReleaseOut(Out):
    id: uuid.UUID
    label: str = Field(description="as people say it: M-3")
    title: str
    digest: str = Field(description="SHA-256 of its settings and the digest of each machine's artefact")
    settings: dict[str, float]
    machines: int
    made_at: Instant
    made_by: str
    champion: int = Field(description="machines whose incidents it opens")
    challenger: int = Field(description="machines it scores in the shadow, opening nothing")
    waiting: int = Field(description="of both: no watcher has taken it yet")
    refused: list[RefusedOut] = Field(description="machines on which a watcher would not run it, and why")


class ReleaseWhole(ReleaseOut):
    lineage: dict[str, Any] = Field(description="data span, code version, verdicts used, scores on held-out history, "
                                    "what was left out and why, the digest of each artefact")  # fmt: skip


class ReleasePage(Out):
    items: list[ReleaseOut]
    next: str | None


class OpeningOut(Out):
    cause: str
    severity: int
    opened_at: Instant
    ended_at: Instant | None
    summary: str
    became: str = Field(description="of the champion's: its incident, what held it back, what engineers judged")


class PairOut(Out):
    machine: str
    by: Literal["both", "champion", "challenger"]
    champion: OpeningOut | None
    challenger: OpeningOut | None


class TableOut(Out):
    counts: str = Field(description="what the figures count, in a sentence")
    since: Instant | None = Field(description="null: it was never challenger")
    until: Instant
    machines: int
    both: int
    champion_only: int
    challenger_only: int
    items: list[PairOut] = Field(description="the newest first, at most as many as asked for")


class TableQuery(In):
    limit: int = Field(100, ge=1, le=500)


class ComparisonOut(Out):
    id: uuid.UUID
    starts_at: Instant
    ends_at: Instant
    made_at: Instant
    made_by: str
    result: dict[str, Any] = Field(description="a, b (own: what machines learned by themselves), machines, reports, "
                                   "both_count, lost, gained: what b opens less and more than a")  # fmt: skip


class ComparisonPage(Out):
    items: list[ComparisonOut]
    next: str | None


class DoneOut(Out):
    label: str
    machines: int = Field(description="whose duty has changed; running watchers follow within seconds")


@route("GET", "/models", "models:read", {200: ReleasePage}, query=Paged, staff=True)
def index(call: Call, query: Paged) -> ReleasePage:
    """Releases, the newest first."""
    r = ModelRelease
    rows, more = page(call.session, select(r), query, r.number, r.id)
    return ReleasePage(items=[_short(one) for one in release_view.standing(call.session, rows)], next=more)


@route("GET", "/models/{model}", "models:read", {200: ReleaseWhole}, staff=True, problems=("not-found",))
def get(call: Call, *, model: str) -> ReleaseWhole:
    """One release by its label or its digest, with its lineage."""
    one = release_view.of(call.session, find(call, model))
    return ReleaseWhole(**_short(one).model_dump(), lineage=one.release.lineage)


@route("GET", "/models/{model}/openings", "models:read", {200: TableOut}, query=TableQuery, staff=True,
       problems=("not-found",))  # fmt: skip
def openings(call: Call, query: TableQuery, *, model: str) -> TableOut:
    """What it, as challenger, would have opened, beside what the champion opened on the same machines."""
    table = release_view.table(call.session, find(call, model), call.now, query.limit)
    return TableOut(
        counts=table.sentence, since=table.since, until=table.until, machines=table.machines, both=table.both,
        champion_only=table.champion_only, challenger_only=table.challenger_only,
        items=[_pair(pair) for pair in table.pairs],
    )  # fmt: skip


@route("GET", "/models/{model}/comparisons", "models:read", {200: ComparisonPage}, query=Paged, staff=True,
       problems=("not-found",))  # fmt: skip
def comparisons(call: Call, query: Paged, *, model: str) -> ComparisonPage:
    """Stored history replayed under it and another model, as `vigie models compare` kept it; the newest first."""
    c, release = ModelComparison, find(call, model)
    wanted = select(c).where(or_(c.a_id == release.id, c.b_id == release.id))
    rows, more = page(call.session, wanted, query, c.made_at, c.id)
    return ComparisonPage(items=[ComparisonOut.model_validate(row) for row in rows], next=more)


@route("POST", "/models/{model}/shadow", "models:write", {200: DoneOut}, staff=True, problems=("not-found", "not-now"))
def shadow(call: Call, *, model: str) -> DoneOut:
    """Let it score beside the champion, opening nothing."""
    return _acted(call, model, releases.shadow)


@route("POST", "/models/{model}/shadow/end", "models:write", {200: DoneOut}, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def end_shadow(call: Call, *, model: str) -> DoneOut:
    """It steps down as challenger; what it would have opened stays."""
    return _acted(call, model, releases.end_shadow)


@route("POST", "/models/{model}/promote", "models:write", {200: DoneOut}, body=Reason, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def promote(call: Call, body: Reason, *, model: str) -> DoneOut:
    """From now on it opens the incidents of its machines."""
    return _acted(call, model, releases.promote, reason=body.reason)


@route("POST", "/models/{model}/rollback", "models:write", {200: DoneOut}, body=Reason, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def rollback(call: Call, body: Reason, *, model: str) -> DoneOut:
    """Each machine it is champion of goes back to what it ran before."""
    return _acted(call, model, releases.rollback, reason=body.reason)


def find(call: Call, model: str) -> ModelRelease:
    """Raises Problem."""
    try:
        return releases.find(call.session, model)
    except releases.Unknown:
        raise not_found("model") from None


def _acted(call: Call, model: str, act: Callable[..., int], **more: str) -> DoneOut:
    release = find(call, model)
    try:
        machines = act(call.session, release, actor=call.caller.actor, now=call.now, **more)
    except releases.BadRelease as why:
        raise Problem("not-now", f"{str(why)[:1].upper()}{str(why)[1:]}.", remedy=why.remedy) from None
    return DoneOut(label=release.label, machines=machines)


def _short(one: release_view.Shown) -> ReleaseOut:
    r = one.release
    return ReleaseOut(
        id=r.id, label=r.label, title=r.title, digest=r.digest, settings=r.settings, machines=r.machines,
        made_at=r.made_at, made_by=r.made_by, champion=one.champion, challenger=one.challenger, waiting=one.waiting,
        refused=[RefusedOut(machine=machine, why=why) for machine, why in one.refused],
    )  # fmt: skip


def _pair(pair: Pair) -> PairOut:
    return PairOut(machine=pair.one.machine, by=BY[pair.by], champion=_opening(pair.a), challenger=_opening(pair.b))


def _opening(one: Opening | None) -> OpeningOut | None:
    if one is None:
        return None
    return OpeningOut(cause=one.cause, severity=one.severity, opened_at=one.opened_at, ended_at=one.ended_at,
                      summary=one.summary, became=one.note)  # fmt: skip
