"""The words about files of a mail that were not kept, in English and French: whole sentences. Plain."""

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


def refused(language: str, rule: str, **facts: object) -> str:
    """Why a file was not kept, and what to do: a rule of `sniffing`, or what an incident may hold."""
    return _REFUSED.get(language, _REFUSED["en"])[rule].format(pictures=TAKEN["pictures"], **facts)


def letter(language: str, lines: list[str]) -> str:
    """What the sender reads: every file that was not kept, with its reason."""
    return "\n\n".join([_REFUSED.get(language, _REFUSED["en"])["letter"], *lines])
