"""The words around what a machine sent, in English and French: whole sentences. Plain."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title_sent": "What {machine} sent",
        "list_title": "What your machines sent",
        "list_lede": (
            "Everything your machines report to us is yours: look at it, take it with you, or have it erased."
        ),
        "none": "No machine of yours is enrolled yet.",
        "kept": "Single reports are kept for {reports} days, hourly and daily figures for {figures} days.",
        "clock_ahead": (
            "The machine's own clock is {n} s ahead of ours: since {at} the instants it sends are corrected by as much."
        ),
        "clock_behind": (
            "The machine's own clock is {n} s behind ours: since {at} the instants it sends are corrected by as much."
        ),
        "see": "See",
        "span": "Span",
        "from": "From",
        "to": "to",
        "show": "Show this span",
        "metrics": "Metrics",
        "nothing": "Nothing was reported in this span.",
        "first": "The first report within this span is of {at}.",
        "made_of_hours": (
            "Made of hourly figures: the line is the mean, the light area reaches from the least to the most."
        ),
        "made_of_days": (
            "Made of daily figures: the line is the mean, the light area reaches from the least to the most."
        ),
        "export": "Export",
        "export_lede": "A row for each instant and metric of the span above, in your time zone; however long it is.",
        "csv": "Reports as CSV",
        "parquet": "Reports as Parquet",
        "csv_hours": "Hourly figures as CSV",
        "parquet_hours": "Hourly figures as Parquet",
        "csv_changes": "Changes as CSV",
        "erase": "Erase",
        "erase_lede": (
            "You see first what would go. What is erased cannot be brought back; that it was erased, by whom "
            "and why stays on record."
        ),
        "look_first": "See what would go",
        "goes": "This would go, from {start} to {end}:",
        "goes_reports": "{n} reports, and the figures of {hours} hours made of reports",
        "goes_letters": "{n} messages that could not be read",
        "goes_changes": "{n} changes told of it: releases, other versions, restarts",
        "goes_models": "{n} models of what is usual, learned anew from what stays",
        "goes_newest": "the newest values and what the machine says of itself",
        "nothing_to_erase": "There is nothing of this machine in that span.",
        "stays": (
            "This stays: the sums of the delivery ledger, which will say how many reports were erased; and "
            "the log of messages, kept for replay after a fault, until its time is up."
        ),
        "evidence": (
            "Also erase the points of this span frozen into {n} findings and incidents. Unticked, they stay "
            "as the record of what we did."
        ),
        "reason": "Why",
        "confirm": "To go on, write the machine's name: {machine}",
        "do": "Erase it for good",
        "leave": "Leave it",
        "wrong_confirm": "Write {machine} exactly, if that is the one.",
        "wrong_reason": "Give a reason in a few words.",
        "wrong_span": "Choose a span that begins before it ends, and ends now at the latest.",
        "changed": "More has come in since you looked. Look again at what would go.",
        "done": "{n} reports were erased.",
        "may_not": "Whoever signs for you may erase what was sent; ask your account engineer who that is.",
        "gone": "What is no longer there",
        "gone_erased": "{at}: {n} reports from {start} to {end} were erased by {by}. Reason: {reason}",
        "gone_reports": "Single reports of before {end} are no longer kept; their figures are.",
        "gone_figures": "What was reported before {end} is no longer kept.",
        "gone_nothing": "Nothing was taken out so far.",
        "heard": "heard {ago}",
        "other": "En français",
    },
    "fr": {
        "title_sent": "Ce que {machine} a envoyé",
        "list_title": "Ce que vos machines ont envoyé",
        "list_lede": (
            "Tout ce que vos machines nous envoient est à vous : regardez-le, emportez-le, ou faites-le "
            "effacer."
        ),
        "none": "Aucune de vos machines n’est encore enregistrée.",
        "kept": "Les relevés sont gardés {reports} jours, les chiffres par heure et par jour {figures} jours.",
        "clock_ahead": (
            "L'horloge de la machine avance de {n} s sur la nôtre : depuis le {at}, les instants qu'elle envoie sont "
            "corrigés d'autant."
        ),
        "clock_behind": (
            "L'horloge de la machine retarde de {n} s sur la nôtre : depuis le {at}, les instants qu'elle envoie sont "
            "corrigés d'autant."
        ),
        "see": "Regarder",
        "span": "Période",
        "from": "Du",
        "to": "au",
        "show": "Montrer cette période",
        "metrics": "Mesures",
        "nothing": "Rien n’a été envoyé dans cette période.",
        "first": "Le premier relevé de cette période date du {at}.",
        "made_of_hours": "Chiffres par heure : la ligne est la moyenne, la surface claire va du minimum au maximum.",
        "made_of_days": "Chiffres par jour : la ligne est la moyenne, la surface claire va du minimum au maximum.",
        "export": "Emporter",
        "export_lede": (
            "Une ligne par instant et par mesure de la période ci-dessus, dans votre fuseau horaire, aussi "
            "longue soit-elle."
        ),
        "csv": "Relevés en CSV",
        "parquet": "Relevés en Parquet",
        "csv_hours": "Chiffres par heure en CSV",
        "parquet_hours": "Chiffres par heure en Parquet",
        "csv_changes": "Changements en CSV",
        "erase": "Effacer",
        "erase_lede": (
            "Vous voyez d’abord ce qui partirait. Ce qui est effacé ne revient pas ; le fait, l’auteur et le "
            "motif restent consignés."
        ),
        "look_first": "Voir ce qui partirait",
        "goes": "Ceci partirait, du {start} au {end} :",
        "goes_reports": "{n} relevés, et les chiffres de {hours} heures qui en ont été tirés",
        "goes_letters": "{n} messages qui n’ont pas pu être lus",
        "goes_changes": "{n} changements signalés : livraisons, autres versions, redémarrages",
        "goes_models": "{n} modèles de l’habituel, réappris de ce qui reste",
        "goes_newest": "les dernières valeurs et ce que la machine dit d’elle-même",
        "nothing_to_erase": "Il n’y a rien de cette machine dans cette période.",
        "stays": (
            "Ceci reste : les sommes du registre de livraison, qui dira combien de relevés ont été effacés ; "
            "et le journal des messages, gardé pour rejouer après une panne, jusqu’à son terme."
        ),
        "evidence": (
            "Effacer aussi les points de cette période figés dans {n} constats et incidents. Sinon, ils "
            "restent comme trace de ce que nous avons fait."
        ),
        "reason": "Motif",
        "confirm": "Pour continuer, écrivez le nom de la machine : {machine}",
        "do": "Effacer définitivement",
        "leave": "Laisser",
        "wrong_confirm": "Écrivez exactement {machine}, si c’est bien celle-là.",
        "wrong_reason": "Donnez un motif en quelques mots.",
        "wrong_span": "Choisissez une période qui commence avant de finir et finit au plus tard maintenant.",
        "changed": "D’autres relevés sont arrivés entre-temps. Regardez encore ce qui partirait.",
        "done": "{n} relevés ont été effacés.",
        "may_not": (
            "La personne qui signe pour vous peut faire effacer ce qui a été envoyé ; demandez qui c’est à "
            "votre ingénieur."
        ),
        "gone": "Ce qui n’est plus là",
        "gone_erased": "{at} : {n} relevés du {start} au {end} ont été effacés par {by}. Motif : {reason}",
        "gone_reports": "Les relevés d’avant le {end} ne sont plus gardés ; leurs chiffres le sont.",
        "gone_figures": "Ce qui a été envoyé avant le {end} n’est plus gardé.",
        "gone_nothing": "Rien n’a été retiré jusqu’ici.",
        "heard": "entendue le {ago}",
        "other": "In English",
    },
}  # fmt: skip


def say(language: str, key: str, /, **facts: object) -> str:
    """A sentence in a language."""
    return WORDS[language][key].format(**facts)
