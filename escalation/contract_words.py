"""The words about a contract's end, to the customer and to us, and about cover, to us. Plain; whole sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from contracts.life import Notice

_END: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "en": {
        "expiry": (
            "Contract {number} of {customer} ends on {last}",
            "Contract {number} of {customer} ends on {last}, in {days} days at most, and nothing follows it yet. After "
            "that day what is asked is answered with a paid or an emergency way only. Renew it, or let it end.",
        ),
        "renewal": (
            "Contract {number} of {customer} is renewed after {last}",
            "Contract {number} of {customer} ends on {last}. Contract {after} stands ready to follow it on its own "
            "first day, with its own terms.",
        ),
        "ended": (
            "Contract {number} of {customer} ended on {last}",
            "Contract {number} of {customer} ended on {last}. What is open keeps the promises it was given.",
        ),
        "ended.grace": (
            "Contract {number} of {customer} ended on {last}",
            "Contract {number} of {customer} ended on {last} and is honoured for {grace} more days. What is open keeps "
            "the promises it was given. Renew it before the days of grace are over.",
        ),
    },
    "fr": {
        "expiry": (
            "Le contrat {number} de {customer} prend fin le {last}",
            "Le contrat {number} de {customer} prend fin le {last}, dans {days} jours au plus, et rien ne lui succède "
            "encore. Après ce jour, toute demande reçoit une réponse payante ou d'urgence. Renouvelez-le, ou "
            "laissez-le prendre fin.",
        ),
        "renewal": (
            "Le contrat {number} de {customer} est renouvelé après le {last}",
            "Le contrat {number} de {customer} prend fin le {last}. Le contrat {after} est prêt à lui succéder dès son "
            "premier jour, à ses propres conditions.",
        ),
        "ended": (
            "Le contrat {number} de {customer} a pris fin le {last}",
            "Le contrat {number} de {customer} a pris fin le {last}. Ce qui est ouvert garde les engagements donnés.",
        ),
        "ended.grace": (
            "Le contrat {number} de {customer} a pris fin le {last}",
            "Le contrat {number} de {customer} a pris fin le {last} et reste honoré pendant {grace} jours. Ce qui est "
            "ouvert garde les engagements donnés. Renouvelez-le avant la fin du délai de grâce.",
        ),
    },
}
_GAPS: Mapping[str, tuple[str, str]] = {
    "uncovered": (
        "{customer}: machines report without a contract ({count})",
        "These machines of {customer} report and stand on no contract line in force: {names}. Their telemetry is "
        "refused meanwhile. Add them to a contract, or have them stop.",
    ),
    "unheard": (
        "{customer}: machines under contract do not report ({count})",
        "These machines of {customer} stand on a contract line in force and have not reported for a day: {names}. "
        "Nothing can be seen on them before it happens.",
    ),
}
_MOST_NAMES = 50


def of_end(
    language: str, due: Notice, number: str, customer: str, after: str, grace_days: int
) -> tuple[str, str]:  # fmt: skip
    """Subject and text of a word about an end."""
    kind = "ended.grace" if due.kind == "ended" and grace_days else due.kind
    subject, text = _END.get(language, _END["en"])[kind]
    facts = {
        "number": number, "customer": customer, "last": due.last_day.isoformat(), "days": due.days_before,
        "after": after, "grace": grace_days,
    }  # fmt: skip
    return subject.format(**facts), text.format(**facts)


def of_gaps(kind: str, customer: str, names: Sequence[str]) -> tuple[str, str]:
    """Subject and text of a word about machines where cover and telemetry disagree."""
    subject, text = _GAPS[kind]
    said = ", ".join(names[:_MOST_NAMES]) + (" …" if len(names) > _MOST_NAMES else "")
    facts = {"customer": customer, "count": len(names), "names": said}
    return subject.format(**facts), text.format(**facts)
