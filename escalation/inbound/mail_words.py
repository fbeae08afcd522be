"""What answers a mail that opened nothing, or of which files were not kept, in English and French: whole sentences.

Plain.
"""

from __future__ import annotations

from escalation.sniffing import TAKEN

_REFUSED = {
    "en": {
        "empty": "The file {name} was not kept: it is empty. Send one that holds something.",
        "program": "The file {name} was not kept: it is a program or a script. Send what it wrote, or put it into an "
        "archive.",
        "page": "The file {name} was not kept: it is a page that a browser would run. Send a picture or a PDF of it, "
        "or an archive.",
        "kind": "The file {name} was not kept: it is of a kind that we do not take. We take pictures ({pictures}), "
        "PDF, Office and OpenDocument files, texts in UTF-8, archives, captures and MP4 video.",
        "ending": "The file {name} was not kept: it is not what the end of its name says. Name it for what it is, and "
        "send it again.",
        "too-large": "The file {name} was not kept: it is larger than 25 MB. Split it, or send an archive.",
        "many": "The file {name} was not kept: a case holds 50 files and 250 MB at most. Ask us to remove what is not "
        "needed any more.",
        "over": "The file {name} was not kept: this case takes no more files. Write to us under a new subject.",
        "wrapped": "The file {name} was not kept: it is an envelope of Outlook that cannot be opened. Send the mail "
        "again as HTML or plain text.",
        "more": "Further files were not kept ({count}): a mail may bring {most}. Put them into an archive.",
        "spare": "Further files were not kept: {count}. Put them into an archive.",
        "letter": "We have your mail, but not every file that came with it:",
    },
    "fr": {
        "empty": "Le fichier {name} n'a pas été gardé : il est vide. Envoyez-en un qui contient quelque chose.",
        "program": "Le fichier {name} n'a pas été gardé : c'est un programme ou un script. Envoyez ce qu'il a écrit, "
        "ou placez-le dans une archive.",
        "page": "Le fichier {name} n'a pas été gardé : c'est une page qu'un navigateur exécuterait. Envoyez-en une "
        "image ou un PDF, ou une archive.",
        "kind": "Le fichier {name} n'a pas été gardé : nous n'acceptons pas ce type de fichier. Nous acceptons les "
        "images ({pictures}), les PDF, les documents Office et OpenDocument, les textes en UTF-8, les archives, les "
        "captures et les vidéos MP4.",
        "ending": "Le fichier {name} n'a pas été gardé : il n'est pas ce que la fin de son nom annonce. Nommez-le pour "
        "ce qu'il est et renvoyez-le.",
        "too-large": "Le fichier {name} n'a pas été gardé : il dépasse 25 Mo. Divisez-le, ou envoyez une archive.",
        "many": "Le fichier {name} n'a pas été gardé : un dossier contient au plus 50 fichiers et 250 Mo. Demandez-"
        "nous de retirer ce qui ne sert plus.",
        "over": "Le fichier {name} n'a pas été gardé : ce dossier n'accepte plus de fichiers. Écrivez-nous sous un "
        "nouvel objet.",
        "wrapped": "Le fichier {name} n'a pas été gardé : c'est une enveloppe d'Outlook qui ne s'ouvre pas. Renvoyez "
        "le message en HTML ou en texte brut.",
        "more": "D'autres fichiers n'ont pas été gardés ({count}) : un message peut en apporter {most}. Placez-les "
        "dans une archive.",
        "spare": "D'autres fichiers n'ont pas été gardés : {count}. Placez-les dans une archive.",
        "letter": "Nous avons votre message, mais pas tous les fichiers qui l'accompagnaient :",
    },
}

_ANSWERS = {
    "en": {
        "refused": "Thank you for your mail “{subject}”. We could not open a case from it.\n\n{reason}\n\n{remedy}",
        "refused_bare": "Thank you for your mail. We could not open a case from it.\n\n{reason}\n\n{remedy}",
        "stranger": "Thank you for your mail “{subject}”. We could not open a case from it. Your address is not "
        "registered with us, so we cannot tell you more here.",
        "stranger_bare": "Thank you for your mail. We could not open a case from it. Your address is not registered "
        "with us, so we cannot tell you more here.",
        "known": "Please write from the address that we know you by, or have one of your company's registered contacts "
        "write to us. They can also have you added.",
        "files": "The files that came with it were not kept. Please send them again with a mail that opens a case.",
    },
    "fr": {
        "refused": "Merci pour votre message « {subject} ». Nous n'avons pas pu ouvrir de dossier à partir de celui-ci."
        "\n\n{reason}\n\n{remedy}",
        "refused_bare": "Merci pour votre message. Nous n'avons pas pu ouvrir de dossier à partir de celui-ci."
        "\n\n{reason}\n\n{remedy}",
        "stranger": "Merci pour votre message « {subject} ». Nous n'avons pas pu ouvrir de dossier à partir de celui-"
        "ci. Votre adresse n'est pas enregistrée chez nous : nous ne pouvons donc pas vous en dire plus ici.",
        "stranger_bare": "Merci pour votre message. Nous n'avons pas pu ouvrir de dossier à partir de celui-ci. Votre "
        "adresse n'est pas enregistrée chez nous : nous ne pouvons donc pas vous en dire plus ici.",
        "known": "Écrivez-nous depuis l'adresse sous laquelle nous vous connaissons, ou faites-nous écrire par l'un "
        "des contacts enregistrés de votre entreprise. Ils peuvent aussi vous faire ajouter.",
        "files": "Les fichiers qui l'accompagnaient n'ont pas été gardés. Merci de les renvoyer avec un message qui "
        "ouvre un dossier.",
    },
}


def not_opened(language: str, subject: str, reason: str, remedy: str, with_files: bool) -> str:
    """What a contact reads whom the contract refuses: its own words, which are in their language already."""
    known = _ANSWERS.get(language, _ANSWERS["en"])
    said = known["refused" if subject else "refused_bare"].format(subject=subject, reason=reason, remedy=remedy).strip()
    return f"{said}\n\n{known['files']}" if with_files else said


def not_known(language: str, subject: str) -> str:
    """What somebody reads who is no contact."""
    known = _ANSWERS.get(language, _ANSWERS["en"])
    return f"{known['stranger' if subject else 'stranger_bare'].format(subject=subject)}\n\n{known['known']}"


def refused(language: str, rule: str, **facts: object) -> str:
    """Why a file was not kept, and what to do: a rule of `sniffing`, or what an incident may hold."""
    return _REFUSED.get(language, _REFUSED["en"])[rule].format(pictures=TAKEN["pictures"], **facts)


def letter(language: str, lines: list[str]) -> str:
    """What the sender reads: every file that was not kept, with its reason."""
    return "\n\n".join([_REFUSED.get(language, _REFUSED["en"])["letter"], *lines])
