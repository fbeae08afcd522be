"""The words a contract answers in: one table of whole sentences per language. Plain.

A sentence is never put together from fragments: a language orders its words its own way.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from contracts.tiers import Budget, Tier

# rule → (reason, remedy)
ENGLISH: Mapping[str, tuple[str, str]] = {
    "contract.none": (
        "No contract covers this customer.",
        "Ask for a paid intervention, or have a contract made; an emergency is answered by phone at once.",
    ),
    "contract.draft": ("Contract {number} is still a draft.", "It holds once it is signed and made active."),
    "contract.not_started": ("Contract {number} begins on {starts}.", "Ask again from {starts}, or move its start."),
    "contract.suspended": (
        "Contract {number} is suspended.",
        "Your account manager can lift the suspension; until then ask for a paid intervention.",
    ),
    "contract.cancelled": ("Contract {number} was cancelled.", "Ask for a paid intervention, or for a new contract."),
    "contract.expired": (
        "Contract {number} ended on {ends}.",
        "Renew it, or ask for a paid intervention; an emergency is answered by phone at once.",
    ),
    "contract.grace": (
        "Contract {number} ended on {ends}; it is honoured during its period of grace.",
        "Renew it before the period of grace is over.",
    ),
    "coverage.machine": (
        "Contract {number} has no line in force for this machine.",
        "Add the machine to the contract, or ask for a paid intervention.",
    ),
    "allowance.spent": (
        "Nothing is left of the allowance for {ask} in this period.",
        "Order more, or wait for the next period.",
    ),
    "telemetry.collect": (
        "Bronze keeps the telemetry that is sent; nothing watches it.",
        "Silver shows silence and hard faults; platinum opens incidents by itself.",
    ),
    "telemetry.watch": (
        "Silver keeps the telemetry and shows silence and hard faults.",
        "Gold lists findings at the review; platinum opens incidents by itself.",
    ),
    "telemetry.shadow": (
        "Gold keeps the telemetry and lists what detection finds at the review.",
        "With platinum a finding opens an incident.",
    ),
    "telemetry.detect": ("Platinum includes telemetry and proactive detection.", ""),
    "silence.open": ("Platinum includes the watch for silence: a machine that falls silent opens an incident.", ""),
    "silence.shown": (
        "Your contract is {tier}: a machine that falls silent is shown, no incident is opened.",
        "With platinum its silence would open an incident.",
    ),
    "silence.refused": (
        "Watching for silence begins with silver; your contract is {tier}.",
        "Move the contract to silver or above.",
    ),
    "detection.open": ("Platinum includes detection: what it finds opens an incident.", ""),
    "detection.shadow": (
        "Detection runs in shadow on {tier}: the finding is listed at the review, no incident is opened.",
        "With platinum this would have opened an incident.",
    ),
    "detection.none": (
        "Detection begins with gold, in shadow, and opens incidents on platinum; your contract is {tier}.",
        "Move the contract to gold to see findings at the review, or to platinum to be called.",
    ),
    "named.granted": ("Your contract is {tier} and names these people: {people}.", ""),
    "named.refused": (
        "Named engineers begin with gold; your contract is {tier}.",
        "The engineer on duty answers; move the contract to gold to have people of your own.",
    ),
    "review.granted": ("Your contract is {tier}: the dossier is reviewed every {months} months.", ""),
    "review.refused": (
        "The environment dossier begins with gold; your contract is {tier}.",
        "Move the contract to gold for a review twice a year.",
    ),
    "escalation": ("Any customer under contract may ask for escalation.", ""),
    "hours.open": ("It is within the hours of your contract for severity {severity}: {hours}.", ""),
    "hours.closed": (
        "Severity {severity} is served {hours} on {tier}, and it is closed now.",
        "It opens again {opening}; severity 1 on gold and everything on platinum is served around the clock.",
    ),
    "promise.open": ("Your contract is {tier}: {ask} is answered within {budget}, by {by}.", ""),
    "promise.closed": (
        "Your contract is {tier}: {ask} is answered within {budget} of service hours; closed now, so by {by}.",
        "",
    ),
    "scope.granted": ("Your contract is {tier}, which includes {ask}.", ""),
    "scope.software_support": (
        "Software support begins with {first}; your contract is {tier}.",
        "Move the contract to {first}, or ask for a paid intervention.",
    ),
    "scope.installation_advice": (
        "Installation advice begins with {first}; your contract is {tier}.",
        "Move the contract to {first}, or order a day of advice.",
    ),
    "scope.remote_administration": (
        "Remote administration begins with {first}; your contract is {tier}.",
        "Move the contract to {first}.",
    ),
    "scope.remote_diagnostics": (
        "Remote diagnostics begin with {first}; your contract is {tier}.",
        "Send us the output yourself, or move the contract to {first}.",
    ),
    "scope.proactive_call": (
        "Proactive calls begin with {first}; your contract is {tier}.",
        "Move the contract to {first} to be called before you notice.",
    ),
    "scope.detached_engineer": (
        "An engineer of your own on site begins with {first}; your contract is {tier}.",
        "Move the contract to {first}.",
    ),
    "scope.hardware_support": ("Hardware is not in the scope of contract {number}.", "Have it added to the contract."),
    "scope.spare_part": ("Hardware is not in the scope of contract {number}.", "Have it added to the contract."),
    "scope.site_visit": ("Hardware is not in the scope of contract {number}.", "Have it added to the contract."),
}

FRENCH: Mapping[str, tuple[str, str]] = {
    "contract.none": (
        "Aucun contrat ne couvre ce client.",
        "Demandez une intervention payante ou un contrat ; une urgence est traitée par téléphone sans attendre.",
    ),
    "contract.draft": ("Le contrat {number} est encore un projet.", "Il vaut dès qu'il est signé et activé."),
    "contract.not_started": ("Le contrat {number} commence le {starts}.", "Redemandez à partir du {starts}."),
    "contract.suspended": (
        "Le contrat {number} est suspendu.",
        "Votre responsable de compte peut lever la suspension ; d'ici là, demandez une intervention payante.",
    ),
    "contract.cancelled": ("Le contrat {number} a été résilié.", "Demandez une intervention payante ou un contrat."),
    "contract.expired": (
        "Le contrat {number} a pris fin le {ends}.",
        "Renouvelez-le ou demandez une intervention payante ; une urgence est traitée par téléphone sans attendre.",
    ),
    "contract.grace": (
        "Le contrat {number} a pris fin le {ends} ; il est honoré pendant le délai de grâce.",
        "Renouvelez-le avant la fin du délai de grâce.",
    ),
    "coverage.machine": (
        "Le contrat {number} n'a aucune ligne en vigueur pour cette machine.",
        "Ajoutez la machine au contrat ou demandez une intervention payante.",
    ),
    "allowance.spent": (
        "Il ne reste rien du forfait pour {ask} sur cette période.",
        "Commandez un complément ou attendez la période suivante.",
    ),
    "telemetry.collect": (
        "Le bronze conserve la télémétrie reçue ; rien ne la surveille.",
        "L'argent montre le silence et les pannes franches ; le platine ouvre les incidents de lui-même.",
    ),
    "telemetry.watch": (
        "L'argent conserve la télémétrie et montre le silence et les pannes franches.",
        "L'or liste les constats à la revue ; le platine ouvre les incidents de lui-même.",
    ),
    "telemetry.shadow": (
        "L'or conserve la télémétrie et liste à la revue ce que la détection trouve.",
        "Avec le platine, un constat ouvre un incident.",
    ),
    "telemetry.detect": ("Le platine comprend la télémétrie et la détection proactive.", ""),
    "silence.open": ("Le platine comprend la veille du silence : une machine qui se tait ouvre un incident.", ""),
    "silence.shown": (
        "Votre contrat est {tier} : une machine qui se tait est montrée, sans incident.",
        "Avec le platine, son silence ouvrirait un incident.",
    ),
    "silence.refused": (
        "La veille du silence commence avec l'argent ; votre contrat est {tier}.",
        "Passez le contrat à l'argent ou au-dessus.",
    ),
    "detection.open": ("Le platine comprend la détection : ce qu'elle trouve ouvre un incident.", ""),
    "detection.shadow": (
        "Votre contrat est {tier} : la détection y est muette ; le constat est listé à la revue, sans incident.",
        "Avec le platine, un incident aurait été ouvert.",
    ),
    "detection.none": (
        "La détection commence avec l'or, muette, et ouvre des incidents au platine ; votre contrat est {tier}.",
        "Passez à l'or pour voir les constats à la revue, au platine pour être appelé.",
    ),
    "named.granted": ("Votre contrat est {tier} et nomme : {people}.", ""),
    "named.refused": (
        "Les ingénieurs attitrés commencent avec l'or ; votre contrat est {tier}.",
        "L'ingénieur de service répond ; passez à l'or pour avoir les vôtres.",
    ),
    "review.granted": ("Votre contrat est {tier} : le dossier est revu tous les {months} mois.", ""),
    "review.refused": (
        "Le dossier d'environnement commence avec l'or ; votre contrat est {tier}.",
        "Passez à l'or pour deux revues par an.",
    ),
    "escalation": ("Tout client sous contrat peut demander l'escalade.", ""),
    "hours.open": ("Nous sommes dans les heures de votre contrat pour la gravité {severity} : {hours}.", ""),
    "hours.closed": (
        "Votre contrat est {tier} : la gravité {severity} est servie {hours}, et c'est fermé maintenant.",
        "Réouverture {opening} ; la gravité 1 en or et tout le platine sont servis jour et nuit.",
    ),
    "promise.open": ("Votre contrat est {tier} : réponse pour {ask} sous {budget}, avant {by}.", ""),
    "promise.closed": (
        "Votre contrat est {tier} : réponse pour {ask} sous {budget} d'heures de service ; fermé, donc avant {by}.",
        "",
    ),
    "scope.granted": ("Votre contrat est {tier} et comprend {ask}.", ""),
    "scope.software_support": (
        "L'assistance logicielle commence avec {first} ; votre contrat est {tier}.",
        "Passez le contrat à {first} ou demandez une intervention payante.",
    ),
    "scope.installation_advice": (
        "Le conseil à l'installation commence avec {first} ; votre contrat est {tier}.",
        "Passez le contrat à {first} ou commandez une journée de conseil.",
    ),
    "scope.remote_administration": (
        "L'administration à distance commence avec {first} ; votre contrat est {tier}.",
        "Passez le contrat à {first}.",
    ),
    "scope.remote_diagnostics": (
        "Le diagnostic à distance commence avec {first} ; votre contrat est {tier}.",
        "Envoyez-nous les relevés ou passez le contrat à {first}.",
    ),
    "scope.proactive_call": (
        "L'appel proactif commence avec {first} ; votre contrat est {tier}.",
        "Passez le contrat à {first} pour être appelé avant de vous en apercevoir.",
    ),
    "scope.detached_engineer": (
        "L'ingénieur détaché commence avec {first} ; votre contrat est {tier}.",
        "Passez le contrat à {first}.",
    ),
    "scope.hardware_support": ("Le matériel n'entre pas dans le contrat {number}.", "Faites-le ajouter."),
    "scope.spare_part": ("Le matériel n'entre pas dans le contrat {number}.", "Faites-le ajouter."),
    "scope.site_visit": ("Le matériel n'entre pas dans le contrat {number}.", "Faites-le ajouter."),
}

SENTENCES = {"en": ENGLISH, "fr": FRENCH}
_TIERS = {"fr": {"bronze": "bronze", "silver": "argent", "gold": "or", "platinum": "platine"}}
_ASKS = {
    "en": {
        "open_incident": "an incident",
        "raise_severity": "a raised severity",
        "site_visit": "a site visit",
        "spare_part": "spare parts",
    },
    "fr": {
        "open_incident": "un incident",
        "raise_severity": "une gravité relevée",
        "out_of_hours": "hors horaires",
        "site_visit": "une visite sur site",
        "spare_part": "les pièces détachées",
        "hardware_support": "l'assistance matérielle",
        "software_support": "l'assistance logicielle",
        "installation_advice": "le conseil à l'installation",
        "proactive_call": "l'appel proactif",
        "remote_administration": "l'administration à distance",
        "remote_diagnostics": "le diagnostic à distance",
        "detached_engineer": "l'ingénieur détaché",
    },
}
_HOURS_FR = {
    "Mon-Fri 9-17": "du lundi au vendredi de 9 h à 17 h",
    "Mon-Fri 8-18": "du lundi au vendredi de 8 h à 18 h",
    "Mon-Sat 8-20": "du lundi au samedi de 8 h à 20 h",
    "24x7": "jour et nuit",
}


def tier(given: Tier, language: str) -> str:
    return _TIERS.get(language, {}).get(given.value, given.value)


def ask(kind: str, language: str) -> str:
    """What is asked for, as it stands inside a sentence."""
    return _ASKS.get(language, {}).get(kind, kind.replace("_", " "))


def hours(name: str, language: str) -> str:
    return _HOURS_FR.get(name, name) if language == "fr" else ("around the clock" if name == "24x7" else name)


def budget(given: Budget, language: str) -> str:
    if language != "fr" or not given.days:
        return given.words
    return f"{given.days} jour{'s' if given.days > 1 else ''} ouvré{'s' if given.days > 1 else ''}"


def instant(at: datetime | None, zone: str) -> str:
    """A local date and time with its zone; a dash where there is none."""
    return "-" if at is None else f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} {zone}"


class Speaker:
    """Fills the sentences of one language with the facts every sentence may use."""

    def __init__(self, language: str, **facts: Any) -> None:  # Any: strings, numbers and dates to fill in
        self.language = language if language in SENTENCES else "en"
        self._facts = {name: value.isoformat() if isinstance(value, date) else value for name, value in facts.items()}

    def __call__(self, rule: str, part: str, **more: Any) -> str:  # Any: as above
        """The reason or the remedy of a rule. Raises KeyError for a rule without words: a test walks them all."""
        sentence = SENTENCES[self.language][rule][0 if part == "reason" else 1]
        return sentence.format(**{**self._facts, **more})
