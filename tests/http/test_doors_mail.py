"""Mail through a door: it opens an incident, answers one, and does nothing twice."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import select

from escalation.inbound import mail_answers
from models.agreements import Contract
from models.customers import Customer
from models.incidents import Incident, TimelineEntry
from models.notices import Notice
from models.people import Person
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast
from tests.http.conftest import Visitor
from tests.http.senders import Make, bearer, incidents
from tests.http.senders import make as make


def mail(text: str = "The press stands still.", sender: str = "Ada <Ada@Example.org>", **headers: str) -> bytes:
    message = EmailMessage()
    message["From"], message["To"] = sender, "support@vigie.example"
    message["Subject"] = headers.pop("Subject", "Press 4 is down, à l’arrêt")
    message["Message-ID"] = headers.pop("Message_ID", "<first@plant.example>")
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes()


def post(stranger: Visitor, token: str, raw: bytes) -> dict[str, Any]:
    said = stranger.client.post("/in/mail", data=raw, headers=bearer(token) | {"Content-Type": "message/rfc822"})
    assert said.status_code == 200, said.text
    assert said.json is not None
    outcome: dict[str, Any] = said.json["outcomes"][0]
    return outcome


def lines(sessions: Sessions, *kinds: str) -> list[tuple[str, str]]:
    with work(sessions, SYSTEM) as session:
        rows = session.scalars(select(TimelineEntry).where(TimelineEntry.kind.in_(kinds)).order_by(TimelineEntry.id))
        return [(row.actor, row.text) for row in rows]


def test_a_mail_opens_one_incident_however_often_it_comes(stranger: Visitor, make: Make, sessions: Sessions) -> None:
    token = make("hook")
    first = post(stranger, token, mail())
    assert first["outcome"] == "opened"
    assert post(stranger, token, mail()) == first | {"outcome": "known"}
    (one,) = incidents(sessions)
    assert (one.title, one.channel, one.label) == ("Press 4 is down, à l’arrêt", "mail", first["incident"])
    assert one.customer_told_us_at is not None, "a contact of theirs told us"


@pytest.mark.parametrize("how", ["letter", "thread", "mail", "subject"])
def test_what_answers_stands_in_the_story_of_what_it_answers(
    how: str, stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    token = make("hook")
    label = post(stranger, token, mail())["incident"]
    (one,) = incidents(sessions)
    with work(sessions, SYSTEM) as session:
        letter = session.scalars(select(Notice.id).where(Notice.incident_id == one.id)).first()
    headers = {
        "letter": {"In_Reply_To": f"<{letter}@vigie.example>"},
        "thread": {"References": f"<{one.id}@vigie.example> <other@plant.example>"},
        "mail": {"References": "<first@plant.example>"},
        "subject": {"Subject": f"Re: [{label}] Press 4"},
    }[how]
    words = "It runs again.\n\nOn Tuesday Vigie wrote:\n> We look at it\n-- \nAda"
    told = post(stranger, token, mail(words, Message_ID="<second@plant.example>", **headers))
    assert told == {"key": "second@plant.example", "outcome": "answered", "incident": label}
    assert lines(sessions, "reply") == [("Ada", "It runs again.")]
    assert len(incidents(sessions)) == 1


def test_a_stranger_s_words_are_a_note_and_reach_no_other_customer(
    stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    theirs, token = make("hook"), make("hook")
    label = post(stranger, theirs, mail())["incident"]
    told = post(stranger, token, mail(sender="joe@elsewhere.example", Message_ID="<x@y>", Subject=f"Re: {label}"))
    assert told["outcome"] == "noted"
    assert lines(sessions, "note")[0][1].startswith("joe@elsewhere.example wrote by mail: ")


def test_a_mail_names_no_incident_of_another_customer(
    stranger: Visitor, make: Make, sessions: Sessions, cast: Any
) -> None:
    label = post(stranger, make("hook"), mail())["incident"]
    told = post(stranger, make("hook", whose=cast.joinery),
                mail(sender="cy@example.org", Subject=f"Re: {label}", References="<first@plant.example>"))  # fmt: skip
    assert told["outcome"] == "opened"
    with work(sessions, SYSTEM) as session:
        assert {one.customer_id for one in session.scalars(select(Incident))} == {cast.plant, cast.joinery}


@pytest.mark.parametrize(
    "headers",
    [{"Auto_Submitted": "auto-replied"}, {"X_Vigie_Notice": "1"}, {"Precedence": "auto_reply"}, {"X_Autoreply": "yes"}],
)
def test_what_answers_by_itself_begins_nothing(
    headers: dict[str, str], stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    assert post(stranger, make("hook"), mail(**headers))["outcome"] == "ignored"
    assert incidents(sessions) == []


def test_a_mail_that_names_machine_and_cause_joins_what_is_open_for_them(
    stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    token = make("hook")
    about = {"X_Vigie_Machine": "PLANT-DB-1", "X_Vigie_Cause": "disk:/var", "X_Vigie_Severity": "2"}
    label = post(stranger, token, mail(**about))["incident"]
    told = post(stranger, token, mail(Message_ID="<other@x>", **about))
    assert (told["outcome"], told["incident"]) == ("joined", label)
    assert [one.severity for one in incidents(sessions)] == [2]


def test_html_in_latin_1_is_read(stranger: Visitor, make: Make, sessions: Sessions) -> None:
    message = EmailMessage()
    message["From"], message["Subject"], message["Message-ID"] = "ada@example.org", "Été", "<h@x>"
    message.set_content("<p>Il fait <b>chaud</b></p><script>x()</script>à la cave", subtype="html", charset="latin-1")
    post(stranger, make("hook"), message.as_bytes())
    (one,) = incidents(sessions)
    assert "à la cave" in one.summary
    assert "x()" not in one.summary


@pytest.mark.parametrize("raw", [b"", b"\x00" * 20, b"no mail at all", b"From: nobody\r\n\r\nhello", b"\xff" * 4000])
def test_what_is_no_mail_is_refused_with_its_field(raw: bytes, stranger: Visitor, make: Make) -> None:
    said = stranger.client.post("/in/mail", data=raw, headers=bearer(make("hook")))
    assert (said.status_code, (said.json or {})["errors"][0]["field"]) == (422, "From")


def answers(sessions: Sessions, address: str) -> list[tuple[str, str]]:
    with work(sessions, SYSTEM) as session:
        rows = session.scalars(select(Notice).where(Notice.channel == "email", Notice.address == address))
        return [(row.subject, str(row.body["text"])) for row in rows]


@pytest.mark.parametrize(
    ("language", "words", "reason"),
    [
        ("en", "We could not open a case from it.", "Ada may not ask for this under the contract."),
        ("fr", "Nous n'avons pas pu ouvrir de dossier", "Le contrat ne permet pas à Ada de demander cela."),
    ],
)
def test_whom_the_contract_refuses_is_answered_once_with_the_reason_and_the_remedy(
    language: str, words: str, reason: str, stranger: Visitor, make: Make, sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.ada).may = []
        session.get_one(Customer, cast.plant).language = language
    token = make("hook")
    told = post(stranger, token, mail())
    assert told["outcome"] == "refused"
    assert post(stranger, token, mail())["outcome"] == "known"
    ((subject, text),) = answers(sessions, "ada@example.org")
    assert subject == "Re: Press 4 is down, à l’arrêt"
    assert words in text
    assert reason in text
    assert told["decision"]["remedy"] in text
    assert told["decision"]["remedy"]


def test_a_stranger_who_is_refused_is_answered_without_a_word_of_the_contract(
    stranger: Visitor, make: Make, sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        contract = session.get_one(Contract, cast.plant_contract)
        contract.state = "suspended"
        number = contract.number
    told = post(stranger, make("hook"), mail(sender="joe@elsewhere.example"))
    assert told["outcome"] == "refused"
    ((_, text),) = answers(sessions, "joe@elsewhere.example")
    assert "have one of your company's registered contacts write to us" in text
    assert number in told["decision"]["reason"]
    assert number not in text
    assert "suspend" not in text


def test_what_answers_every_letter_gets_no_more_than_a_few(
    stranger: Visitor, make: Make, sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.ada).may = []
    token = make("hook")
    for at in range(mail_answers.MOST_AN_HOUR + 2):
        assert post(stranger, token, mail(Message_ID=f"<{at}@loop.example>"))["outcome"] == "refused"
    assert len(answers(sessions, "ada@example.org")) == mail_answers.MOST_AN_HOUR
