"""Acts on incidents through the API: taken back, merged, split, agreed on by both sides, with files and a swarm."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.settings import Settings
from escalation import attaching, attic
from models.attachments import Attachment
from models.audit import AuditEntry
from models.duty import Training
from models.notices import Notice
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast
from tests.http.conftest import Hands, Visitor

API = "/api/v1"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100


@pytest.fixture
def incident(visit: Callable[[str], Visitor]) -> str:
    """The label of one Ada asked for."""
    return asked(visit("ada"), "The press stands still")


def asked(who: Visitor, title: str, **more: Any) -> str:
    answer = who.post(f"{API}/incidents", {"title": title, "severity": 3, "machine": "plant-db-1", **more})
    assert answer.status_code == 201, answer.text
    return str(answer.get_json()["incident"]["label"])


def test_an_act_is_taken_back_within_the_minute(visit: Callable[[str], Visitor], incident: str, hands: Hands) -> None:
    dee = visit("dee")
    at = f"{API}/incidents/{incident}"
    assert dee.post(f"{at}/claim").status_code == 200
    (deed,) = dee.get(f"{at}/undo").get_json()["items"]
    assert (deed["act"], deed["undo_until"]) == ("claim", "2026-03-10T09:01:00Z")
    assert visit("eve").post(f"{at}/undo", {}).status_code == 409
    hands.forward(seconds=60)
    undone = dee.post(f"{at}/undo", {"deed": deed["id"]})
    assert (undone.status_code, undone.get_json()["state"]) == (200, "open")
    hands.forward(seconds=1)
    assert dee.post(f"{at}/claim").status_code == 200
    hands.forward(seconds=61)
    late = dee.post(f"{at}/undo", {})
    assert (late.status_code, "for a minute" in late.get_json()["detail"]) == (409, True)


def test_a_reply_can_be_held_for_the_minute_and_sent_before(
    visit: Callable[[str], Visitor], incident: str, sessions: Sessions, cast: Cast, hands: Hands
) -> None:
    dee, at = visit("dee"), f"{API}/incidents/{incident}"
    assert dee.post(f"{at}/reply", {"text": "We look at it.", "hold_s": 61}).status_code == 422
    assert dee.post(f"{at}/reply", {"text": "We look at it.", "hold_s": 60}).status_code == 200
    with work(sessions, SYSTEM) as session:
        due = session.scalars(select(Notice.next_try_at).where(Notice.person_id.in_([cast.ada, cast.bo]))).all()
        assert {(one - hands()).total_seconds() for one in due} == {60}
    assert dee.post(f"{at}/send-now").get_json() == {"letters": 2}
    assert dee.post(f"{at}/undo", {}).status_code == 200  # nobody has taken the letters yet
    kinds = [line["kind"] for line in visit("ada").get(f"{at}/timeline").get_json()["items"]]
    assert "reply" not in kinds
    assert "undone" in kinds


def test_two_incidents_are_merged_and_split_again(visit: Callable[[str], Visitor], incident: str) -> None:
    dee, ada = visit("dee"), visit("ada")
    other = asked(ada, "The press does not move", cause="press")
    assert ada.post(f"{API}/incidents/{other}/merge", {"into": incident}).status_code == 403
    merged = dee.post(f"{API}/incidents/{other}/merge", {"into": incident, "reason": "one press"})
    assert (merged.status_code, merged.get_json()["label"]) == (200, incident)
    gone = ada.get(f"{API}/incidents/{other}").get_json()
    assert (gone["state"], gone["merged_into_id"]) == ("closed", merged.get_json()["id"])
    (relation,) = ada.get(f"{API}/incidents/{incident}/relations").get_json()["items"]
    assert (relation["incident"], relation["kind"], relation["other"]) == (other, "merged_into", incident)
    (cause,) = dee.get(f"{API}/incidents/{incident}/causes").get_json()["items"]
    assert ada.post(f"{API}/incidents/{other}/reply", {"text": "still?"}).get_json()["label"] == incident
    wanted = {"title": "The belt", "reason": "another motor", "causes": [cause["id"]], "severity": 4}
    split = dee.post(f"{API}/incidents/{incident}/split", wanted)
    assert split.status_code == 201, split.text
    made = split.get_json()
    assert (made["decision"]["decision"], made["incident"]["severity"]) == ("granted", 4)
    assert split.headers["Location"] == f"{API}/incidents/{made['incident']['label']}"
    nothing = dee.post(f"{API}/incidents/{incident}/split", {"title": "x", "reason": "y"})
    assert (nothing.status_code, nothing.get_json()["detail"]) == (409, "Nothing was chosen to go.")


def test_what_is_alike_is_found_with_its_reasons(visit: Callable[[str], Visitor], incident: str) -> None:
    dee, ada = visit("dee"), visit("ada")
    former = asked(ada, "The press stands still since noon")
    assert dee.post(f"{API}/incidents/{former}/resolve", {"text": "A fuse was changed."}).status_code == 200
    twice = asked(ada, "The press stands still again")
    found = dee.get(f"{API}/incidents/{twice}/similar").get_json()
    assert [one["label"] for one in found["duplicates"]] == [incident]
    assert "same machine" in found["duplicates"][0]["reasons"]
    (before,) = found["before"]
    assert (before["label"], before["helped"]) == (former, "A fuse was changed.")
    assert visit("cy").get(f"{API}/incidents/{twice}/similar").status_code == 404


def test_a_severity_is_proposed_by_one_side_and_agreed_by_the_other(
    visit: Callable[[str], Visitor], incident: str, hands: Hands
) -> None:
    dee, ada, at = visit("dee"), visit("ada"), f"{API}/incidents/{incident}"
    asks = ada.post(f"{at}/severities", {"severity": 1, "reason": "all presses by now"})
    assert asks.get_json()["severity"] == 3  # a customer's word waits for ours
    own = ada.post(f"{at}/severities/answer", {"agree": True})
    assert (own.status_code, own.get_json()["detail"]) == (409, "Your own side proposed it.")
    hands.forward(minutes=4)
    agreed = dee.post(f"{at}/severities/answer", {"agree": True}).get_json()
    assert agreed["severity"] == 1
    milder = dee.post(f"{at}/severities", {"severity": 2, "reason": "half of them work"})
    assert milder.get_json()["severity"] == 1  # milder waits for the customer
    refused = ada.post(f"{at}/severities/answer", {"agree": False, "reason": "it is the important half"})
    assert refused.get_json()["severity"] == 1
    history = ada.get(f"{at}/severities").get_json()["items"]
    assert [(one["was"], one["wanted"], one["state"]) for one in history] == [(3, 1, "agreed"), (1, 2, "refused")]
    assert history[0]["holds_since"] == "2026-03-10T09:04:00Z"


def test_a_graver_one_of_ours_holds_at_once_and_falls_back_when_it_is_refused(
    visit: Callable[[str], Visitor], incident: str
) -> None:
    dee, ada, at = visit("dee"), visit("ada"), f"{API}/incidents/{incident}"
    assert dee.post(f"{at}/severities", {"severity": 2, "reason": "it spreads"}).get_json()["severity"] == 2
    assert ada.post(f"{at}/severities/answer", {"agree": False}).status_code == 409
    back = ada.post(f"{at}/severities/answer", {"agree": False, "reason": "we have a spare"})
    assert back.get_json()["severity"] == 3


def test_a_workaround_stops_its_own_clock_and_no_other(visit: Callable[[str], Visitor], incident: str) -> None:
    dee, at = visit("dee"), f"{API}/incidents/{incident}"
    around = dee.post(f"{at}/workaround", {"text": "Use press 2."}).get_json()
    assert (around["state"], around["workaround_at"]) == ("acknowledged", "2026-03-10T09:00:00Z")
    assert dee.post(f"{at}/workaround", {"text": "Or 3."}).status_code == 409
    gone = dee.post(f"{at}/workaround/gone", {"reason": "press 2 broke"}).get_json()
    assert gone["workaround_at"] is None


def test_an_edit_keeps_the_former_text_for_everybody_to_see(
    visit: Callable[[str], Visitor], incident: str, sessions: Sessions, cast: Cast
) -> None:
    dee, ada, at = visit("dee"), visit("ada"), f"{API}/incidents/{incident}"
    dee.post(f"{at}/reply", {"text": "We come at 3.", "hold_s": 60})
    entry = next(line for line in ada.get(f"{at}/timeline").get_json()["items"] if line["kind"] == "reply")
    assert visit("eve").patch(f"{API}/timeline/{entry['id']}", {"text": "x"}).status_code == 409
    assert ada.patch(f"{API}/timeline/{entry['id']}", {"text": "x"}).status_code == 409
    edited = dee.patch(f"{API}/timeline/{entry['id']}", {"text": "We come at 4."})
    assert edited.status_code == 200
    seen = next(line for line in ada.get(f"{at}/timeline").get_json()["items"] if line["kind"] == "reply")
    assert seen["text"] == "We come at 4."
    assert [one["text"] for one in seen["facts"]["former"]] == ["We come at 3."]
    with work(sessions, SYSTEM) as session:
        letter = session.scalars(select(Notice.body).where(Notice.person_id == cast.ada)).one()
        assert "We come at 4." in letter["text"]  # it had not left


def bring(who: Visitor, incident: str, name: str, content: bytes, **query: str) -> Any:
    given = {"name": name, **query}
    return who(
        "POST",
        f"{API}/incidents/{incident}/attachments",
        query_string=given,
        data=content,
        headers={"Content-Type": "application/octet-stream"},
    )


def test_a_file_is_brought_kept_and_fetched_as_a_download(
    visit: Callable[[str], Visitor], incident: str, settings: Settings, sessions: Sessions
) -> None:
    ada, dee = visit("ada"), visit("dee")
    answer = bring(ada, incident, '../../etc/größe "x".png', PNG)
    assert answer.status_code == 201, answer.text
    row = answer.get_json()
    assert (row["name"], row["media_type"], row["size"]) == ('größe "x".png', "image/png", len(PNG))
    place = settings.data / attic.FOLDER / row["digest"][:2] / row["digest"]
    assert place.read_bytes() == PNG
    assert place.stat().st_mode & 0o777 == 0o600  # of its owner alone, and never run
    got = dee.get(f"{API}/attachments/{row['id']}")
    assert got.data == PNG
    assert got.content_type == "application/octet-stream"
    assert got.headers["Content-Disposition"].startswith("attachment; filename=")
    assert "gr%C3%B6%C3%9Fe" in got.headers["Content-Disposition"]
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Content-Security-Policy"].startswith("sandbox")
    with work(sessions, SYSTEM) as session:
        deeds = session.scalars(select(AuditEntry.deed)).all()
        assert deeds.count("attach") == 1
    assert ada("POST", f"{API}/incidents/{incident}/undo", json={}).status_code == 200
    assert dee.get(f"{API}/attachments/{row['id']}").status_code == 404
    assert not place.exists()


def test_an_internal_file_is_not_the_customers_to_see(visit: Callable[[str], Visitor], incident: str) -> None:
    dee, ada, cy = visit("dee"), visit("ada"), visit("cy")
    row = bring(dee, incident, "trace.log", b"inner trace", public="false").get_json()
    assert ada.get(f"{API}/incidents/{incident}/attachments").get_json() == {"items": []}
    for who in (ada, cy):
        assert who.get(f"{API}/attachments/{row['id']}").status_code == 404
        assert who("DELETE", f"{API}/attachments/{row['id']}").status_code == 404
    assert dee("DELETE", f"{API}/attachments/{row['id']}").status_code == 204
    assert dee.get(f"{API}/attachments/{row['id']}").status_code == 404


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("tool.exe", b"MZ\x90\0", "a program or a script"),
        ("picture.png", b"\x7fELF\x02", "a program or a script"),
        ("run.txt", b"#!/bin/sh\nrm -rf /", "a program or a script"),
        ("page.txt", b"<html><script>alert(1)</script>", "a page that a browser would run"),
        ("drawing.svg", b"<?xml version='1.0'?><svg onload='x()'>", "a page that a browser would run"),
        ("picture.png", b"%PDF-1.7", "ends in .png, but the file is application/pdf"),
        ("script.js", b"hello there", "ends in .js"),
        ("noise.bin", b"\x00\x01\x02\x03", "of a kind that is not taken"),
        ("nothing.txt", b"", "empty"),
    ],
)
def test_what_is_no_evidence_is_refused_with_words(
    visit: Callable[[str], Visitor], incident: str, name: str, content: bytes, says: str
) -> None:
    answer = bring(visit("dee"), incident, name, content)
    assert answer.status_code == 422
    assert says in answer.get_json()["detail"]
    assert answer.get_json()["errors"][0]["remedy"]


def test_a_file_too_large_is_refused_with_the_limit(
    visit: Callable[[str], Visitor], incident: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = bring(visit("dee"), incident, "big.log", b"x" * (attaching.LARGEST + 1))
    assert over.status_code == 413
    assert "25 MB" in over.get_json()["detail"]
    monkeypatch.setattr(attaching, "MOST", 1)
    assert bring(visit("dee"), incident, "one.log", b"x").status_code == 201
    assert bring(visit("dee"), incident, "two.log", b"x").status_code == 413


def test_a_full_disk_is_said_and_leaves_nothing_behind(
    visit: Callable[[str], Visitor],
    incident: str,
    settings: Settings,
    sessions: Sessions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class FullDisk(io.BytesIO):
        def write(self, *_: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def fileno(self) -> int:
            return 0

    monkeypatch.setattr(attic.os, "fdopen", lambda handle, _mode: (attic.os.close(handle), FullDisk())[1])
    answer = bring(visit("dee"), incident, "trace.log", b"what was seen")
    assert (answer.status_code, answer.get_json()["title"]) == (507, "There is no room left")
    assert [path for path in Path(settings.data / attic.FOLDER).rglob("*") if path.is_file()] == []
    with work(sessions, SYSTEM) as session:
        assert session.scalars(select(Attachment)).all() == []


def test_a_swarm_has_roles_and_help_comes_by_skill(
    visit: Callable[[str], Visitor], incident: str, sessions: Sessions, cast: Cast
) -> None:
    dee, eve, max_, at = visit("dee"), visit("eve"), visit("max"), f"{API}/incidents/{incident}"
    assert dee.post(f"{at}/claim").status_code == 200
    scribe = dee.post(f"{at}/swarm", {"role": "scribe", "person": str(cast.max)}).get_json()
    assert (scribe["state"], scribe["person"]) == ("asked", "Max")
    no = max_.post(f"{API}/swarm/{scribe['id']}/answer", {"answer": "declined"})
    assert (no.status_code, "needs a reason" in no.get_json()["detail"]) == (409, True)
    assert eve.post(f"{API}/swarm/{scribe['id']}/answer", {"answer": "accepted"}).status_code == 409
    assert max_.post(f"{API}/swarm/{scribe['id']}/answer", {"answer": "accepted"}).get_json()["state"] == "accepted"
    help = dee.post(f"{at}/help", {"subject": "storage", "words": "who knows this array?"}).get_json()
    assert eve.get(f"{API}/help").get_json() == {"items": []}
    untrained = eve.post(f"{API}/help/{help['id']}/take")
    assert (untrained.status_code, "no training in storage" in untrained.get_json()["detail"]) == (409, True)
    with work(sessions, SYSTEM) as session:
        day = date(2026, 3, 10)
        session.add(Training(person_id=cast.eve, subject="storage", level="senior", expires_on=day))
    assert [one["id"] for one in eve.get(f"{API}/help").get_json()["items"]] == [help["id"]]
    assert eve.post(f"{API}/help/{help['id']}/take").get_json()["taken_by_id"] == str(cast.eve)
    assert dee.post(f"{API}/help/{help['id']}/take").status_code == 409
    people = dee.get(f"{at}/swarm").get_json()["people"]
    assert {(one["person"], one["role"], one["state"]) for one in people} >= {
        ("Max", "scribe", "accepted"),
        ("Eve", "specialist", "accepted"),
    }


def test_the_second_says_yes_before_the_owner_is_not_alone_any_more(
    visit: Callable[[str], Visitor], incident: str, cast: Cast, hands: Hands
) -> None:
    dee, eve, at = visit("dee"), visit("eve"), f"{API}/incidents/{incident}"
    dee.post(f"{at}/claim")
    called = dee.post(f"{at}/second", {}).get_json()
    assert (called["second"]["name"], called["second_accepted_at"]) == ("Eve", None)
    hands.forward(minutes=3)
    assert dee.post(f"{at}/second/answer", {"accept": True}).status_code == 409
    yes = eve.post(f"{at}/second/answer", {"accept": True}).get_json()
    assert (yes["second_accepted_at"], yes["alone_s"], yes["alone_since"]) == ("2026-03-10T09:03:00Z", 180.0, None)


def test_relations_are_said_and_ended(visit: Callable[[str], Visitor], incident: str) -> None:
    dee, ada, at = visit("dee"), visit("ada"), f"{API}/incidents/{incident}"
    other = asked(ada, "The light flickers")
    made = dee.post(f"{at}/relations", {"kind": "caused_by", "other": other}).get_json()
    assert (made["incident"], made["other"]) == (incident, other)
    round_ = dee.post(f"{API}/incidents/{other}/relations", {"kind": "caused_by", "other": incident})
    assert (round_.status_code, "circle" in round_.get_json()["detail"]) == (409, True)
    vendor = dee.post(f"{at}/relations", {"kind": "vendor_case", "ref": "SR-3-111", "party": "Arkiva"})
    assert vendor.status_code == 201
    assert dee.post(f"{at}/relations", {"kind": "change"}).status_code == 409
    assert dee("DELETE", f"{API}/relations/{made['id']}").status_code == 200
    assert [one["ref"] for one in ada.get(f"{at}/relations").get_json()["items"]] == ["SR-3-111"]


def test_a_customer_reopens_what_was_not_solved(visit: Callable[[str], Visitor], incident: str) -> None:
    dee, ada, at = visit("dee"), visit("ada"), f"{API}/incidents/{incident}"
    dee.post(f"{at}/resolve", {"text": "It runs."})
    again = ada.post(f"{at}/reopen", {"reason": "it stands still again"})
    assert (again.status_code, again.get_json()["state"]) == (200, "open")
