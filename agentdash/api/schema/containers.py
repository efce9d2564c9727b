"""Containers and devcontainers of an agent's machine (contract: agents.md §5)."""

from __future__ import annotations

from pydantic import Field

from agentdash.api.schema.base import Bool, Id, Int, Items, Maybe, NullableId, Str, Strings, Timestamp, Wire


class ContainerPort(Wire):
    """`port` inside; `host_port` 0 and `host_ip` "" when not published."""

    port: Int = 0
    network: Str = ""
    host_ip: Str = ""
    host_port: Int = 0


class Container(Wire):
    created_at: Timestamp = None
    id: Id = ""
    name: Str = ""
    image: Str = ""
    labels: Strings = Field(default_factory=dict)
    running: Bool = False
    ports: Items[ContainerPort] = ()
    status: Str = ""
    volumes: Strings = Field(default_factory=dict)


class DevcontainerAgent(Wire):
    """The sub-agent; kept while stopped or failed, so it does not mean "running"."""

    id: Id = ""
    name: Str = ""
    directory: Str = ""


class Devcontainer(Wire):
    """The stable key is `workspace_folder`; `id` may be new after an agent restart.

    (contract: agents.md §5.2).
    """

    id: Id = ""
    name: Str = ""
    workspace_folder: Str = ""
    config_path: Str = ""
    subagent_id: NullableId = None
    status: Str = ""
    dirty: Bool = False
    container: Maybe[Container] = None
    agent: Maybe[DevcontainerAgent] = None
    error: Str = ""


class ContainersResponse(Wire):
    """Answer of the GET and each message of the watch. Servers of v2.20 know `containers` only."""

    devcontainers: Items[Devcontainer] = ()
    containers: Items[Container] = ()
    warnings: Items[str] = ()
