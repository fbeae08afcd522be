"""Wire formats: one small module each. Entry point: ``telemetry.formats.sources.Decoder``."""

from telemetry.formats.sources import SOURCES, Decoder, Source

__all__ = ["SOURCES", "Decoder", "Source"]
