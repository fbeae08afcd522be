"""The four tiers as one readable table. Plain; every number is data, copied into a contract and edited there.

Source: the tier table of the product. Hours and minutes are service hours of the calendar in force, days business days.
"""

from __future__ import annotations

from collections.abc import Mapping

from contracts.budget import Budget as Budget
from contracts.terms import SKILLS as SKILLS
from contracts.terms import AllowanceTerms as AllowanceTerms
from contracts.terms import RungTerms as RungTerms
from contracts.terms import Terms as Terms
from contracts.terms import Tier as Tier
from contracts.terms import Watching as Watching

_MIN, _H = 60, 3600
_HARDWARE = frozenset({"hardware"})
_SOFTWARE = _HARDWARE | {"software"}
_ADVICE = _SOFTWARE | {"installation", "environment"}
_PROACTIVE = _ADVICE | {"tele-alarm", "remote-administration"}


def _h(hours: int) -> Budget:
    return Budget(seconds=hours * _H)


def _days(days: int) -> Budget:
    return Budget(days=days)


def _ladder(*rungs: tuple[str, int]) -> tuple[RungTerms, ...]:
    return tuple(RungTerms(who, minutes * _MIN) for who, minutes in rungs)


DEFAULTS: Mapping[Tier, Terms] = {
    Tier.BRONZE: Terms(
        tier=Tier.BRONZE,
        scope=_HARDWARE,
        hours=dict.fromkeys((1, 2, 3, 4), "Mon-Fri 9-17"),
        respond={1: _h(4), 2: _h(8), 3: _days(2), 4: _days(5)},
        update=Budget(days=1),
        on_site=Budget(days=1, closing=True),
        skill_floor="junior",
        named_people=(),
        review_months=0,
        watching=Watching.COLLECT,
        ladder=_ladder(("duty", 120), ("second", 120), ("lead", 240)),
    ),
    Tier.SILVER: Terms(
        tier=Tier.SILVER,
        scope=_SOFTWARE,
        hours=dict.fromkeys((1, 2, 3, 4), "Mon-Fri 8-18"),
        respond={1: _h(2), 2: _h(4), 3: _days(1), 4: _days(3)},
        update=_h(4),
        on_site=Budget(days=1, closing=True),
        skill_floor="junior",
        named_people=(),
        review_months=0,
        watching=Watching.WATCH,
        ladder=_ladder(("duty", 60), ("second", 60), ("lead", 120), ("number-two", 240)),
    ),
    Tier.GOLD: Terms(
        tier=Tier.GOLD,
        scope=_ADVICE,
        hours={1: "24x7", **dict.fromkeys((2, 3, 4), "Mon-Sat 8-20")},
        respond={1: _h(1), 2: _h(2), 3: _h(4), 4: _days(1)},
        update=_h(1),
        on_site=_h(4),
        skill_floor="confirmed",
        named_people=("account engineer", "deputy"),
        review_months=6,
        watching=Watching.SHADOW,
        ladder=_ladder(
            ("duty", 20), ("second", 20), ("account", 30), ("lead", 30), ("number-two", 60), ("number-one", 60)
        ),
    ),
    Tier.PLATINUM: Terms(
        tier=Tier.PLATINUM,
        scope=_PROACTIVE,
        hours=dict.fromkeys((1, 2, 3, 4), "24x7"),
        respond={1: Budget(seconds=15 * _MIN), 2: _h(1), 3: _h(4), 4: _days(1)},
        update=Budget(seconds=30 * _MIN),
        on_site=_h(2),
        skill_floor="senior",
        named_people=("account engineer", "deputy", "escalation owner"),
        review_months=3,
        watching=Watching.DETECT,
        ladder=_ladder(
            ("duty", 5), ("second", 5), ("account", 10), ("lead", 10), ("number-two", 15), ("number-one", 15)
        ),
    ),
}
