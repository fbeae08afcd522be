"""A problem as a page for people, in the language of whoever reads it: French for contacts of French customers."""

from __future__ import annotations

from flask import request

from app.identity import caller
from app.pages.cover_words import LANGUAGES, typeset
from app.pages.covers import LANGUAGE_COOKIE
from app.pages.frame import page
from app.problem_words import FRENCH, SAID_BESIDE
from app.problems import Problem


def page_of(problem: Problem) -> str:
    """The whole page."""
    title, said, beside = problem.title, " ".join(filter(None, (problem.detail, problem.remedy))), ""
    language = _language()
    if language == "fr":
        title, *sentences = (typeset(part, "fr") for part in FRENCH[problem.kind])
        said, beside = " ".join(filter(None, sentences)), said if problem.kind in SAID_BESIDE else ""
    shown = page("error.html", problem=problem, language=language, title=title, said=said, beside=beside)
    return shown.get_data(as_text=True)


def _language() -> str:
    """What a contact chose on a page, else their customer's; of somebody unknown what was chosen here, or what their
    browser asks for. The desk's own pages are English."""
    who = caller()
    if who is not None and who.is_staff:
        return "en"
    chosen = request.args.get("language", "") or request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    return who.language if who is not None else request.accept_languages.best_match(LANGUAGES) or "en"
