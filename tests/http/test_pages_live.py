"""The event stream: what it tells, to whom, and when it ends."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from app.live import Change, Hub, Stream, changes_since
from escalation.announce import announce
from models.incidents import Incident
from models.people import WebSession
from models.session import STAFF, SYSTEM, Sessions, work
from tests.cast import Cast
from tests.http.conftest import Hands, Visitor
from tests.http.world import Things

Visit = Callable[[str], Visitor]


@pytest.fixture
def hub(app: Flask) -> Iterator[Hub]:
    """The listener of the application, stopped afterwards."""
    listening: Hub = app.extensions["vigie.live"]
    yield listening
    listening.stop()


def touch(sessions: Sessions, incident: str, at: datetime) -> str:
    """Change one incident as the desk does; its label."""
    with work(sessions, SYSTEM) as session:
        row = session.get_one(Incident, uuid.UUID(incident))
        row.version += 1
        row.changed_at = at
        announce(session, row)
        return row.label


def events(chunks: Iterator[bytes | str]) -> Iterator[tuple[str, dict[str, object]]]:
    """Name and data of each event in a stream."""
    for chunk in chunks:
        text = chunk.decode() if isinstance(chunk, bytes) else chunk
        for block in text.strip().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
            if "event" in fields:
                yield fields["event"], json.loads(fields["data"])


def test_a_stranger_hears_nothing(stranger: Visitor) -> None:
    assert stranger.get("/live").status_code == 401


def test_a_change_is_told_to_an_open_page(visit: Visit, world: dict[str, Things], sessions: Sessions, hub: Hub) -> None:
    answer = visit("dee").get("/live", buffered=False)
    assert answer.mimetype == "text/event-stream"
    heard = events(answer.iter_encoded())
    assert next(heard)[0] == "beat"
    label = touch(sessions, world["plant"].incident, datetime.now(UTC))
    # Told once, however slow the listener is to come up.
    assert next(body["label"] for name, body in heard if name != "beat") == label
    answer.close()


def test_a_change_between_drawing_the_page_and_its_stream_is_told(
    visit: Visit, world: dict[str, Things], sessions: Sessions, hub: Hub, hands: Hands
) -> None:
    drawn = str(int(hands().timestamp() * 1000))
    label = touch(sessions, world["plant"].incident, hands() + timedelta(milliseconds=1))
    answer = visit("dee").get(f"/live?since={drawn}", buffered=False)
    heard = events(answer.iter_encoded())
    # Others that changed about then may be told too: once too often is harmless.
    assert next(body["version"] for name, body in heard if name == "incident" and body["label"] == label)
    answer.close()


def test_a_page_that_comes_back_is_told_what_it_missed(
    visit: Visit, world: dict[str, Things], sessions: Sessions, hub: Hub, hands: Hands
) -> None:
    touch(sessions, world["plant"].incident, hands())
    last_seen = str(int((hands() - timedelta(minutes=5)).timestamp() * 1000))
    answer = visit("dee").get("/live", headers={"Last-Event-ID": last_seen}, buffered=False)
    heard = events(answer.iter_encoded())
    assert [next(heard)[0], next(heard)[0]] == ["beat", "incident"]
    answer.close()


@pytest.mark.parametrize("nonsense", ["x", "-1", "9" * 40, "१२३"])
def test_a_nonsensical_last_event_is_no_event(visit: Visit, world: dict[str, Things], hub: Hub, nonsense: str) -> None:
    answer = visit("dee").get("/live", headers={"Last-Event-ID": nonsense.encode().decode("latin-1")}, buffered=False)
    assert answer.status_code == 200
    answer.close()


def test_a_customer_hears_only_its_own(world: dict[str, Things], cast: Cast) -> None:
    mine, theirs = (
        Change(customer, customer, "VG-1", "open", 1, datetime.now(UTC)) for customer in (cast.plant, cast.joinery)
    )
    stream, desk = Stream(cast.plant), Stream(STAFF)
    for change in (mine, theirs):
        stream.offer(change)
        desk.offer(change)
    assert (stream.waiting.qsize(), desk.waiting.qsize()) == (1, 2)


def test_a_stream_that_falls_behind_is_closed_rather_than_grown(cast: Cast) -> None:
    stream = Stream(STAFF)
    for version in range(100):
        stream.offer(Change(cast.plant, cast.plant, "VG-1", "open", version, datetime.now(UTC)))
    assert stream.overrun
    assert stream.waiting.qsize() == 64


def test_rows_are_read_within_the_reach_of_who_asks(
    world: dict[str, Things], web_sessions: Sessions, cast: Cast
) -> None:
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    with work(web_sessions, cast.joinery) as session:
        assert {change.customer_id for change in changes_since(session, long_ago)} == {cast.joinery}


def test_a_stream_ends_with_the_sign_in(
    visit: Visit, world: dict[str, Things], sessions: Sessions, hub: Hub, monkeypatch: pytest.MonkeyPatch, hands: Hands
) -> None:
    monkeypatch.setattr("app.live.BEAT_S", 0.05)
    answer = visit("dee").get("/live", buffered=False)
    heard = events(answer.iter_encoded())
    assert next(heard)[0] == "beat"
    with work(sessions, SYSTEM) as session:
        session.execute(update(WebSession).values(ended_at=hands()))
    assert [name for name, _ in heard][-1] == "end"
    answer.close()
