"""How long what a machine sent is kept: every report, and the figures of its hours and days. Plain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

# A watcher that lost its state learns a machine anew from three days of reports; a week leaves room for repairs.
LEAST_DAYS: Final = 7
MOST_DAYS: Final = 3660


@dataclass(frozen=True, slots=True)
class Keeping:
    """In days. Figures are never kept for less long than the reports they were made of."""

    reports_days: int
    figures_days: int

    def to_json(self) -> dict[str, int]:
        return {"reports": self.reports_days, "figures": self.figures_days}


# By tier. Who has no contract in force keeps what the least of them gives, so that a gap of a week destroys nothing.
USUAL: Final[Mapping[str, Keeping]] = {
    "bronze": Keeping(14, 92),
    "silver": Keeping(31, 400),
    "gold": Keeping(92, 800),
    "platinum": Keeping(184, 1830),
}


def read(given: object, tier: str) -> Keeping:
    """What terms say of it, over what is usual for their tier. Raises ValueError naming the field that is wrong."""
    usual = USUAL[tier]
    if given is None:
        return usual
    if not isinstance(given, Mapping) or set(given) - {"reports", "figures"}:
        raise ValueError('keep: give days, as {"reports": 31, "figures": 400}')
    reports = _days("keep.reports", given.get("reports", usual.reports_days))
    figures = _days("keep.figures", given.get("figures", max(usual.figures_days, reports)))
    if figures < reports:
        raise ValueError(f"keep.figures: {figures} days is less than the {reports} days reports are kept")
    return Keeping(reports, figures)


def said(given: object, tier: str) -> Mapping[str, int]:
    """What terms say of it themselves, checked. Raises ValueError as `read` does."""
    if not given:
        return {}
    read(given, tier)
    return dict(given) if isinstance(given, Mapping) else {}


def lowers(old: Keeping, new: Keeping) -> bool:
    """Whether less is kept by the new terms."""
    return new.reports_days < old.reports_days or new.figures_days < old.figures_days


def _days(name: str, value: Any) -> int:  # Any: unchecked JSON
    if not isinstance(value, int) or isinstance(value, bool) or not LEAST_DAYS <= value <= MOST_DAYS:
        raise ValueError(f"{name}: {value!r} is not a whole number of days from {LEAST_DAYS} to {MOST_DAYS}")
    return value
