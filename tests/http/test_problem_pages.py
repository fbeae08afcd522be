"""A page that is an error speaks the language of whoever reads it, the database away or not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from app.problem_words import FRENCH
from app.problems import KINDS
from models.customers import Customer
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast
from tests.http.conftest import Visitor

HTML = {"Accept": "text/html"}
FRENCH_BROWSER = {"Accept-Language": "fr-FR,fr;q=0.9,en;q=0.5"}


@pytest.fixture
def ada(visit: Callable[[str], Visitor], sessions: Sessions, cast: Cast) -> Visitor:
    with work(sessions, SYSTEM) as session:
        session.get_one(Customer, cast.plant).language = "fr"
    return visit("ada")


def read(who: Visitor, path: str, **headers: str) -> tuple[int, str]:
    answer = who.get(path, headers=HTML | headers)
    return answer.status_code, answer.text.replace("\u202f", " ").replace("’", "'")


def test_every_kind_of_problem_has_french_words() -> None:
    assert set(FRENCH) == set(KINDS)


def test_a_contact_of_a_french_customer_reads_french(ada: Visitor) -> None:
    for path, status, said in (
        ("/nowhere", 404, "Rien ne porte ce nom ici. Vérifiez l'adresse."),
        ("/yours/VG-999", 404, "Il n'y a rien ici"),
        ("/people", 403, "Vous n'avez pas ce droit"),
    ):
        code, page = read(ada, path)
        assert code == status
        assert '<html lang="fr"' in page
        assert said in page
        assert "Ce que couvre mon contrat" in page
        assert "There is" not in page
    assert '<html lang="en"' in read(ada, "/nowhere?language=en")[1]


def test_what_only_the_case_says_stands_below_as_english(ada: Visitor) -> None:
    answer = ada.post("/yours/VG-999", data={"text": "x" * 300_000, "csrf": ada.csrf}, headers=HTML | FRENCH_BROWSER)
    assert answer.status_code == 413  # before anybody is asked for: the browser's own language
    assert "Ce qui a été envoyé dépasse la taille admise." in answer.text
    assert '<p lang="en">' in answer.text
    assert "256 KiB" in answer.text


def test_a_stranger_reads_what_their_browser_asks_for_and_the_desk_reads_english(
    visit: Callable[[str], Visitor], app: Flask
) -> None:
    stranger, dee = Visitor(app.test_client()), visit("dee")
    assert "Il n'y a rien ici" in stranger.get("/nowhere", headers=HTML | FRENCH_BROWSER).text.replace("’", "'")
    assert "There is no such thing" in stranger.get("/nowhere", headers=HTML | {"Accept-Language": "de"}).text
    assert "There is no such thing" in read(dee, "/nowhere", **FRENCH_BROWSER)[1]
