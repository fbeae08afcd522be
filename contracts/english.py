"""What a contract answers, in English: rule → whole sentences for the reason and the remedy. Plain."""

from __future__ import annotations

from collections.abc import Mapping

SENTENCES: Mapping[str, tuple[str, str]] = {
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
