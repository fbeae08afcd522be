"""What a contract answers, in English: rule → whole sentences for the reason and the remedy. Plain.

A rule followed by a further word is the same rule said otherwise: `.unsold` where no money helps, `.later` where time
does.
"""

from __future__ import annotations

from collections.abc import Mapping

ASKS: Mapping[str, str] = {
    "open_incident": "an incident",
    "raise_severity": "a raised severity",
    "out_of_hours": "help out of hours",
    "site_visit": "a site visit",
    "spare_part": "spare parts",
    "telemetry": "telemetry",
    "silence_watch": "the watch for silence",
    "proactive_call": "proactive calls",
    "dossier_review": "a review of the dossier",
    "named_engineer": "a named engineer",
    "detached_engineer": "a detached engineer",
}
POOLS: Mapping[str, str] = {
    "cases": "cases",
    "visits": "site visits",
    "remote_hours": "hours of remote work",
    "advice_hours": "hours of advice",
}

SENTENCES: Mapping[str, tuple[str, str]] = {
    "contract.none": (
        "No contract covers this customer.",
        "Ask for a paid intervention from {least}, or have a contract made; an emergency is answered by phone at once, "
        "at {urgent} an hour.",
    ),
    "contract.none.unsold": (
        "No contract covers this customer.",
        "Have a contract made; an emergency is answered by phone at once.",
    ),
    "contract.draft": (
        "Contract {number} is still a draft.",
        "It holds once it is signed and made active; until then ask for a paid intervention from {least}, and in an "
        "emergency phone.",
    ),
    "contract.draft.unsold": (
        "Contract {number} is still a draft.",
        "It holds once it is signed and made active.",
    ),
    "contract.not_started": (
        "Contract {number} begins on {starts}.",
        "Ask again from {starts}, or move its start; until then ask for a paid intervention from {least}, and in an "
        "emergency phone.",
    ),
    "contract.not_started.unsold": (
        "Contract {number} begins on {starts}.",
        "Ask again from {starts}, or move its start.",
    ),
    "contract.suspended": (
        "Contract {number} is suspended.",
        "Your account manager can lift the suspension; until then ask for a paid intervention from {least}, and in an "
        "emergency phone.",
    ),
    "contract.suspended.unsold": (
        "Contract {number} is suspended.",
        "Your account manager can lift the suspension.",
    ),
    "contract.cancelled": (
        "Contract {number} was cancelled.",
        "Ask for a paid intervention from {least}, or for a new contract; an emergency is answered by phone at once, "
        "at {urgent} an hour.",
    ),
    "contract.cancelled.unsold": ("Contract {number} was cancelled.", "Ask for a new contract."),
    "contract.expired": (
        "Contract {number} ended on {ends}.",
        "Renew it, or ask for a paid intervention from {least}; an emergency is answered by phone at once, at {urgent} "
        "an hour.",
    ),
    "contract.expired.unsold": ("Contract {number} ended on {ends}.", "Renew it; an emergency is answered by phone."),
    "contract.grace": (
        "Contract {number} ended on {ends} and is honoured during its period of grace, until {last}.",
        "Renew it before the period of grace is over.",
    ),
    "contact.open": (
        "{name} may not ask for this under the contract.",
        "Let {others} ask, or have your account manager give {name} the right to open.",
    ),
    "contact.open.nobody": (
        "{name} may not ask for this under the contract.",
        "Have your account manager give {name} the right to open; nobody of yours has it now.",
    ),
    "contact.escalate": (
        "{name} may not ask for escalation under the contract.",
        "Let {others} ask, or have your account manager give {name} the right to escalate.",
    ),
    "contact.escalate.nobody": (
        "{name} may not ask for escalation under the contract.",
        "Have your account manager give {name} the right to escalate; nobody of yours has it now.",
    ),
    "contact.sign": (
        "{name} may not sign under the contract, and a review ends with a signature.",
        "Let {others} ask, or have your account manager give {name} the right to sign.",
    ),
    "contact.sign.nobody": (
        "{name} may not sign under the contract, and a review ends with a signature.",
        "Have your account manager give {name} the right to sign; nobody of yours has it now.",
    ),
    "signing.right": (
        "{name} may not sign under the contract.",
        "Let {others} sign, or have your account manager give {name} the right to sign.",
    ),
    "signing.right.nobody": (
        "{name} may not sign under the contract.",
        "Have your account manager give {name} the right to sign; nobody of yours has it now.",
    ),
    "signing.nothing": (
        "Nothing of contract {number} waits for this signature.",
        "Look at what waits now; what was changed since waits as it is now.",
    ),
    "coverage.machine": (
        "Contract {number} has no line in force for this machine.",
        "Add the machine to the contract, or ask for a paid intervention from {least}; an emergency is answered by "
        "phone at once.",
    ),
    "coverage.machine.unsold": (
        "Contract {number} has no line in force for this machine.",
        "Add the machine to the contract; your account manager has been told that it is not on it.",
    ),
    "coverage.machine.later": (
        "Contract {number} covers this machine from {begins} on.",
        "Ask again from {begins}, or have its line begin earlier.",
    ),
    "coverage.service": (
        "Contract {number} has no line in force for the service {service}.",
        "Add the service to the contract, or ask for a paid intervention from {least}; an emergency is answered by "
        "phone at once.",
    ),
    "coverage.service.unsold": (
        "Contract {number} has no line in force for this service.",
        "Add the service to the contract.",
    ),
    "coverage.service.later": (
        "Contract {number} covers the service {service} from {begins} on.",
        "Ask again from {begins}, or have its line begin earlier.",
    ),
    "allowance.spent": (
        "Nothing is left of the {pool} of contract {number} in this period.",
        "Ask again from {next} on, when the next period begins, order more, or ask for it paid from {least}.",
    ),
    "allowance.spent.last": (
        "Nothing is left of the {pool} of contract {number}, and no further period begins before it ends.",
        "Order more, renew the contract, or ask for it paid from {least}.",
    ),
    "allowance.short": (
        "Of the {pool} of contract {number}, {left} are left in this period, and {units} were asked for.",
        "Ask for fewer, ask again from {next} on, when the next period begins, or order more.",
    ),
    "allowance.short.last": (
        "Of the {pool} of contract {number}, {left} are left, and {units} were asked for.",
        "Ask for fewer, order more, or renew the contract.",
    ),
    "telemetry.collect": (
        "Your contract is {tier}: the telemetry you send is kept, and nothing watches it.",
        "Silver shows silence and hard faults; platinum opens incidents by itself.",
    ),
    "telemetry.watch": (
        "Your contract is {tier}: telemetry is kept, silence and hard faults are shown.",
        "Gold lists findings at the review; platinum opens incidents by itself.",
    ),
    "telemetry.shadow": (
        "Your contract is {tier}: telemetry is kept, and what detection finds is listed at the review.",
        "With platinum a finding opens an incident.",
    ),
    "telemetry.detect": ("Your contract is {tier}, which includes telemetry and proactive detection.", ""),
    "silence.open": ("Platinum includes the watch for silence: a machine that falls silent opens an incident.", ""),
    "silence.shown": (
        "Your contract is {tier}: a machine that falls silent is shown, no incident is opened.",
        "With platinum its silence would open an incident.",
    ),
    "silence.refused": (
        "Watching for silence begins with silver; your contract is {tier}.",
        "Move the contract to silver or above.",
    ),
    "detection.open": ("Your contract is {tier}, which includes detection: what it finds opens an incident.", ""),
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
    "escalation.granted": ("Any customer under contract may ask for escalation.", ""),
    "hours.open": ("It is within the hours of your contract for severity {severity}: {hours}.", ""),
    "hours.closed": (
        "Severity {severity} is served {hours} on {tier}, and it is closed now.",
        "It opens again {opening}; severity 1 on gold and everything on platinum is served around the clock, and an "
        "emergency is answered by phone at {urgent} an hour.",
    ),
    "hours.closed.never": (
        "Severity {severity} is served {hours} on {tier}, and no opening lies ahead within two years.",
        "Have the hours of the contract changed; an emergency is answered by phone at {urgent} an hour.",
    ),
    "promise.open": ("Your contract is {tier}: {ask} is answered within {budget}, by {by}.", ""),
    "promise.closed": (
        "Your contract is {tier}: {ask} is answered within {budget} of service; closed now, so by {by}.",
        "It is kept and waits for us; the clock begins to count {opening}.",
    ),
    "promise.closed.phone": (
        "Your contract is {tier}: {ask} is answered within {budget} of service; closed now, so by {by}.",
        "The phone is answered again {opening}; what you write before then is kept and waits for us.",
    ),
    "promise.never": (
        "Your contract is {tier}: {ask} is answered within {budget} of service, and none lies ahead in two years.",
        "It is kept all the same; have the hours of the contract changed.",
    ),
    "visit.open": ("Your contract is {tier}: somebody is on site within {budget}, by {by}.", ""),
    "visit.closed": (
        "Your contract is {tier}: somebody is on site within {budget} of service; closed now, so by {by}.",
        "It is kept; the clock begins to count {opening}.",
    ),
    "outside.paid": (
        "You asked for a paid intervention without a contract, from {least}: it is answered within {budget}, by {by}.",
        "",
    ),
    "outside.emergency": (
        "You asked for an emergency intervention without a contract, from {least}: it is answered within {budget}, "
        "by {by}.",
        "",
    ),
    "scope.granted": ("Your contract is {tier}, which includes {ask}.", ""),
    "scope.software_support": (
        "Software support begins with {first}; your contract is {tier}.",
        "Move the contract to {first}, or ask for a paid intervention from {least}.",
    ),
    "scope.installation_advice": (
        "Installation advice begins with {first}; your contract is {tier}.",
        "Move the contract to {first}, or order advice, paid from {least}.",
    ),
    "scope.remote_administration": (
        "Remote administration begins with {first}; your contract is {tier}.",
        "Move the contract to {first}, or ask for a paid intervention from {least}.",
    ),
    "scope.remote_diagnostics": (
        "Remote diagnostics begin with {first}; your contract is {tier}.",
        "Send us the output yourself, move the contract to {first}, or ask for it paid from {least}.",
    ),
    "scope.proactive_call": (
        "Proactive calls begin with {first}; your contract is {tier}.",
        "Move the contract to {first} to be called before you notice.",
    ),
    "scope.detached_engineer": (
        "An engineer of your own on site begins with {first}; your contract is {tier}.",
        "Move the contract to {first}.",
    ),
    "scope.hardware_support": (
        "Hardware is not in the scope of contract {number}.",
        "Have it added to the contract, or ask for a paid intervention from {least}.",
    ),
    "scope.spare_part": (
        "Hardware is not in the scope of contract {number}, so spare parts are not either.",
        "Have it added to the contract, or order the part, paid from {least}.",
    ),
    "scope.site_visit": (
        "Hardware is not in the scope of contract {number}, so nobody comes for it.",
        "Have it added to the contract, or ask for a visit, paid from {least}.",
    ),
}
