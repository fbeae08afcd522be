"""The API: routes by noun. Importing this package declares them; `register` mounts them."""

from __future__ import annotations

from flask import Blueprint, Flask

from app.api import me
from app.api.door import BASE, ROUTES, Route, mount

__all__ = ["BASE", "ROUTES", "Route", "me", "register"]


def register(app: Flask) -> None:
    blueprint = Blueprint("api", __name__)
    mount(blueprint)
    app.register_blueprint(blueprint)
