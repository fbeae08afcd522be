"""An export as one zip: a CSV for each kind and a manifest. The same rows give the same bytes. Plain."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence

from app.transfer import cells
from app.transfer.kinds import KINDS, Row

MANIFEST = "manifest.json"
FORMAT = 1
LARGEST_CONTENTS = 256 * 1024 * 1024  # unpacked; a zip may promise much more than it weighs
_EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip must carry a time; this one is the same for equal contents
LEFT_OUT = (
    "passwords, sign-in links and sessions",
    "secrets of machines: a machine gets a new one on request (vigie machine rotate)",
    "keys for programs",
    "what is planned for our own people: shifts, schedules, trainings, hours of their own",
    "the sites of the house: a person takes the name of theirs along",
    "what happened: incidents, decisions, telemetry, the audit, signatures; proposals that wait",
    "addresses that are secrets themselves: webhooks, Slack, Teams, PagerDuty",
)


class NotABundle(Exception):
    """A zip we do not take: one sentence, and what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy


def pack(rows: Mapping[str, Sequence[Row]]) -> bytes:
    """Every kind as a file of its own, with a manifest of rows and digests."""
    files = {f"{kind.name}.csv": cells.write(kind.names, rows[kind.name]) for kind in KINDS}
    manifest = {
        "vigie": "export",
        "format": FORMAT,
        "files": [
            {"name": f"{kind.name}.csv", "rows": len(rows[kind.name]), "sha256": _digest(files[f"{kind.name}.csv"])}
            for kind in KINDS
        ],
        "left_out": LEFT_OUT,
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as bundle:
        for name, raw in ((MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode()), *files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # the same bytes on every system
            bundle.writestr(entry, raw)
    return out.getvalue()


def unpack(raw: bytes) -> list[tuple[str, bytes]]:
    """The CSV files of a zip; a manifest, where there is one, must fit them. Raises NotABundle."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as bundle:
            entries = [entry for entry in bundle.infolist() if not entry.is_dir()]
            if sum(entry.file_size for entry in entries) > LARGEST_CONTENTS:
                raise NotABundle("holds more than 256 MiB", "import its files a few at a time")
            held = {entry.filename: bundle.read(entry) for entry in entries}
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, ValueError):
        raise NotABundle("is no zip that can be read", "send it whole and without a password") from None
    files = [(name, content) for name, content in held.items() if name.lower().endswith(".csv")]
    if not files:
        raise NotABundle("holds no CSV file", "put customers.csv, machines.csv and so on into it")
    if MANIFEST in held:
        _check(held[MANIFEST], held)
    return files


def _check(raw: bytes, held: Mapping[str, bytes]) -> None:
    remedy = "fetch the export again; to import files you changed, unzip it and send them without the manifest"
    try:
        manifest = json.loads(raw)
        told = {str(one["name"]): str(one["sha256"]) for one in manifest["files"]}
        form = manifest["format"]
    except (ValueError, KeyError, TypeError):
        raise NotABundle("has a manifest that cannot be read", remedy) from None
    if form != FORMAT:
        said = f"is of format {str(form)[:20]}, and this version reads {FORMAT}"
        raise NotABundle(said, "export it again with this version")
    for name, digest in told.items():
        if name not in held or _digest(held[name]) != digest:
            raise NotABundle(f"does not hold {name[:60]} as it was written", remedy)


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
