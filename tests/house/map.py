"""The map of the house, drawn from the modules' own first lines: `python tests/house/map.py > docs/house.md`."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("app", "telemetry", "escalation", "contracts", "models")
HEAD = """\
# The map of the house

Five floors; stairs go down only. Each line is the first sentence of the module itself, drawn by `tests/house/map.py`; a
test holds the two together. Folders within a floor have a section of their own.
"""


def drawn() -> str:
    """The whole page."""
    lines = [HEAD]
    for floor in FLOORS:
        top = ROOT / floor
        inner = sorted(path for path in top.rglob("*") if (path / "__init__.py").exists())
        for folder in (top, *inner):
            depth = "##" if folder == top else "###"
            lines += [f"{depth} {folder.relative_to(ROOT)}: {_said(folder / '__init__.py')}", ""]
            files = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
            lines += [f"- `{path.relative_to(ROOT)}`: {_said(path)}" for path in files]
            lines.append("")
    return "\n".join(lines)


def _said(path: Path) -> str:
    doc = ast.get_docstring(ast.parse(path.read_text())) or ""
    return " ".join(doc.split("\n\n")[0].split())


if __name__ == "__main__":
    print(drawn(), end="")
