"""What gunicorn loads: the application with the settings of this process."""

from __future__ import annotations

from app import create_app
from app.cli import read_settings

application = create_app(read_settings())
