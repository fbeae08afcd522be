"""What a contract answers, in French: rule → whole sentences for the reason and the remedy. Plain."""

from __future__ import annotations

from collections.abc import Mapping

SENTENCES: Mapping[str, tuple[str, str]] = {
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
        "Votre contrat est {tier} : la télémétrie reçue est conservée, rien ne la surveille.",
        "L'argent montre le silence et les pannes franches ; le platine ouvre les incidents de lui-même.",
    ),
    "telemetry.watch": (
        "Votre contrat est {tier} : la télémétrie est conservée, le silence et les pannes franches sont montrés.",
        "L'or liste les constats à la revue ; le platine ouvre les incidents de lui-même.",
    ),
    "telemetry.shadow": (
        "Votre contrat est {tier} : la télémétrie est conservée, les constats sont listés à la revue.",
        "Avec le platine, un constat ouvre un incident.",
    ),
    "telemetry.detect": ("Votre contrat est {tier} et comprend la télémétrie et la détection proactive.", ""),
    "silence.open": ("Le platine comprend la veille du silence : une machine qui se tait ouvre un incident.", ""),
    "silence.shown": (
        "Votre contrat est {tier} : une machine qui se tait est montrée, sans incident.",
        "Avec le platine, son silence ouvrirait un incident.",
    ),
    "silence.refused": (
        "La veille du silence commence avec l'argent ; votre contrat est {tier}.",
        "Passez le contrat à l'argent ou au-dessus.",
    ),
    "detection.open": ("Votre contrat est {tier} et comprend la détection : ce qu'elle trouve ouvre un incident.", ""),
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
    "escalation.granted": ("Tout client sous contrat peut demander l'escalade.", ""),
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
