"""IsolationForest and a PCA residual on the labelled example data, beside what `vigie replay` opened. No label is used.

Each yardstick learns one machine's history, scores its test part, and alarms above the level that one half-hour in two
days of that history exceeds; the scorer of the example folder counts, as it counts ours.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest

from telemetry.features import DAY_S, Array, block_level

STEP_S: Final = {"smd": 60, "asd": 300, "svc": 300}
A_DAY: Final = 0.5  # half-hours of history above the level
HISTORY_UNTIL: Final = "2026-02-01T00:00:00Z"  # where the example recordings begin to be judged
Scorer = Callable[[Array, Array], tuple[Array, Array]]


def table(kind: str, folder: str) -> int:
    """Print recall, false incidents a day and the rest for the product and both yardsticks."""
    root = Path(folder)
    with tempfile.TemporaryDirectory(prefix="vigie-yardsticks-") as scratch:
        out = Path(scratch)
        found = {"IsolationForest": _alarms(root, kind, forest, out), "PCA residual": _alarms(root, kind, pca, out)}
        found["Vigie"] = _ours(root, kind, out)
        for name, incidents in found.items():
            print(f"{name}, {kind}", flush=True)
            _scripted(root, "evaluate.py", "--kind", kind, "--incidents", str(incidents), "--per-machine")
    return 0


def forest(history: Array, later: Array) -> tuple[Array, Array]:
    """How easily trees tell a row from the rest of history: of history itself, and of what came later."""
    model = IsolationForest(random_state=0).fit(history)
    return -model.score_samples(history), -model.score_samples(later)


def pca(history: Array, later: Array) -> tuple[Array, Array]:
    """What nine tenths of the history's variance do not explain."""
    model = PCA(n_components=0.9, svd_solver="full").fit(history)

    def residual(x: Array) -> Array:
        out: Array = np.square(x - model.inverse_transform(model.transform(x))).mean(axis=1)
        return out

    return residual(history), residual(later)


def _alarms(root: Path, kind: str, scorer: Scorer, out: Path) -> Path:
    path = out / f"{scorer.__name__}.csv"
    step = STEP_S[kind]
    with path.open("w", newline="") as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow(("machine", "start", "end"))
        for source in sorted((root / "data" / kind).glob("*.npz")):
            data = np.load(source)
            history, later = (data[part].astype(float) for part in ("train", "test"))
            middle, spread = history.mean(axis=0), np.maximum(history.std(axis=0), 1e-9)
            past, now = scorer((history - middle) / spread, np.clip((later - middle) / spread, -50, 50))
            level = block_level(past, 1800 // step, int(A_DAY * len(past) * step / DAY_S))
            edges = np.flatnonzero(np.diff(np.concatenate(([0], (now > level).astype(int), [0]))))
            writer.writerows((source.stem, int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True))
    return path


def _ours(root: Path, kind: str, out: Path) -> Path:
    recording, incidents = out / "recording.jsonl.gz", out / "vigie.csv"
    _scripted(root, "to_recording.py", "--kind", kind, "--out", str(recording))
    replay = ["replay", str(recording), "--history-until", HISTORY_UNTIL, "--incidents", str(incidents)]
    subprocess.run([str(Path(sys.executable).with_name("vigie")), *replay], check=True)
    return incidents


def _scripted(root: Path, script: str, *arguments: str) -> None:
    subprocess.run([sys.executable, str(root / "scoring" / script), *arguments], check=True)
