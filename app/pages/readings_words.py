"""The words around readings from afar, in English and French: whole sentences. Plain."""

from __future__ import annotations

from collections.abc import Mapping

from escalation import diagnosis

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title_readings": "Readings from afar for {label}",
        "lede_readings": (
            "With the customer's consent we may read four harmless things from {machine}: its processes, how full its "
            "disks are, what its drives say, and the last log lines of named units. Nothing is changed. Each reading "
            "stands in this incident's timeline."
        ),
        "no_machine": "This incident is about no machine, so nothing can be read from afar.",
        "consent": "Consent",
        "consent_none": "No consent is in force. Nothing is read.",
        "consent_given": "{who} has consented until {until}.",
        "consent_give": "Let Vigie read {machine}",
        "consent_for": "For how long",
        "for_1": "an hour",
        "for_24": "a day",
        "for_168": "a week",
        "consent_do": "Consent",
        "consent_revoke": "Take it back",
        "consent_theirs": "A contact of the customer who may sign gives it on this same page.",
        "consent_not_yours": "A colleague of yours who may sign gives it on this same page.",
        "ask": "Ask for a reading",
        "reading": "What",
        "reading_processes": "its processes",
        "reading_disk_usage": "how full its disks are",
        "reading_smart": "what its drives say of themselves",
        "reading_log_tail": "the last log lines of a unit",
        "unit": "Unit",
        "unit_hint": "Of log lines only, such as sshd.service; the machine's owner names which may be asked for.",
        "ask_do": "Ask",
        "ask_hint": "It usually answers within ten seconds, and is given up after two minutes.",
        "asks": "What was read",
        "asks_none": "Nothing was read yet.",
        "asked_by": "asked by {who} at {at}",
        "state_waiting": "on its way to the machine",
        "state_sent": "waits for the machine's answer",
        "state_answered": "answered at {at}",
        "state_refused": "not told: {why}",
        "state_expired": "no answer within two minutes",
        "lines_none": "No lines: the unit wrote none, or the agent's account may not read the journal.",
        "left_out": "{n} more were left out to keep the answer short.",
        "back": "Back to {label}",
    },
    "fr": {
        "title_readings": "Relevés à distance pour {label}",
        "lede_readings": (
            "Avec l'accord du client, nous pouvons relever quatre choses sans danger sur {machine} : ses processus, le "
            "remplissage de ses disques, ce que disent ses disques durs, et les dernières lignes du journal d'unités "
            "nommées. Rien n'est modifié. Chaque relevé figure dans l'historique de cet incident."
        ),
        "no_machine": "Cet incident ne concerne aucune machine : rien ne peut être relevé à distance.",
        "consent": "Accord",
        "consent_none": "Aucun accord n'est en vigueur. Rien n'est relevé.",
        "consent_given": "{who} a donné son accord jusqu'au {until}.",
        "consent_give": "Autoriser Vigie à relever {machine}",
        "consent_for": "Pour combien de temps",
        "for_1": "une heure",
        "for_24": "un jour",
        "for_168": "une semaine",
        "consent_do": "Donner mon accord",
        "consent_revoke": "Le retirer",
        "consent_theirs": "Un interlocuteur du client habilité à signer le donne sur cette même page.",
        "consent_not_yours": "Un de vos collègues habilité à signer le donne sur cette même page.",
        "ask": "Demander un relevé",
        "reading": "Quoi",
        "reading_processes": "ses processus",
        "reading_disk_usage": "le remplissage de ses disques",
        "reading_smart": "ce que disent ses disques durs",
        "reading_log_tail": "les dernières lignes du journal d'une unité",
        "unit": "Unité",
        "unit_hint": "Pour un journal seulement, par exemple sshd.service ; le propriétaire dit lesquelles.",
        "ask_do": "Demander",
        "ask_hint": "La réponse vient d'habitude en dix secondes ; on y renonce au bout de deux minutes.",
        "asks": "Ce qui a été relevé",
        "asks_none": "Rien n'a encore été relevé.",
        "asked_by": "demandé par {who} à {at}",
        "state_waiting": "en route vers la machine",
        "state_sent": "attend la réponse de la machine",
        "state_answered": "répondu à {at}",
        "state_refused": "non communiqué : {why}",
        "state_expired": "pas de réponse en deux minutes",
        "lines_none": "Aucune ligne : l'unité n'en a pas écrit, ou le compte de l'agent ne peut pas lire le journal.",
        "left_out": "{n} autres ont été laissés de côté pour que la réponse reste courte.",
        "back": "Retour à {label}",
    },
}


def say(language: str, key: str, /, **facts: object) -> str:
    """A sentence; English where a language has none."""
    return WORDS.get(language, WORDS["en"])[key].format(**facts)


# Columns of what machines answer, and why they may not; what is not listed is told as the machine said it.
_TOLD: Mapping[str, Mapping[str, str]] = {
    "en": {
        "pid": "number", "name": "name", "user": "user", "state": "state", "cpu_s": "processor, s",
        "rss_mb": "memory, MB", "since": "since", "mount": "mounted at", "device": "device", "type": "kind",
        "size_gb": "size, GB", "free_gb": "free, GB", "used_pct": "used, %", "unreadable": "unreadable",
        "model": "model", "passed": "healthy by its own word", "temperature_c": "temperature, °C",
        "attributes": "attributes", "nvme": "health log", "True": "yes", "False": "no",
        "malformed": "the question could not be read", "oversized": "the question was too long",
        "wrong_machine": "the question was for another machine", "unknown_ask": "it tells no such thing",
        "expired": "the question came too late", "unit_not_allowed": "nobody there allowed this unit to be read",
        "replayed": "the question was asked before",
    },
    "fr": {
        "pid": "numéro", "name": "nom", "user": "utilisateur", "state": "état", "cpu_s": "processeur, s",
        "rss_mb": "mémoire, Mo", "since": "depuis", "mount": "monté sur", "device": "périphérique", "type": "type",
        "size_gb": "taille, Go", "free_gb": "libre, Go", "used_pct": "occupé, %", "unreadable": "illisible",
        "model": "modèle", "passed": "sain selon lui-même", "temperature_c": "température, °C",
        "attributes": "attributs", "nvme": "journal de santé", "True": "oui", "False": "non",
        "malformed": "la question n'a pas pu être lue", "oversized": "la question était trop longue",
        "wrong_machine": "la question s'adressait à une autre machine", "unknown_ask": "elle ne dit rien de tel",
        "expired": "la question est arrivée trop tard",
        "unit_not_allowed": "personne sur place n'a autorisé la lecture de cette unité",
        "replayed": "la question avait déjà été posée",
        diagnosis.WITHDRAWN: "l'accord a été retiré",
        diagnosis.LAPSED: "l'accord a pris fin avant qu'une réponse n'arrive",
        "without a reason": "sans dire pourquoi",
        "smartctl is not installed on this machine": "smartctl n'est pas installé sur cette machine.",
        "journalctl is not installed on this machine": "journalctl n'est pas installé sur cette machine.",
        "the answer is too long to be sent": "La réponse est trop longue pour être envoyée.",
    },
}  # fmt: skip


def told(language: str, word: str) -> str:
    """A word of a machine's answer in the reader's language, or the word itself."""
    return _TOLD.get(language, _TOLD["en"]).get(word, word.replace("_", " ") if word.isidentifier() else word)
