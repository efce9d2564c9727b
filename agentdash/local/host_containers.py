"""Containers of this machine, by a docker- or podman-compatible command (contract: agents.md §5.1, §5.3)."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from agentdash.local.records import Container, ContainerPort, Containers

SCAN_S = 10.0
COMMAND_TIMEOUT_S = 20.0
_COMMANDS = ("docker", "podman")
ZERO_TIME = datetime(1, 1, 1, tzinfo=UTC)
_FAILED = "Could not get containers"


class CommandError(Exception):
    """A command ended with an error; the text is what the real agent would tell of it."""


async def run_command(*argv: str, timeout_s: float = COMMAND_TIMEOUT_S) -> str:
    """Standard output of a command.

    Raises:
        CommandError: It is missing, took too long, or failed.
    """
    what = " ".join(argv[:2])
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError:
        raise CommandError(f'run {what}: exec: "{argv[0]}": executable file not found in $PATH') from None
    try:
        out, err = await asyncio.wait_for(process.communicate(), timeout_s)
    except TimeoutError:
        raise CommandError(f"run {what}: context deadline exceeded") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        status = f"exit status {process.returncode}"
        text = json.dumps(err.decode(errors="replace").strip(), ensure_ascii=False)
        raise CommandError(f"run {what}: {status}: {text}: {status}")
    return out.decode(errors="replace")


class Engine:
    """One container command of this machine."""

    def __init__(self, command: str | None = None) -> None:
        self.command = command or next((name for name in _COMMANDS if shutil.which(name)), _COMMANDS[0])

    async def scan(self) -> Containers:
        """All containers, stopped ones included; a `failure` when the command does not answer."""
        try:
            listed = await run_command(self.command, "ps", "--all", "--quiet", "--no-trunc")
            ids = listed.split()
            text = await run_command(self.command, "inspect", *ids) if ids else "[]"
            rows = json.loads(text)
        except CommandError as error:
            return Containers(failure=(500, _FAILED, str(error)))
        except ValueError as error:
            return Containers(failure=(500, _FAILED, f"read {self.command} inspect: {error}"))
        containers = [_container(row) for row in rows if isinstance(row, dict)]
        return Containers(containers=containers)

    async def find(self, name: str) -> str:
        """Id of a running container by name or id.

        Raises:
            FileNotFoundError: There is none, or the command does not answer.
        """
        for container in (await self.scan()).containers:
            if container.running and name in {container.id, container.name}:
                return container.id
        raise FileNotFoundError(name)


def _container(row: Mapping[str, Any]) -> Container:
    config = _mapping(row.get("Config"))
    state = _mapping(row.get("State"))
    mounts = row.get("Mounts") or ()
    return Container(
        id=str(row.get("Id", "")),
        name=str(row.get("Name", "")).removeprefix("/"),
        image=str(config.get("Image", row.get("ImageName", ""))),
        created_at=_time(str(row.get("Created", ""))),
        labels={str(key): str(value) for key, value in _mapping(config.get("Labels")).items()},
        running=bool(state.get("Running")),
        ports=_ports(_mapping(_mapping(row.get("NetworkSettings")).get("Ports"))),
        status=str(state.get("Status", "")),
        volumes={
            str(mount.get("Source", "")): str(mount.get("Destination", ""))
            for mount in mounts
            if isinstance(mount, dict)
        },
    )


def _ports(table: Mapping[str, Any]) -> list[ContainerPort]:
    """`{"5432/tcp": [{"HostIp": …, "HostPort": …}] | null}`; one row per port, the IPv4 binding if it has one."""
    ports: list[ContainerPort] = []
    for name, bindings in table.items():
        number, _, network = name.partition("/")
        if not number.isdigit():
            continue
        port = ContainerPort(int(number), network or "tcp")
        rows: Sequence[Mapping[str, Any]] = bindings or ()
        for row in sorted(rows, key=lambda item: ":" in str(item.get("HostIp", ""))):
            if str(row.get("HostPort", "")).isdigit():
                port = ContainerPort(
                    port.port, port.network, str(row.get("HostIp", "")), int(row["HostPort"])
                )
                break
        ports.append(port)
    return ports


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _time(text: str) -> datetime:
    """Docker writes nine digits of the second, Python reads six."""
    head, dot, rest = text.partition(".")
    if dot:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        text = f"{head}.{digits[:6]}{rest[len(digits) :]}"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return ZERO_TIME
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
