"""Since which version of Coder there is what, for the sentence about a server that lacks it (contract: changes.md §2, §3).

Words only: whether a server has something is told by its answer, never by its version (changes.md §1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from agentdash.api.version import ServerVersion

_AGENT: Final = r"/workspaceagents/[^/]+"
ME: Final = r"/workspaceagents/me"


@dataclass(frozen=True, slots=True)
class Beginning:
    """What an endpoint gives, and the first version that has it.

    Attributes:
        is_sure: False: the version is one give or take.
        is_felt: Whether a person at the dashboard misses it.
    """

    pattern: re.Pattern[str]
    subject: str
    version: tuple[int, int]
    is_sure: bool = True
    is_felt: bool = True


def _begin(
    pattern: str, subject: str, major: int, minor: int, *, is_sure: bool = True, is_felt: bool = True
) -> Beginning:
    return Beginning(re.compile(r"/api/v2" + pattern), subject, (major, minor), is_sure, is_felt)


BEGINNINGS: Final = (
    _begin(rf"{ME}/external-auth", "External logins for agents", 2, 3, is_felt=False),
    _begin(rf"{ME}/log-source", "Log sources of one's own", 2, 13, is_felt=False),
    _begin(rf"{ME}/logs", "Logs with sources", 2, 0, is_felt=False),
    _begin(rf"{ME}/app-status", "Statuses of apps", 2, 22, is_felt=False, is_sure=False),
    _begin(rf"{ME}/reinit", "Claims of prebuilt workspaces", 2, 22, is_felt=False, is_sure=False),
    _begin(rf"{ME}/rpc", "The RPC API of agents", 2, 6, is_felt=False),
    _begin(rf"{_AGENT}/(startup-)?logs", "Logs of agents", 0, 21),
    _begin(rf"{_AGENT}/watch-metadata(-ws)?", "Metadata", 0, 21),
    _begin(rf"{_AGENT}/containers", "Devcontainers and containers", 2, 20),
    _begin(rf"{_AGENT}/containers/watch", "The watch of devcontainers", 2, 25, is_felt=False, is_sure=False),
    _begin(
        rf"{_AGENT}/containers/devcontainers/[^/]+/recreate", "Recreating devcontainers", 2, 24, is_sure=False
    ),
    _begin(rf"{_AGENT}/containers/devcontainers/[^/]+", "Deleting devcontainers", 2, 30, is_sure=False),
    _begin(r"/derp-map", "The watch of relays", 2, 0, is_felt=False),
    _begin(r"/tailnet", "One stream for all workspaces", 2, 18, is_felt=False),
    _begin(
        r"/workspaces/[^/]+/agent-connection-watch",
        "The watch of connections",
        2,
        34,
        is_felt=False,
        is_sure=False,
    ),
    _begin(r"/workspaces/[^/]+/timings", "Timings of starts", 2, 16, is_felt=False),
    _begin(r"/workspacebuilds/[^/]+/timings", "Timings of builds", 2, 17),
    _begin(r"/organizations/[^/]+/provisionerjobs", "The list of provisioner jobs", 2, 19),
    _begin(r"/organizations/[^/]+/provisionerdaemons", "The list of provisioner daemons", 2, 8),
    _begin(r"/templateversions/[^/]+/presets", "Presets", 2, 20),
    _begin(r"/prebuilds/settings", "The switch of all prebuilds", 2, 25, is_sure=False),
    _begin(r"/templates/[^/]+/prebuilds/invalidate", "Replacing prebuilds", 2, 29, is_sure=False),
    _begin(r"/workspaces/[^/]+/port-share", "Shared ports", 2, 9),
    _begin(r"/workspaces/[^/]+/usage", "Reports of use", 2, 10, is_felt=False),
    _begin(r"/workspaces/[^/]+/dormant", "Dormancy", 2, 1, is_felt=False),
    _begin(r"/regions", "The list of regions", 0, 24, is_felt=False),
    _begin(r"/debug/health", "The server's own health", 0, 22),
)


def lacking(path: str, server_version: str) -> str:
    """Why a server may lack an endpoint: `Presets came with Coder 2.20; this server is 2.16.`; "" when not known."""
    found = next((one for one in BEGINNINGS if one.pattern.fullmatch(path)), None)
    return (
        ""
        if found is None
        else came_with(found.subject, found.version, server_version, is_sure=found.is_sure)
    )


def lacked(server_version: str) -> tuple[str, ...]:
    """What a person at the dashboard misses on this server: `Presets (2.20)`, oldest first."""
    server = ServerVersion.parse(server_version)
    if (server.major, server.minor) == (0, 0):
        return ()
    later = [one for one in BEGINNINGS if one.is_felt and not _may_have(server, one)]
    later.sort(key=lambda one: one.version)
    return tuple(f"{one.subject} ({one.version[0]}.{one.version[1]})" for one in later)


def _may_have(server: ServerVersion, one: Beginning) -> bool:
    major, minor = one.version
    return server.is_at_least(major, minor if one.is_sure else minor - 1)


def came_with(subject: str, version: tuple[int, int], server_version: str, *, is_sure: bool = True) -> str:
    """The sentence about something that a server lacks."""
    server = ServerVersion.parse(server_version)
    words = f"{subject} came with Coder {'' if is_sure else 'about '}{version[0]}.{version[1]}"
    if (server.major, server.minor) == (0, 0):
        return f"{words}."
    if server.is_at_least(*version):
        return f"{words}; this server is new enough, and was built or licensed without it."
    return f"{words}; this server is {server.major}.{server.minor}."
