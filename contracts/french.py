"""What a contract answers, in French: rule → whole sentences for the reason and the remedy. Plain."""

from __future__ import annotations

from collections.abc import Mapping

ASKS: Mapping[str, str] = {
    "open_incident": "un incident",
    "raise_severity": "une gravité relevée",
    "out_of_hours": "une aide hors horaires",
    "site_visit": "une visite sur site",
    "spare_part": "les pièces détachées",
    "hardware_support": "l'assistance matérielle",
    "software_support": "l'assistance logicielle",
    "installation_advice": "le conseil à l'installation",
    "named_engineer": "un ingénieur attitré",
    "dossier_review": "une revue du dossier",
    "escalation": "une escalade",
    "telemetry": "la télémétrie",
    "silence_watch": "la veille du silence",
    "detection": "la détection",
    "proactive_call": "l'appel proactif",
    "remote_administration": "l'administration à distance",
    "remote_diagnostics": "le diagnostic à distance",
    "detached_engineer": "l'ingénieur détaché",
}
POOLS: Mapping[str, str] = {
    "cases": "dossiers",
    "visits": "visites sur site",
    "remote_hours": "heures à distance",
    "advice_hours": "heures de conseil",
}
DUTIES: Mapping[str, str] = {
    "account engineer": "ingénieur de compte",
    "deputy": "suppléant",
    "escalation owner": "responsable de l'escalade",
}

