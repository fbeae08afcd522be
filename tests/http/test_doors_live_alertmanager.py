"""A live Alertmanager of odd configuration: every alert told twice, some cut off, some inhibited, some never ended."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from urllib3 import PoolManager
from urllib3.exceptions import HTTPError

from models.incidents import Incident
from models.session import Sessions
from tests.http.senders import Make, count, incidents, until
from tests.http.senders import live as live
from tests.http.senders import make as make

Tell = Callable[..., bool]


def config(url: str, token: str) -> str:
    """Everything goes to a group of its own; what is in Paris also to one group of which one alert is listed."""

    def to(name: str, **more: Any) -> dict[str, Any]:
        hook = {"url": url, "http_config": {"authorization": {"credentials": token}}, **more}
        return {"name": name, "webhook_configs": [hook]}

    soon = {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"}
    return json.dumps({
        "route": {"receiver": "each", "group_by": ["..."], **soon, "routes": [
            {"receiver": "few", "matchers": ['site="paris"'], "group_by": ["site"], "continue": True, **soon},
            {"receiver": "quiet", "matchers": ['site="lyon"'], **soon},
            {"receiver": "each", "group_by": ["..."], **soon},
        ]},
        "inhibit_rules": [{"source_matchers": ['severity="critical"'], "target_matchers": ['severity="warning"'],
                           "equal": ["instance"]}],
        "receivers": [to("each", send_resolved=True), to("few", send_resolved=True, max_alerts=1),
                      to("quiet", send_resolved=False)],
    })  # fmt: skip


@contextmanager
def alertmanager(folder: Path, port: int) -> Iterator[Tell]:
    http = PoolManager(retries=False, timeout=5)

    def tell(name: str, *, over: bool = False, **labels: str) -> bool:
        said = {
            "labels": {"alertname": name, "instance": "plant-db-1:9100", "severity": "warning", **labels},
            "annotations": {"summary": f"{name} é 漏れ"},
            "startsAt": "2026-01-01T00:00:00Z",
            **({"endsAt": "2026-01-01T00:00:01Z"} if over else {}),
        }
        url = f"http://127.0.0.1:{port}/api/v2/alerts"
        try:
            headers = {"Content-Type": "application/json"}
            return http.request("POST", url, body=json.dumps([said]), headers=headers).status == 200
        except HTTPError:  # it is not up yet
            return False

    command = ["prometheus-alertmanager", f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/data",
               f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield tell
    finally:
        process.terminate()
        process.wait(20)
        http.clear()


@pytest.mark.skipif(shutil.which("prometheus-alertmanager") is None, reason="no prometheus-alertmanager here")
def test_told_twice_cut_off_inhibited_and_never_ended_each_is_one_incident(
    live: str, make: Make, sessions: Sessions, tmp_path: Path, free_port: int
) -> None:
    (tmp_path / "alertmanager.yml").write_text(config(f"{live}/in/alertmanager", make("alertmanager")))

    def is_open(*names: str) -> Callable[[], bool]:
        titles = sorted(f"{name} é 漏れ" for name in names)
        return lambda: sorted(one.title for one in incidents(sessions)) == titles

    with alertmanager(tmp_path, free_port) as tell:
        until(lambda: tell("Pump", site="paris"))
        tell("Fan", site="paris", instance="plant-db-2:9100")
        until(is_open("Pump", "Fan"))
        tell("Down", site="paris", severity="critical")  # the pump is told of no more, and is not well for that
        until(is_open("Pump", "Fan", "Down"))
        tell("Down", over=True, site="paris", severity="critical")
        until(is_open("Pump", "Fan"))
        tell("Pump", over=True, site="paris")
        tell("Fan", over=True, site="paris", instance="plant-db-2:9100")
        until(is_open())
        tell("Door", site="lyon")
        until(is_open("Door"))
        tell("Door", over=True, site="lyon")
        tell("Lift", site="rome")
        until(is_open("Door", "Lift"))  # nobody said that the door is well
    assert count(sessions, Incident) == 5
