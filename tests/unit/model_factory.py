"""Model values for tests: a healthy workspace, of which a test changes what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from agentdash.state.model import Agent, App, Build, Job, LogLine, LogSource, Script, Workspace, agent_key

NOW = datetime(2026, 8, 21, 12, 0, 0, tzinfo=UTC)
"""The server's time in these tests."""


def before(seconds: float) -> datetime:
    """So many seconds before `NOW`."""
    return NOW - timedelta(seconds=seconds)


def make_script(name: str = "install-deps", **fields: Any) -> Script:
    values: dict[str, Any] = {
        "id": f"id-{name}",
        "source_id": f"src-{name}",
        "run_on_start": True,
        "status": "ok",
        "exit_code": 0,
    }
    return Script(name=name, **(values | fields))


def make_app(slug: str = "web", **fields: Any) -> App:
    values: dict[str, Any] = {"id": f"id-{slug}", "name": slug, "sharing_level": "owner"}
    return App(slug=slug, **(values | fields))


def make_agent(name: str = "main", workspace_id: str = "w1", **fields: Any) -> Agent:
    values: dict[str, Any] = {
        "id": f"{workspace_id}-{name}",
        "status": "connected",
        "lifecycle": "ready",
        "created_at": before(3600),
        "first_connected_at": before(3590),
        "last_connected_at": before(5),
        "started_at": before(3589),
        "ready_at": before(3500),
        "healthy": True,
        "connection_timeout_s": 120,
        "operating_system": "linux",
        "architecture": "amd64",
        "version": "v2.37.1+abc",
        "log_sources": (LogSource("src-install-deps", "install-deps"),),
    }
    values |= fields
    key = agent_key(workspace_id, name, values.get("parent_name"))
    return Agent(key=key, workspace_id=workspace_id, name=name, **values)


def make_job(status: str = "succeeded", **fields: Any) -> Job:
    values: dict[str, Any] = {
        "id": "j1",
        "created_at": before(3700),
        "started_at": before(3695),
        "completed_at": before(3600),
    }
    return Job(status=status, **(values | fields))


def make_build(status: str = "running", transition: str = "start", **fields: Any) -> Build:
    values: dict[str, Any] = {
        "id": "b1",
        "workspace_id": "w1",
        "number": 3,
        "job": make_job(),
        "created_at": before(3700),
        "template_version_name": "v31",
    }
    return Build(status=status, transition=transition, **(values | fields))


def make_workspace(*agents: Agent, **fields: Any) -> Workspace:
    values: dict[str, Any] = {
        "id": "w1",
        "name": "go-7f3a",
        "owner_id": "u1",
        "owner_name": "ada",
        "template_name": "web",
        "build": make_build(),
        "organization_name": "acme",
    }
    return Workspace(agents=agents, **(values | fields))


def make_line(number: int, text: str = "a line", **fields: Any) -> LogLine:
    values: dict[str, Any] = {
        "at": before(60 - number % 60),
        "source_id": "src-install-deps",
        "level": "info",
    }
    return LogLine(id=number, text=text, **(values | fields))
