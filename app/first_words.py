"""Who knew first, as sentences, in English and French: whole ones, with what they count. Plain."""

from __future__ import annotations

from app import words
from escalation.first_known import COUNTS_EN, COUNTS_FR, CUSTOMER, MACHINE, NOBODY, First, Share


def sentence(share: Share, language: str = "en") -> str:
    """The share of a period in one sentence; nothing is rounded up."""
    if language == "fr":
        return _french(share)
    if not share.counted:
        return "No incident to count in this time."
    said = (
        f"We knew first in {share.ours} of {words.count(share.counted, 'incident')} ({_percent(share)}): "
        f"{share.machine} by telemetry, {share.us} by one of us; in {share.customer} the customer told us."
    )
    if share.lead_s is not None:
        said += f" Where the customer wrote too, it was {words.span(share.lead_s)} later (median)."
    return said


def counts(language: str = "en") -> str:
    """What the figure counts."""
    return COUNTS_FR if language == "fr" else COUNTS_EN


def left_out(share: Share) -> str:
    """What was not counted, in numbers; empty when nothing was."""
    said = [
        words.count(share.false_alarms, "false alarm") if share.false_alarms else "",
        f"{share.cancelled} cancelled" if share.cancelled else "",
        f"{share.no_machine} without a machine" if share.no_machine else "",
    ]
    told = [one for one in said if one]
    return f"Left out: {words.listed(told)}." if told else ""


def of_one(first: First) -> str:
    """Who knew first of one incident, and by how long."""
    if first.who == NOBODY:
        return "Nobody has said anything of it yet."
    lead = words.span(first.lead_s) if first.lead_s is not None else ""
    if first.who == CUSTOMER:
        return f"The customer told us first, {lead} before we knew." if lead else "The customer told us."
    who = "Its machine" if first.who == MACHINE else "One of us"
    if lead:
        return f"{who} knew first, {lead} before the customer's word."
    if first.told_s is not None:
        return f"{who} knew first; we told the customer {words.span(first.told_s)} later, and they had said nothing."
    return f"{who} knew first; the customer has not said anything."


def _french(share: Share) -> str:
    if not share.counted:
        return "Aucun incident à compter pendant cette période."
    said = (
        f"Nous l’avons su les premiers pour {share.ours} incidents sur {share.counted} ({_percent(share)}) : "
        f"{share.machine} par la télémétrie, {share.us} par l’un de nous ; "
        f"pour {share.customer}, le client nous l’a dit."
    )
    if share.lead_s is not None:
        later = f"{round(share.lead_s / 60)} min" if share.lead_s < 7200 else f"{share.lead_s / 3600:.0f} h"
        said += f" Quand le client nous a écrit aussi, c’était {later} plus tard (médiane)."
    return said


def _percent(share: Share) -> str:
    """Rounded down, so that a single miss never reads as 100 %."""
    return f"{100 * share.ours // share.counted} %"