SENTENCES: Mapping[str, tuple[str, str]] = {
    "contract.none": (
        "Aucun contrat ne couvre ce client.",
        "Demandez une intervention payante à partir de {least}, ou un contrat ; une urgence est traitée par téléphone "
        "sans attendre, à {urgent} de l'heure.",
    ),
    "contract.none.unsold": (
        "Aucun contrat ne couvre ce client.",
        "Demandez un contrat ; une urgence est traitée par téléphone sans attendre.",
    ),
    "contract.draft": (
        "Le contrat {number} est encore un projet.",
        "Il vaut dès qu'il est signé et activé ; d'ici là, demandez une intervention payante à partir de {least} et, "
        "en cas d'urgence, téléphonez.",
    ),
    "contract.draft.unsold": ("Le contrat {number} est encore un projet.", "Il vaut dès qu'il est signé et activé."),
    "contract.not_started": (
        "Le contrat {number} commence le {starts}.",
        "Redemandez à partir du {starts} ou faites avancer son début ; d'ici là, demandez une intervention payante à "
        "partir de {least} et, en cas d'urgence, téléphonez.",
    ),
    "contract.not_started.unsold": (
        "Le contrat {number} commence le {starts}.",
        "Redemandez à partir du {starts} ou faites avancer son début.",
    ),
    "contract.suspended": (
        "Le contrat {number} est suspendu.",
        "Votre responsable de compte peut lever la suspension ; d'ici là, demandez une intervention payante à partir "
        "de {least} et, en cas d'urgence, téléphonez.",
    ),
    "contract.suspended.unsold": (
        "Le contrat {number} est suspendu.",
        "Votre responsable de compte peut lever la suspension.",
    ),
    "contract.cancelled": (
        "Le contrat {number} a été résilié.",
        "Demandez une intervention payante à partir de {least}, ou un nouveau contrat ; une urgence est traitée par "
        "téléphone sans attendre, à {urgent} de l'heure.",
    ),
    "contract.cancelled.unsold": ("Le contrat {number} a été résilié.", "Demandez un nouveau contrat."),
    "contract.expired": (
        "Le contrat {number} a pris fin le {ends}.",
        "Renouvelez-le ou demandez une intervention payante à partir de {least} ; une urgence est traitée par "
        "téléphone sans attendre, à {urgent} de l'heure.",
    ),
    "contract.expired.unsold": (
        "Le contrat {number} a pris fin le {ends}.",
        "Renouvelez-le ; une urgence est traitée par téléphone.",
    ),
    "contract.grace": (
        "Le contrat {number} a pris fin le {ends} et reste honoré pendant le délai de grâce, jusqu'au {last}.",
        "Renouvelez-le avant la fin du délai de grâce.",
    ),
    "contact.open": (
        "Le contrat ne permet pas à {name} de demander cela.",
        "Faites demander par {others}, ou faites donner à {name} le droit d'ouvrir par votre responsable de compte.",
    ),
    "contact.open.nobody": (
        "Le contrat ne permet pas à {name} de demander cela.",
        "Faites donner à {name} le droit d'ouvrir par votre responsable de compte ; aucun des vôtres ne l'a.",
    ),
    "contact.escalate": (
        "Le contrat ne permet pas à {name} de demander l'escalade.",
        "Faites demander par {others}, ou faites donner à {name} le droit d'escalader par votre responsable de compte.",
    ),
    "contact.escalate.nobody": (
        "Le contrat ne permet pas à {name} de demander l'escalade.",
        "Faites donner à {name} le droit d'escalader par votre responsable de compte ; aucun des vôtres ne l'a.",
    ),
    "contact.sign": (
        "Le contrat ne permet pas à {name} de signer, et une revue se termine par une signature.",
        "Faites demander par {others}, ou faites donner à {name} le droit de signer par votre responsable de compte.",
    ),
    "contact.sign.nobody": (
        "Le contrat ne permet pas à {name} de signer, et une revue se termine par une signature.",
        "Faites donner à {name} le droit de signer par votre responsable de compte ; aucun des vôtres ne l'a.",
    ),
    "signing.right": (
        "{name} ne peut pas signer au titre du contrat.",
        "Laissez {others} signer, ou faites donner à {name} le droit de signer par votre responsable de compte.",
    ),
    "signing.right.nobody": (
        "{name} ne peut pas signer au titre du contrat.",
        "Faites donner à {name} le droit de signer par votre responsable de compte ; personne chez vous ne l'a.",
    ),
    "signing.nothing": (
        "Rien du contrat {number} n'attend cette signature.",
        "Regardez ce qui attend maintenant ; ce qui a changé depuis attend sous sa forme actuelle.",
    ),
    "coverage.machine": (
        "Le contrat {number} n'a aucune ligne en vigueur pour cette machine.",
        "Ajoutez la machine au contrat ou demandez une intervention payante à partir de {least} ; une urgence est "
        "traitée par téléphone sans attendre.",
    ),
    "coverage.machine.unsold": (
        "Le contrat {number} n'a aucune ligne en vigueur pour cette machine.",
        "Ajoutez la machine au contrat ; votre responsable de compte a été averti qu'elle n'y est pas.",
    ),
    "coverage.machine.later": (
        "Le contrat {number} couvre cette machine à partir du {begins}.",
        "Redemandez à partir du {begins}, ou faites avancer le début de sa ligne.",
    ),
    "coverage.service": (
        "Le contrat {number} n'a aucune ligne en vigueur pour le service {service}.",
        "Ajoutez le service au contrat ou demandez une intervention payante à partir de {least} ; une urgence est "
        "traitée par téléphone sans attendre.",
    ),
    "coverage.service.unsold": (
        "Le contrat {number} n'a aucune ligne en vigueur pour ce service.",
        "Ajoutez le service au contrat.",
    ),
    "coverage.service.later": (
        "Le contrat {number} couvre le service {service} à partir du {begins}.",
        "Redemandez à partir du {begins}, ou faites avancer le début de sa ligne.",
    ),
    "allowance.spent": (
        "Il ne reste rien du forfait de {pool} du contrat {number} sur cette période.",
        "Redemandez à partir du {next}, début de la période suivante, commandez un complément, ou demandez à payer, à "
        "partir de {least}.",
    ),
    "allowance.spent.last": (
        "Il ne reste rien du forfait de {pool} du contrat {number}, et aucune autre période ne commence avant sa fin.",
        "Commandez un complément, renouvelez le contrat, ou demandez à payer, à partir de {least}.",
    ),
    "allowance.short": (
        "Du forfait de {pool} du contrat {number}, il reste {left} sur cette période, et {units} sont demandées.",
        "Demandez moins, redemandez à partir du {next}, début de la période suivante, ou commandez un complément.",
    ),
    "allowance.short.last": (
        "Du forfait de {pool} du contrat {number}, il reste {left}, et {units} sont demandées.",
        "Demandez moins, commandez un complément, ou renouvelez le contrat.",
    ),
    "telemetry.collect": (
        "Votre contrat est de niveau {tier} : la télémétrie reçue est conservée, rien ne la surveille.",
        "Le niveau argent montre le silence et les pannes franches ; le platine ouvre les incidents de lui-même.",
    ),
    "telemetry.watch": (
        "Votre contrat est de niveau {tier} : la télémétrie est conservée, silence et pannes franches sont montrés.",
        "Le niveau or liste les constats à la revue ; le platine ouvre les incidents de lui-même.",
    ),
    "telemetry.shadow": (
        "Votre contrat est de niveau {tier} : la télémétrie est conservée, les constats sont listés à la revue.",
        "Avec le platine, un constat ouvre un incident.",
    ),
    "telemetry.detect": (
        "Votre contrat est de niveau {tier} et comprend la télémétrie et la détection proactive.",
        "",
    ),
    "silence.open": ("Le platine comprend la veille du silence : une machine qui se tait ouvre un incident.", ""),
    "silence.shown": (
        "Votre contrat est de niveau {tier} : une machine qui se tait est montrée, sans incident.",
        "Avec le platine, son silence ouvrirait un incident.",
    ),
    "silence.refused": (
        "La veille du silence commence au niveau argent ; votre contrat est de niveau {tier}.",
        "Passez le contrat au niveau argent ou au-dessus.",
    ),
    "detection.open": (
        "Votre contrat est de niveau {tier} et comprend la détection : ce qu'elle trouve ouvre un incident.",
        "",
    ),
    "detection.shadow": (
        "Au niveau {tier}, la détection reste muette : le constat est listé à la revue, sans incident.",
        "Avec le platine, un incident aurait été ouvert.",
    ),
    "detection.none": (
        "La détection commence au niveau or, muette, et ouvre des incidents au platine ; votre contrat est de niveau "
        "{tier}.",
        "Passez au niveau or pour voir les constats à la revue, au platine pour être appelé.",
    ),
    "named.granted": ("Votre contrat est de niveau {tier} et nomme : {people}.", ""),
    "named.refused": (
        "Les ingénieurs attitrés commencent au niveau or ; votre contrat est de niveau {tier}.",
        "L'ingénieur de service répond ; passez au niveau or pour avoir les vôtres.",
    ),
    "review.granted": ("Votre contrat est de niveau {tier} : le dossier est revu tous les {months} mois.", ""),
    "review.refused": (
        "Le dossier d'environnement commence au niveau or ; votre contrat est de niveau {tier}.",
        "Passez au niveau or pour deux revues par an.",
    ),
    "escalation.granted": ("Tout client sous contrat peut demander l'escalade.", ""),
    "hours.open": ("Nous sommes dans les heures de votre contrat pour la gravité {severity} : {hours}.", ""),
    "hours.closed": (
        "Au niveau {tier}, la gravité {severity} est servie {hours}, et c'est fermé maintenant.",
        "Réouverture le {opening} ; la gravité 1 au niveau or et tout le platine sont servis jour et nuit, et une "
        "urgence est traitée par téléphone à {urgent} de l'heure.",
    ),
    "hours.closed.never": (
        "Au niveau {tier}, la gravité {severity} est servie {hours}, sans aucune ouverture d'ici à deux ans.",
        "Faites changer les heures du contrat ; une urgence est traitée par téléphone à {urgent} de l'heure.",
    ),
    "promise.open": ("Votre contrat est de niveau {tier} : réponse pour {ask} sous {budget}, avant le {by}.", ""),
    "promise.closed": (
        "Votre contrat est de niveau {tier} : réponse pour {ask} sous {budget} de service ; c'est fermé, donc avant le "
        "{by}.",
        "Votre demande est gardée et nous attend ; le délai commence à courir le {opening}.",
    ),
    "promise.closed.phone": (
        "Votre contrat est de niveau {tier} : réponse pour {ask} sous {budget} de service ; c'est fermé, donc avant le "
        "{by}.",
        "Le téléphone répond de nouveau le {opening} ; ce que vous écrivez d'ici là est gardé et nous attend.",
    ),
    "promise.never": (
        "Votre contrat est de niveau {tier} : réponse pour {ask} sous {budget} de service, sans aucune heure de "
        "service d'ici à deux ans.",
        "Votre demande est gardée malgré tout ; faites changer les heures du contrat.",
    ),
    "visit.open": ("Votre contrat est de niveau {tier} : quelqu'un est sur place sous {budget}, avant le {by}.", ""),
    "visit.closed": (
        "Votre contrat est de niveau {tier} : quelqu'un est sur place sous {budget} de service ; c'est fermé, donc "
        "avant le {by}.",
        "Votre demande est gardée ; le délai commence à courir le {opening}.",
    ),
    "outside.paid": (
        "Vous avez demandé une intervention payante hors contrat, à partir de {least} : réponse sous {budget}, avant "
        "le {by}.",
        "",
    ),
    "outside.emergency": (
        "Vous avez demandé une intervention d'urgence hors contrat, à partir de {least} : réponse sous {budget}, avant "
        "le {by}.",
        "",
    ),
    "scope.granted": ("Votre contrat est de niveau {tier} et comprend {ask}.", ""),
    "scope.software_support": (
        "L'assistance logicielle commence au niveau {first} ; votre contrat est de niveau {tier}.",
        "Passez le contrat au niveau {first} ou demandez une intervention payante à partir de {least}.",
    ),
    "scope.installation_advice": (
        "Le conseil à l'installation commence au niveau {first} ; votre contrat est de niveau {tier}.",
        "Passez le contrat au niveau {first} ou commandez un conseil, payant à partir de {least}.",
    ),
    "scope.remote_administration": (
        "L'administration à distance commence au niveau {first} ; votre contrat est de niveau {tier}.",
        "Passez le contrat au niveau {first} ou demandez une intervention payante à partir de {least}.",
    ),
    "scope.remote_diagnostics": (
        "Le diagnostic à distance commence au niveau {first} ; votre contrat est de niveau {tier}.",
        "Envoyez-nous les relevés, passez le contrat au niveau {first}, ou demandez à payer, à partir de {least}.",
    ),
    "scope.proactive_call": (
        "L'appel proactif commence au niveau {first} ; votre contrat est de niveau {tier}.",
        "Passez le contrat au niveau {first} pour être appelé avant de vous en apercevoir.",
    ),
    "scope.detached_engineer": (
        "L'ingénieur détaché commence au niveau {first} ; votre contrat est de niveau {tier}.",
        "Passez le contrat au niveau {first}.",
    ),
    "scope.hardware_support": (
        "Le matériel n'entre pas dans le contrat {number}.",
        "Faites-le ajouter au contrat ou demandez une intervention payante à partir de {least}.",
    ),
    "scope.spare_part": (
        "Le matériel n'entre pas dans le contrat {number}, donc les pièces détachées non plus.",
        "Faites-le ajouter au contrat ou commandez la pièce, payante à partir de {least}.",
    ),
    "scope.site_visit": (
        "Le matériel n'entre pas dans le contrat {number}, donc personne ne se déplace pour lui.",
        "Faites-le ajouter au contrat ou demandez une visite, payante à partir de {least}.",
    ),
}
