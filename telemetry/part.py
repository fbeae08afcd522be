"""By which process number the supervisor knows us."""

from __future__ import annotations

import os
from typing import Final

LEASH: Final = "VIGIE_LEASH"  # set by app/leash.py where it stays between the supervisor and its part


def pid() -> int:
    """Our own number; the leash's, where one stands between the supervisor and us (systems other than Linux)."""
    above = os.getppid()
    return above if os.environ.get(LEASH) == str(above) else os.getpid()
