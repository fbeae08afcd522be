"""Readings from afar at the front door: who may consent, who may ask, and what each gets to see."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, timedelta

import pytest
from sqlalchemy import select

from app.pages import yours_story
from escalation import diagnostics
from escalation.intake import report
from models.diagnostics import DiagnosticAsk, DiagnosticConsent
from models.incidents import TimelineEntry
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import NOW, Cast
from tests.http.conftest import Hands, Visitor

Visit = Callable[[str], Visitor]
CONSENTS = "/api/v1/diagnostics/consents"
UNTIL = f"{NOW + timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture
def label(sessions: Sessions, cast: Cast) -> str:
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, cast.now), cast.now)
        return desk.the_incident(session).label


def answer(sessions: Sessions, cast: Cast, ask_id: str) -> None:
    result = {"disks": [{"mount": "/var", "used_pct": 97.5}, {"mount": "/<b>"}]}
    with work(sessions, SYSTEM) as session:
        assert diagnostics.answered(session, cast.plant_machine, ask_id, {"result": result}, cast.now)


def test_the_customer_consents_ours_ask_and_both_see_the_answer(
    visit: Visit, sessions: Sessions, cast: Cast, label: str
) -> None:
    ada, dee = visit("ada"), visit("dee")
    asks = f"/api/v1/incidents/{label}/diagnostics"
    refused = dee.post(asks, {"reading": "disk_usage"})
    assert (refused.status_code, refused.json["type"].rpartition("problem-")[2]) == (409, "not-now")
    given = ada.post(CONSENTS, {"machine": "plant-db-1", "until": UNTIL})
    assert given.status_code == 201, given.text
    asked = dee.post(asks, {"reading": "disk_usage"})
    assert asked.status_code == 202, asked.text
    assert asked.json["decision"]["decision"] == "granted"
    answer(sessions, cast, asked.json["ask"]["id"])
    for who in (ada, dee):
        (told,) = who.get(asks).json["items"]
        assert (told["state"], told["result"]["disks"][0]["mount"]) == ("answered", "/var")
        page = who.get(f"/incidents/{label}/readings").text
        assert "/var" in page
        assert "97.5" in page
        assert "/&lt;b&gt;" in page
    back = ada.post(f"{CONSENTS}/{given.json['id']}/revoke")
    assert (back.status_code, back.json["revoked_by"]) == (200, "Ada")
    assert dee.post(asks, {"reading": "smart"}).status_code == 409


def test_consent_is_not_ours_to_give_nor_a_strangers_nor_of_whoever_may_not_sign(visit: Visit, label: str) -> None:
    for who, status in (("max", 403), ("bo", 403), ("root", 409)):
        assert (
            visit(who).post(CONSENTS, {"customer": "plant", "machine": "plant-db-1", "until": UNTIL}).status_code
            == status
        )
    assert visit("cy").post(CONSENTS, {"machine": "plant-db-1", "until": UNTIL}).status_code == 422
    assert visit("cy").get(f"/api/v1/incidents/{label}/diagnostics").status_code == 404
    assert visit("cy").get(f"/incidents/{label}/readings").status_code == 404


def test_a_customer_asks_nothing(visit: Visit, label: str) -> None:
    assert visit("ada").post(f"/api/v1/incidents/{label}/diagnostics", {"reading": "smart"}).status_code == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"reading": "shell"}, 422),
        ({"reading": "log_tail", "unit": "a;b", "lines": 5}, 409),
        ({"reading": "log_tail", "unit": "sshd.service", "lines": 5_000}, 422),
        ({"reading": "smart", "unit": "sshd.service"}, 409),
        ({"reading": "smart", "command": "id"}, 422),
    ],
)  # fmt: skip
def test_only_readings_of_the_list_are_asked(visit: Visit, label: str, body: dict[str, object], status: int) -> None:
    visit("ada").post(CONSENTS, {"until": UNTIL})
    assert visit("dee").post(f"/api/v1/incidents/{label}/diagnostics", body).status_code == status


def test_the_page_does_it_all_by_forms(visit: Visit, sessions: Sessions, cast: Cast, hands: Hands, label: str) -> None:
    ada, dee = visit("ada"), visit("dee")
    page = f"/incidents/{label}/readings"
    assert "No consent is in force" in dee.get(page).text
    assert ada.post(page, data={"csrf": ada.csrf, "deed": "consent", "hours": "1"}).status_code == 303
    assert "Ada has consented until" in dee.get(page).text
    assert "donné son accord" in ada.get(f"{page}?language=fr").text
    assert (
        dee.post(page, data={"csrf": dee.csrf, "deed": "ask", "reading": "log_tail", "unit": "x.service"}).status_code
        == 303
    )
    with work(sessions, SYSTEM) as session:
        asked = session.query(DiagnosticAsk).one()
        assert (asked.reading, asked.unit, asked.lines, asked.state) == ("log_tail", "x.service", 50, "waiting")
    assert "on its way to the machine" in dee.get(page).text
    hands.forward(minutes=3)
    with work(sessions, SYSTEM) as session:
        diagnostics.expire(session, hands())
    assert "no answer within two minutes" in dee.get(page).text
    assert ada.post(page, data={"csrf": ada.csrf, "deed": "revoke"}).status_code == 303
    answer_ = dee.post(page, data={"csrf": dee.csrf, "deed": "ask", "reading": "smart"})
    assert answer_.status_code == 409
    assert "No consent to look at plant-db-1 is in force" in answer_.text


def test_a_customer_reads_what_was_found_and_why_it_was_not_in_their_own_language(
    visit: Visit, sessions: Sessions, cast: Cast, hands: Hands, label: str
) -> None:
    ada, dee = visit("ada"), visit("dee")
    page = f"/incidents/{label}/readings"
    ada.post(page, data={"csrf": ada.csrf, "deed": "consent", "hours": "1"})
    since = round(hands().timestamp())
    answers: list[tuple[str, dict[str, object]]] = [
        ("processes", {"result": {"processes": [{"pid": 7, "user": "root", "since": since, "rss_mb": 1.5}]}}),
        ("smart", {"result": {"drives": [{"device": "sda", "passed": False}]}}),
        ("disk_usage", {"refused": "expired"}),
        ("log_tail", {"refused": "unit_not_allowed"}),
    ]
    for reading, answer in answers:
        dee.post(page, data={"csrf": dee.csrf, "deed": "ask", "reading": reading, "unit": "x.service"})
        with work(sessions, SYSTEM) as session:
            row = session.query(DiagnosticAsk).filter_by(ended_at=None).one()
            assert diagnostics.answered(session, cast.plant_machine, str(row.id), answer, hands())
    french, english = (ada.get(f"{page}?language={language}").text for language in ("fr", "en"))
    for word in ("mémoire, Mo", "depuis", "sain selon lui-même", "<td class=\"mono sm\">non</td>", "numéro",
                 "la question est arrivée trop tard",
                 "personne sur place n&#39;a autorisé la lecture de cette unité"):  # fmt: skip
        assert word in french, word
    for word in ("memory, MB", "healthy by its own word", "the question came too late"):
        assert word in english, word
    story = ada.get(f"/yours/{label}?language=fr").text
    for line in (
        "Relevé demandé à plant-db-1 avec l’accord donné par Ada : la liste de ses processus. "
        "Cette machine n’a jamais donné signe de vie : il se peut qu’aucune réponse ne vienne.",
        "plant-db-1 a répondu à la demande de relevé (la liste de ses processus) : 1 processus.",
        "plant-db-1 n’a pas communiqué le relevé demandé (les 50 dernières lignes du journal de x.service) : "
        "personne sur place n’a autorisé la lecture de cette unité.",
    ):
        assert line in story, line
    assert str(since) not in french
    assert "answered with its list of processes: 1 process." in ada.get(f"/yours/{label}?language=en").text


def test_what_came_of_an_ask_is_told_in_french_however_it_ended(
    visit: Visit, sessions: Sessions, cast: Cast, label: str
) -> None:
    visit("ada").post(CONSENTS, {"until": UNTIL})
    asked = [visit("dee").post(f"/api/v1/incidents/{label}/diagnostics", {"reading": "smart"}) for _ in range(3)]
    ids = [each.json["ask"]["id"] for each in asked]
    with work(sessions, SYSTEM) as session:
        session.get_one(DiagnosticAsk, uuid.UUID(ids[1])).state = "sent"
        said = {"result": {"unavailable": "smartctl is not installed on this machine", "left_out": "much"}}
        assert diagnostics.answered(session, cast.plant_machine, ids[0], said, cast.now)
        session.get_one(DiagnosticAsk, uuid.UUID(ids[1])).expires_at = cast.now + timedelta(seconds=1)
        session.flush()  # it is read by its row
        assert diagnostics.expire(session, cast.now + timedelta(seconds=2)) == 1
        given = session.scalars(select(DiagnosticConsent)).one()
        assert diagnostics.revoke(session, given, desk.actor(cast, "ada"), cast.now + timedelta(seconds=3))
        lines = select(TimelineEntry).where(TimelineEntry.kind == "diagnostics").order_by(TimelineEntry.at)
        told = [yours_story.told(line, "fr", UTC) for line in session.scalars(lines.offset(3))]
    assert [line.replace(" ", " ").replace("’", "'") for line in told] == [
        "plant-db-1 a répondu à la demande de relevé (ce que disent ses disques durs) : "
        "smartctl n'est pas installé sur cette machine.",
        "Aucune réponse de plant-db-1 en 2 minutes (ce que disent ses disques durs) : la demande avait été envoyée. "
        "Cette machine n'a jamais donné signe de vie : il se peut qu'aucune réponse ne vienne.",
        "L'accord a été retiré : le relevé demandé à plant-db-1 (ce que disent ses disques durs) n'est pas conservé.",
    ]
    assert visit("ada").get(f"/incidents/{label}/readings?language=fr").status_code == 200
