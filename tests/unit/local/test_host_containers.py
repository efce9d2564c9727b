"""Containers and devcontainers of this machine, with stand-ins for the two commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentdash.local.host_containers import Engine
from agentdash.local.host_devcontainers import Devcontainers
from agentdash.local.records import Containers

INSPECTED = {
    "Id": "22eee34a",
    "Created": "2026-11-23T12:09:37.271573408Z",
    "Name": "/busy_curie",
    "State": {"Status": "running", "Running": True},
    "Config": {"Image": "base:1", "Labels": {"devcontainer.local_folder": "FOLDER"}},
    "Mounts": [{"Source": "/home/coder/api", "Destination": "/workspaces/api"}],
    "NetworkSettings": {
        "Ports": {
            "5432/tcp": [{"HostIp": "::", "HostPort": "1"}, {"HostIp": "127.0.0.1", "HostPort": "15432"}],
            "80/tcp": None,
        }
    },
}


def command(path: Path, text: str) -> str:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def docker(tmp_path: Path) -> str:
    row = json.dumps([INSPECTED]).replace("FOLDER", str(tmp_path / "proj"))
    (tmp_path / "rows.json").write_text(row)
    return command(
        tmp_path / "docker",
        f'case "$1" in ps) echo 22eee34a;; inspect) cat {tmp_path}/rows.json;; *) echo "$@" >> {tmp_path}/calls;; esac\n',
    )


async def test_inspect_becomes_records(docker: str) -> None:
    (container,) = (await Engine(docker).scan()).containers
    assert (container.name, container.image, container.running) == ("busy_curie", "base:1", True)
    assert container.created_at.isoformat() == "2026-11-23T12:09:37.271573+00:00"
    assert container.volumes == {"/home/coder/api": "/workspaces/api"}
    published, inner = container.ports
    assert (published.port, published.host_ip, published.host_port) == (5432, "127.0.0.1", 15432)
    assert (inner.port, inner.host_port) == (80, None)
    assert await Engine(docker).find("busy_curie") == "22eee34a"
    with pytest.raises(FileNotFoundError):
        await Engine(docker).find("nope")


async def test_a_daemon_that_does_not_answer_is_told_in_docker_s_words(tmp_path: Path) -> None:
    docker = command(tmp_path / "docker", 'echo "Cannot connect to the Docker daemon" >&2; exit 1\n')
    failure = (await Engine(docker).scan()).failure
    assert failure is not None
    assert failure[:2] == (500, "Could not get containers")
    assert (
        failure[2] == f'run {docker} ps: exit status 1: "Cannot connect to the Docker daemon": exit status 1'
    )


async def test_a_missing_command(tmp_path: Path) -> None:
    failure = (await Engine(str(tmp_path / "none")).scan()).failure
    assert failure is not None
    assert "executable file not found" in failure[2]


class Watched:
    """Devcontainers of a folder with one project, and what was heard of them."""

    def __init__(self, folder: Path, docker: str) -> None:
        self.statuses: list[str] = []
        self.lines: list[tuple[str, str, str]] = []
        self.engine = Engine(docker)
        self.devcontainers = Devcontainers(
            folder,
            self.engine,
            new_id=lambda: "c2a10000-0000-4000-8000-000000000000",
            changed=lambda: self.statuses.extend(item.status for item in self.devcontainers.items),
            on_line=lambda *line: self.lines.append(line),
            environment={"PATH": "/usr/bin:/bin"},
        )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    config = tmp_path / "proj" / ".devcontainer" / "devcontainer.json"
    config.parent.mkdir(parents=True)
    config.write_text("{}")
    return tmp_path


async def test_a_devcontainer_runs_is_recreated_and_deleted(folder: Path, docker: str) -> None:
    command(folder / "bin" / "devcontainer", 'echo progress >&2; echo \'{"outcome":"success"}\'\n')
    watched = Watched(folder, docker)
    (item,) = watched.devcontainers.merge(await watched.engine.scan()).devcontainers
    assert (item.name, item.status, item.workspace_folder) == ("proj", "running", str(folder / "proj"))
    assert item.container is not None
    await watched.devcontainers.recreate(item.id)
    assert watched.statuses == ["starting", "stopped"]
    assert sorted(watched.lines) == [("proj", "error", "progress"), ("proj", "info", '{"outcome":"success"}')]
    watched.devcontainers.merge(await watched.engine.scan())
    await watched.devcontainers.delete(item.id)
    assert (folder / "calls").read_text().splitlines() == ["stop 22eee34a", "rm --force 22eee34a"]
    assert watched.devcontainers.items == []


async def test_a_failed_recreation_is_an_error_of_the_entry(folder: Path, docker: str) -> None:
    command(folder / "bin" / "devcontainer", "echo 'no such image' >&2; exit 1\n")
    watched = Watched(folder, docker)
    (item,) = watched.devcontainers.items
    await watched.devcontainers.recreate(item.id)
    assert (item.status, item.error, item.container) == ("error", "exit status 1", None)


def test_without_the_command_there_are_none(folder: Path, docker: str) -> None:
    watched = Watched(folder, docker)
    assert watched.devcontainers.merge(Containers()).devcontainers == []
