"""Mappings as a person keeps them in a file: TOML or JSON, one mapping or several under ``mapping``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from telemetry.formats.mapped import BadMapping, Mapped, compiled
from telemetry.formats.sources import RESERVED


class BadMappingFile(ValueError):
    """A file that holds no mapping we can use; the words name file and field."""


def specs(path: Path) -> list[Mapping[str, Any]]:
    """The mappings of a file as they are written. Raises `BadMappingFile`."""
    data = path.read_bytes()
    try:
        found: Any = orjson.loads(data) if data.lstrip()[:1] in (b"{", b"[") else tomllib.loads(data.decode("utf-8"))
    except (orjson.JSONDecodeError, tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        # A TOML file of several mappings begins with [[mapping]], which is an array to JSON's eyes.
        found = _toml(path, data, problem)
    if isinstance(found, Mapping) and "mapping" in found:
        extra = sorted(found.keys() - {"mapping"})
        if extra:
            raise BadMappingFile(f"{path}: {extra[0]} stands beside [[mapping]]; put it into one of them")
        found = found["mapping"]
    return list(found) if isinstance(found, list) else [found]


def read(path: Path) -> list[Mapped]:
    """The mappings of a file, ready for use. Raises `BadMappingFile`."""
    written = specs(path)
    out: list[Mapped] = []
    for i, spec in enumerate(written):
        try:
            out.append(compiled(spec, RESERVED, f"mapping[{i}]." if len(written) > 1 else ""))
        except BadMapping as problem:
            raise BadMappingFile(f"{path}: {problem}") from None
    return out


def _toml(path: Path, data: bytes, problem: Exception) -> Any:
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise BadMappingFile(f"{path} is neither TOML nor JSON: {problem}") from None
