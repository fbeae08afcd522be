"""The sensors a simulated server has, and how finely each one reads. Plain."""

from __future__ import annotations

import numpy as np

# Name and decimals. Real agents do not send sixteen digits either, and history is cheaper without them.
SENSORS: tuple[tuple[str, int], ...] = (
    ("cpu_util", 1),
    ("cpu_iowait", 2),
    ("load_1", 2),
    ("mem_used_pct", 2),
    ("swap_used_pct", 1),
    ("disk_used_pct./", 2),
    ("disk_used_pct./var", 3),
    ("disk_free_gb./var", 3),
    ("disk_read_mb_s", 2),
    ("disk_write_mb_s", 2),
    ("disk_busy_pct", 1),
    ("net_rx_mb_s", 2),
    ("net_tx_mb_s", 2),
    ("net_drops_s", 1),
    ("net_errors_s", 1),
    ("tcp_retrans_s", 1),
    ("tcp_established", 0),
    ("temp_c.cpu", 1),
    ("temp_c.board", 1),
    ("fan_rpm.1", 0),
    ("fan_rpm.2", 0),
    ("power_w", 0),
    ("psu_ok.1", 0),
    ("psu_ok.2", 0),
    ("smart_reallocated.sda", 0),
    ("smart_pending.sda", 0),
    ("procs", 0),
    ("uptime_s", 0),
    ("requests_s", 1),
    ("latency_ms", 2),
    ("ecc_errors", 0),
    ("fs_readonly./var", 0),
)
NAMES: tuple[str, ...] = tuple(name for name, _ in SENSORS)
INDEX: dict[str, int] = {name: place for place, name in enumerate(NAMES)}
DECIMALS = np.array([10.0**digits for _, digits in SENSORS])
