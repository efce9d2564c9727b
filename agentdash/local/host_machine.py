"""What this machine says about itself: metadata values, listening ports, architecture (contract: agents.md §4, §6)."""

from __future__ import annotations

import asyncio
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil

from agentdash.local.records import MetadataItem, Port

PORTS_CACHE_S = 1.0
_GIB = 1 << 30
_ARCHITECTURES = {
    "x86_64": "amd64",
    "amd64": "amd64",
    "aarch64": "arm64",
    "arm64": "arm64",
    "armv7l": "armv7",
}


@dataclass(frozen=True, slots=True)
class Gauge:
    """One metadata block of this machine; `read` may block."""

    key: str
    display_name: str
    interval_s: int
    script: str
    read: Callable[[], str]

    def item(self) -> MetadataItem:
        """Its record, without a value yet."""
        return MetadataItem(self.key, self.display_name, self.script, self.interval_s, timeout_s=1)


def gauges(directory: str) -> Sequence[Gauge]:
    """CPU, memory, disk, load and the system's name; the last one is read once."""
    return (
        Gauge("0_cpu", "CPU Usage", 3, "coder stat cpu", read_cpu),
        Gauge("1_mem", "Memory Usage", 5, "coder stat mem", read_memory),
        Gauge(
            "2_disk", "Disk Usage", 60, f"coder stat disk --path {directory}", lambda: read_disk(directory)
        ),
        Gauge("3_load", "Load Average", 5, "cut -d ' ' -f 1-3 /proc/loadavg", read_load),
        Gauge("4_system", "System", 0, "uname -sr", lambda: f"{platform.system()} {platform.release()}"),
    )


def read_cpu() -> str:
    """`0.27/2 cores (14%)` since the last call."""
    share = psutil.cpu_percent(interval=None) / 100
    cores = psutil.cpu_count() or 1
    return f"{share * cores:.3g}/{cores} cores ({share:.0%})"


def read_memory() -> str:
    """`0.62/23.5 GiB (3%)`."""
    memory = psutil.virtual_memory()
    return _share(memory.total - memory.available, memory.total)


def read_disk(directory: str) -> str:
    """`12.3/98.2 GiB (13%)` of the file system that holds the directory."""
    usage = psutil.disk_usage(directory)
    return _share(usage.used, usage.total)


def read_load() -> str:
    """The three load averages."""
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def _share(used: float, total: float) -> str:
    return f"{used / _GIB:.3g}/{total / _GIB:.3g} GiB ({used / max(1.0, total):.0%})"


def architecture() -> str:
    """The machine's architecture in Coder's words."""
    machine = platform.machine().lower()
    return _ARCHITECTURES.get(machine, machine)


class PortScanner:
    """Listening TCP ports of this machine, without those of this process; a scan is good for 1 s."""

    def __init__(self, scan: Callable[[], Sequence[Port]] | None = None) -> None:
        self._scan = scan or scan_ports
        self._ports: Sequence[Port] = ()
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def __call__(self) -> Sequence[Port]:
        """The ports as of at most 1 s ago."""
        async with self._lock:
            if time.monotonic() >= self._until:
                self._ports = await asyncio.to_thread(self._scan)
                self._until = time.monotonic() + PORTS_CACHE_S
        return self._ports


def scan_ports() -> list[Port]:
    """All listening TCP ports; process names only where this user may see them. Blocking."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        # Some systems tell only the caller's own sockets, and those only process by process.
        connections = []
    found: dict[int, Port] = {}
    for connection in connections:
        address = connection.laddr
        if not address or connection.status != psutil.CONN_LISTEN or connection.pid == os.getpid():
            continue
        number = address.port
        known = found.get(number)
        if known is None or not known.process_name:
            found[number] = Port(number, _process_name(connection.pid))
    return list(found.values())


def _process_name(pid: int | None) -> str:
    if pid is None:
        return ""
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return ""
