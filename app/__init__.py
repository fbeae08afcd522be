"""The front door: HTTP, pages, live view, and the command that starts every process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.settings import Settings


def create_app(settings: Settings, *, clock: Callable[[], datetime] | None = None) -> Flask:
    """The web application. `clock` gives the instant of each request, aware UTC; by default the machine's own."""
    # Every process imports this package, but only the web server is to pay for Flask.
    from app.front import build, utc_now

    return build(settings, clock or utc_now)
