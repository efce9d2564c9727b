"""What servers of other times have: one table of endpoints, one of fields (contract: changes.md §2–§4).

A revision is a server's version; a thing is there from the version that brought it to the one that took it away.
Versions that are known by date only are those of the release calendar, give or take one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agentdash.local.records import SERVER_VERSION

Version = tuple[int, int, int]
NOW: Final[Version] = (2, 37, 0)
_EVER: Final[Version] = (0, 0, 0)
_NEVER: Final[Version] = (99, 0, 0)
_BETWEEN: Final[Version] = (2, 24, 5)
"""The recorded state of 2025-07: after 2.24, and with some things of 2.25 already."""
_AGENT: Final = r"/workspaceagents/(?!me/)[^/]+"
_ME: Final = r"/workspaceagents/me"


@dataclass(frozen=True, slots=True)
class Span:
    """From a version on, up to, and without, another."""

    since: Version = _EVER
    until: Version = _NEVER

    def holds(self, version: Version) -> bool:
        """Whether a server of this version has it."""
        return self.since <= version < self.until


@dataclass(frozen=True, slots=True)
class Revision:
    """A server of some time. `rpc_version` is that of its RPC API, (0, 0) before there was one."""

    name: str
    version: Version
    build_version: str
    rpc_version: tuple[int, int] = (0, 0)

    def has_route(self, method: str, path: str) -> bool:
        """Whether an endpoint is served; those the table does not name always are."""
        below = path.removeprefix("/api/v2")
        return all(
            span.holds(self.version)
            for ways, pattern, span in ROUTES
            if method in ways and pattern.fullmatch(below)
        )

    def reshaped(self, value: object) -> object:
        """A JSON value as a server of this time writes it: fields of later times gone, earlier ones back."""
        if self.version >= NOW:
            return value
        if isinstance(value, list):
            return [self.reshaped(item) for item in value]
        if not isinstance(value, dict):
            return value
        kept = {key: self.reshaped(item) for key, item in value.items()}
        kind = _kind_of(value)
        if kind == "agent":
            _add_old_fields(kept, self.version)
        spans = FIELDS.get(kind, {})
        return {key: item for key, item in kept.items() if key not in spans or spans[key].holds(self.version)}


REVISIONS: Final = {
    revision.name: revision
    for revision in (
        Revision("2023-03", (0, 21, 3), "v0.21.3+c8b1a36"),
        Revision("2023-06", (0, 25, 0), "v0.25.0+27f9e34"),
        Revision("2024-09", (2, 16, 0), "v2.16.0+ae522c5", (2, 2)),
        Revision("2025-07", _BETWEEN, "v2.24.2+a9c1e0f", (2, 6)),
        Revision("2026-08", NOW, SERVER_VERSION, (2, 11)),
    )
}
LATEST: Final = REVISIONS["2026-08"]


def _route(
    methods: str, pattern: str, since: Version = _EVER, until: Version = _NEVER
) -> tuple[frozenset[str], re.Pattern[str], Span]:
    return frozenset(methods.split()), re.compile(pattern), Span(since, until)


_V13: Final[Version] = (2, 13, 0)
ROUTES: Final = (
    # The agent's side (contract: agent-side.md §1).
    _route("GET", rf"{_ME}/external-auth", (2, 3, 0)),
    _route("GET", rf"{_ME}/gitauth", (0, 11, 0)),
    _route("GET", rf"{_ME}/metadata", until=_V13),
    _route("GET", rf"{_ME}/manifest", (0, 21, 3), _V13),
    _route("POST", rf"{_ME}/app-health", until=_V13),
    _route("GET", rf"{_ME}/coordinate", until=_V13),
    _route("POST", rf"{_ME}/report-stats", until=_V13),
    _route("POST", rf"{_ME}/(startup|report-lifecycle|metadata|metadata/[^/]+)", until=_V13),
    _route("PATCH", rf"{_ME}/startup-logs", (0, 21, 0), _V13),
    _route("POST", rf"{_ME}/log-source", _V13),
    _route("PATCH", rf"{_ME}/logs", (2, 0, 0)),
    _route("PATCH", rf"{_ME}/app-status", (2, 22, 0)),
    _route("GET", rf"{_ME}/reinit", (2, 22, 0)),
    _route("GET", rf"{_ME}/rpc", (2, 6, 0)),
    # Agents (contract: changes.md §2).
    _route("GET", rf"{_AGENT}/startup-logs", (0, 21, 0)),
    _route("GET", rf"{_AGENT}/logs", (2, 0, 0)),
    _route("GET", rf"{_AGENT}/containers", (2, 20, 0)),
    _route("GET", rf"{_AGENT}/containers/watch", _BETWEEN),
    _route("POST", rf"{_AGENT}/containers/devcontainers/[^/]+/recreate", (2, 24, 0)),
    _route("DELETE", rf"{_AGENT}/containers/devcontainers/[^/]+", (2, 30, 0)),
    _route("GET", rf"{_AGENT}/watch-metadata", (0, 21, 3)),
    _route("GET", rf"{_AGENT}/watch-metadata-ws", (2, 22, 0)),
    _route("GET", r"/workspaceagents/connection", (0, 25, 0)),
    _route("GET", r"/derp-map", (2, 0, 0)),
    _route("GET", r"/tailnet", (2, 18, 0)),
    # The fleet (contract: changes.md §3).
    _route("GET", r"/workspaces/[^/]+/agent-connection-watch", (2, 34, 0)),
    _route("GET", r"/workspaces/[^/]+/watch-ws", (2, 22, 0)),
    _route("GET", r"/workspaces/[^/]+/timings", (2, 16, 0)),
    _route("GET", r"/workspacebuilds/[^/]+/timings", (2, 17, 0)),
    _route("GET", r"/organizations/[^/]+/provisionerjobs", (2, 19, 0)),
    _route("GET", r"/organizations/[^/]+/provisionerdaemons", (2, 8, 0)),
    _route("GET", r"/templateversions/[^/]+/presets", (2, 20, 0)),
    _route("GET PUT", r"/prebuilds/settings", _BETWEEN),
    _route("POST", r"/templates/[^/]+/prebuilds/invalidate", (2, 29, 0)),
    _route("GET POST DELETE", r"/workspaces/[^/]+/port-share", (2, 9, 0)),
    _route("POST", r"/workspaces/[^/]+/usage", (2, 10, 0)),
    _route("GET", r"/regions", (0, 24, 0)),
    _route("PUT", r"/workspaces/[^/]+/dormant", (2, 1, 4)),
    _route("GET", r"/debug/health", (0, 22, 0)),
)
"""Methods, path below `/api/v2`, span. Paths that stand here in no row are as old as the oldest revision."""

FIELDS: Final[Mapping[str, Mapping[str, Span]]] = {
    "agent": {
        "login_before_ready": Span((0, 16, 0), (2, 2, 0)),
        "startup_script_behavior": Span((0, 24, 0)),
        "startup_script": Span(until=(2, 2, 0)),
        "startup_script_timeout_seconds": Span(until=(2, 2, 0)),
        "shutdown_script": Span((0, 19, 0), (2, 2, 0)),
        "shutdown_script_timeout_seconds": Span((0, 19, 0), (2, 2, 0)),
        "scripts": Span((2, 2, 0)),
        "log_sources": Span((2, 2, 0)),
        "expanded_directory": Span((0, 17, 1)),
        "startup_logs_length": Span((0, 21, 0), (2, 0, 0)),
        "startup_logs_overflowed": Span((0, 21, 0), (2, 0, 0)),
        "logs_length": Span((2, 0, 0)),
        "logs_overflowed": Span((2, 0, 0)),
        "subsystem": Span((0, 23, 5), (2, 0, 2)),
        "subsystems": Span((2, 0, 2)),
        "started_at": Span((0, 25, 0)),
        "ready_at": Span((0, 25, 0)),
        "health": Span((0, 26, 0)),
        "display_apps": Span((2, 1, 5)),
        "api_version": Span((2, 4, 0)),
        "parent_id": Span((2, 22, 0)),
        "metadata": Span((2, 37, 0)),
    },
    "script": {
        "id": Span((2, 16, 0)),
        "display_name": Span((2, 16, 0)),
        "exit_code": Span((2, 33, 0)),
        "status": Span((2, 33, 0)),
    },
    "app": {
        "subdomain_name": Span((2, 2, 0)),
        "hidden": Span((2, 16, 0)),
        "open_in": Span((2, 19, 0)),
        "statuses": Span((2, 22, 0)),
        "group": Span((2, 23, 0)),
        "tooltip": Span((2, 27, 0)),
    },
    "log line": {"level": Span((0, 22, 1)), "source_id": Span((2, 2, 0))},
    "workspace": {
        "health": Span((0, 26, 0)),
        "deleting_at": Span((0, 24, 0)),
        "dormant_at": Span((2, 1, 4)),
        "template_active_version_id": Span((2, 1, 5)),
        "template_require_active_version": Span((2, 4, 0)),
        "automatic_updates": Span((2, 3, 0)),
        "allow_renames": Span((2, 6, 0)),
        "favorite": Span((2, 8, 0)),
        "owner_avatar_url": Span((2, 8, 0)),
        "organization_name": Span((2, 14, 0)),
        "next_start_at": Span((2, 19, 0)),
        "latest_app_status": Span((2, 22, 0)),
        "is_prebuild": Span(_BETWEEN),
        "task_id": Span((2, 28, 0)),
        "shared_with": Span((2, 30, 0)),
    },
    "build": {"matched_provisioners": Span((2, 19, 0)), "template_version_preset_id": Span((2, 22, 0))},
    "job": {
        "queue_position": Span((0, 25, 0)),
        "queue_size": Span((0, 25, 0)),
        "worker_name": Span((2, 23, 0)),
        "logs_overflowed": Span((2, 25, 0)),
        "initiator_id": Span((2, 28, 0)),
    },
    "connection": {"hostname_suffix": Span((2, 20, 0))},
    "timings": {"agent_script_timings": Span((2, 17, 0)), "agent_connection_timings": Span((2, 18, 0))},
}
"""Fields that were not always there, by kind of object."""

_MARKS: Final = (
    ("agent", ("resource_id", "architecture")),
    ("workspace", ("latest_build", "owner_id")),
    ("build", ("build_number", "transition")),
    ("job", ("file_id", "tags")),
    ("script", ("log_source_id", "run_on_start")),
    ("app", ("slug", "sharing_level")),
    ("log line", ("output", "source_id")),
    ("timings", ("provisioner_timings",)),
    ("connection", ("derp_map", "disable_direct_connections")),
)


def _kind_of(value: Mapping[str, object]) -> str:
    return next((kind for kind, keys in _MARKS if all(key in value for key in keys)), "")


def _add_old_fields(agent: dict[str, object], version: Version) -> None:
    """Fields that later servers replaced, made from those that replaced them; the spans say which stay."""
    scripts = agent.get("scripts")
    rows = [row for row in scripts if isinstance(row, dict)] if isinstance(scripts, list) else []
    for name in ("start", "stop"):
        row = next((row for row in rows if row.get(f"run_on_{name}")), {})
        word = "startup" if name == "start" else "shutdown"
        timeout = row.get("timeout")
        agent[f"{word}_script"] = row.get("script", "")
        agent[f"{word}_script_timeout_seconds"] = timeout // 10**9 if isinstance(timeout, int) else 0
    agent["login_before_ready"] = agent.get("startup_script_behavior") != "blocking"
    agent["startup_logs_length"] = agent.get("logs_length", 0)
    agent["startup_logs_overflowed"] = agent.get("logs_overflowed", False)
    subsystems = agent.get("subsystems")
    agent["subsystem"] = subsystems[0] if isinstance(subsystems, list) and subsystems else ""
    if version < (0, 19, 0) and str(agent.get("lifecycle_state", "")).startswith(("shut", "off")):
        agent["lifecycle_state"] = "ready"
