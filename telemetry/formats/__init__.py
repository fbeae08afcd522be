"""Wire formats: one small module each. Entry point: ``telemetry.formats.sources.Decoder``."""
