"""What the fault runs found, as one page: seed, faults, counts and lag curve of each, outside the repository."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 60


@dataclass(frozen=True)
class Result:
    name: str
    seed: int
    full: bool
    seconds: float
    faults: list[str]
    counts: dict[str, float | str]
    lag: list[int]  # reports acknowledged and not stored yet, every half second
    violations: list[str]


def folder() -> Path:
    """`VIGIE_FAULTS_RESULTS`, or a folder of ours among the temporary ones."""
    named = os.environ.get("VIGIE_FAULTS_RESULTS")
    made = Path(named) if named else Path(tempfile.gettempdir()) / f"vigie-faults-{os.getuid()}"
    made.mkdir(parents=True, exist_ok=True)
    return made


def write(result: Result) -> None:
    """Keep one result and draw the page anew. Several processes may do so at once: each keeps files of its own."""
    place = folder()
    _put(place / f"{result.name}.json", json.dumps(asdict(result)))
    results = [Result(**json.loads(path.read_text(encoding="utf-8"))) for path in sorted(place.glob("*.json"))]
    _put(place / "faults.md", page(results))


def page(results: list[Result]) -> str:
    bad = sum(bool(each.violations) for each in results)
    lines = [
        "# Faults",
        "",
        f"{len(results)} trials, {sum(len(each.violations) for each in results)} violations in {bad} of them.",
        "",
        "| trial | seed | s | faults | counts | backlog | violations |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in sorted(results, key=lambda result: result.name):
        counts = ", ".join(f"{name} {_figure(value)}" for name, value in each.counts.items() if name != "violations")
        paced = f"{each.seconds:.0f}{' (full)' if each.full else ''}"
        curve = f"{sparkline(each.lag)} ≤ {max(each.lag, default=0):,}"
        verdict = "; ".join(story.splitlines()[0] for story in each.violations) or "none"
        what = "; ".join(each.faults)
        lines.append(f"| {each.name} | {each.seed} | {paced} | {what} | {counts} | {curve} | {verdict} |")
    return "\n".join(lines) + "\n"


def sparkline(curve: list[int]) -> str:
    """A curve as a line of bars, at most sixty; each the highest of what it stands for."""
    if not curve:
        return ""
    step = -(-len(curve) // _WIDTH)
    tops = [max(curve[i : i + step]) for i in range(0, len(curve), step)]
    highest = max(*tops, 1)
    return "".join(_BARS[round(top / highest * (len(_BARS) - 1))] for top in tops)


def _figure(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,.10g}"


def _put(path: Path, text: str) -> None:
    fresh = path.with_suffix(f".{os.getpid()}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
