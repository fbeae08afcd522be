"""Problems in French: what a customer's contact reads on a page that is an error, by its kind. Plain.

What is wrong with a single request is told by the code that found it, in English; on a French page it stands below, as
English, where the kind alone would not say what to mend.
"""

from __future__ import annotations

from collections.abc import Mapping

# kind → title, what is wrong, what to do
FRENCH: Mapping[str, tuple[str, str, str]] = {
    "malformed": (
        "La demande est illisible",
        "Cette demande ne peut pas être lue.",
        "Revenez en arrière et réessayez.",
    ),
    "not-signed-in": ("Vous n'êtes pas connecté", "Cette page demande une connexion.", "Connectez-vous."),
    "not-allowed": (
        "Vous n'avez pas ce droit",
        "Cette page ou cette action n'est pas ouverte à votre compte.",
        "Vos propres pages sont ci-dessous ; pour un droit qui vous manque, adressez-vous à votre ingénieur de compte.",
    ),
    "cross-site": (
        "La demande ne vient pas de nos pages",
        "Elle n'a pas été envoyée depuis une page de Vigie, ou cette page était ouverte depuis trop longtemps.",
        "Rechargez la page et recommencez.",
    ),
    "not-found": ("Il n'y a rien ici", "Rien ne porte ce nom ici.", "Vérifiez l'adresse."),
    "wrong-method": ("Cette adresse ne se demande pas ainsi", "Elle ne répond pas à ce type de demande.", ""),
    "not-acceptable": ("Pas dans ce format", "Cette adresse ne répond pas dans le format demandé.", ""),
    "conflict": ("Cela ne va pas avec ce qui existe", "Cela ne va pas avec ce qui est déjà enregistré.", ""),
    "not-now": ("Ce n'est pas possible maintenant", "Dans l'état actuel, cela ne peut pas se faire.", ""),
    "still-working": (
        "La même demande est en cours",
        "La première n'a pas encore sa réponse.",
        "Patientez un instant.",
    ),
    "changed-meanwhile": (
        "Quelqu'un l'a modifié entre-temps",
        "Ce que vous avez vu a changé depuis.",
        "Rechargez la page, regardez ce qui a changé et recommencez.",
    ),
    "too-large": ("La demande est trop grande", "Ce qui a été envoyé dépasse la taille admise.", ""),
    "not-json": ("L'API ne prend que du JSON", "Cette adresse n'accepte que application/json.", ""),
    "not-a-table": ("Cette adresse ne prend que des tableaux", "Ce type de contenu n'est pas accepté ici.", ""),
    "unsupported": ("Ce type de contenu n'est pas accepté", "Cette adresse ne prend pas ce type de contenu.", ""),
    "invalid": (
        "Des champs ne peuvent pas être utilisés",
        "Une valeur envoyée ne convient pas.",
        "Corrigez et renvoyez.",
    ),
    "key-reused": ("Cette clé a déjà servi", "Elle a servi pour une autre demande.", ""),
    "too-often": ("Trop d'essais", "Il y en a eu trop en peu de temps.", "Attendez un peu avant de recommencer."),
    "broken": ("Quelque chose a cassé chez nous", "Nous en avons gardé la trace.", "Réessayez dans un moment."),
    "full": ("Il n'y a plus de place", "Rien n'a été gardé de ce que vous avez envoyé.", "Réessayez plus tard."),
    "busy": (
        "Vigie ne peut pas répondre à l'instant",
        "Rien n'est perdu de ce qui était enregistré.",
        "Réessayez bientôt.",
    ),
}
# What only the sentence of the case says: which field, what size, which state.
SAID_BESIDE = frozenset({"malformed", "conflict", "not-now", "too-large", "invalid", "full", "unsupported"})
