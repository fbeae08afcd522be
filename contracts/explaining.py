"""Why this contract answered and the others did not, in whole sentences. Plain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from contracts.precedence import Passed

# step of the order → sentence about the contract that was passed over
_SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "standing": "Contract {number} answers and not {other}, whose standing is lower.",
        "cover": "Contract {number} answers and not {other}, which has no line in force for what is asked.",
        "successor": "Contract {number} answers and not {other}, because it follows that one.",
        "line": "Contract {number} answers and not {other}, because its line is closer to what is asked.",
        "tier": "Contract {number} answers and not {other}, because its tier is higher.",
        "start": "Contract {number} answers and not {other}, because it began earlier.",
        "number": "Contract {number} answers and not {other}, because all else is equal and its number comes first.",
    },
    "fr": {
        "standing": "Le contrat {number} répond et non {other}, dont l'état compte moins.",
        "cover": "Le contrat {number} répond et non {other}, sans ligne en vigueur pour ce qui est demandé.",
        "successor": "Le contrat {number} répond et non {other}, parce qu'il lui succède.",
        "line": "Le contrat {number} répond et non {other}, parce que sa ligne est plus proche de ce qui est demandé.",
        "tier": "Le contrat {number} répond et non {other}, parce que son niveau est plus élevé.",
        "start": "Le contrat {number} répond et non {other}, parce qu'il a commencé plus tôt.",
        "number": "Le contrat {number} répond et non {other}, tout étant égal, parce que son numéro vient avant.",
    },
}


def sentences(number: str, passed: Sequence[Passed], language: str) -> tuple[str, ...]:
    """One sentence for each contract that was passed over; none when there was no other."""
    said = _SENTENCES.get(language, _SENTENCES["en"])
    return tuple(said[one.why].format(number=number, other=one.number) for one in passed)
