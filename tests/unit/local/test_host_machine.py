"""What this machine says about itself."""

from __future__ import annotations

import re
import socket
import subprocess
import sys

from agentdash.local.host_machine import PortScanner, gauges, scan_ports
from agentdash.local.records import Port


def test_every_gauge_reads_something_short() -> None:
    values = {gauge.key: gauge.read() for gauge in gauges("/")}
    assert re.fullmatch(r"[\d.e+]+/\d+ cores \(\d+%\)", values["0_cpu"])
    assert re.fullmatch(r"[\d.e+]+/[\d.e+]+ GiB \(\d+%\)", values["1_mem"])
    assert all(len(value) < 100 for value in values.values())


def test_own_listeners_are_left_out_and_foreign_ones_are_named() -> None:
    code = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    with (
        socket.create_server(("127.0.0.1", 0)) as own,
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other,
    ):
        assert other.stdout is not None
        assert other.stdin is not None
        port = int(other.stdout.readline())
        own_port = own.getsockname()[1]
        found = {entry.port: entry.process_name for entry in scan_ports()}
        other.stdin.close()
    assert own_port not in found
    assert "python" in found[port]


async def test_a_scan_is_good_for_a_second() -> None:
    calls: list[int] = []

    def scan() -> list[Port]:
        calls.append(1)
        return [Port(3000)]

    scanner = PortScanner(scan)
    assert await scanner() == await scanner() == [Port(3000)]
    assert len(calls) == 1
