"""Coder's own words: the values of its enumerations that this program knows.

On the wire they are an open set, so fields are plain strings and these are constants to compare with; an
unknown value is shown raw and treated as "other" (contract: README §6).
"""

from __future__ import annotations

from typing import Final

PREBUILDS_USER_ID: Final = "c42fdf75-3097-471c-8c33-fb52454d81c0"
"""Owner of every unclaimed prebuild (contract: fleet.md §7.1)."""
PREBUILDS_USER_NAME: Final = "prebuilds"
EXTERNAL_LOG_SOURCE_ID: Final = "3b579bf4-1ed8-4b99-87a8-e9a1e3410410"
"""Log source of lines whose sender named none (contract: agents.md §2.5)."""


class AgentStatus:
    """contract: agents.md §2.2"""

    CONNECTING: Final = "connecting"
    CONNECTED: Final = "connected"
    DISCONNECTED: Final = "disconnected"
    TIMEOUT: Final = "timeout"
    ALL: Final = frozenset({CONNECTING, CONNECTED, DISCONNECTED, TIMEOUT})


class Lifecycle:
    """contract: agents.md §2.3"""

    CREATED: Final = "created"
    STARTING: Final = "starting"
    READY: Final = "ready"
    START_TIMEOUT: Final = "start_timeout"
    START_ERROR: Final = "start_error"
    SHUTTING_DOWN: Final = "shutting_down"
    SHUTDOWN_TIMEOUT: Final = "shutdown_timeout"
    SHUTDOWN_ERROR: Final = "shutdown_error"
    OFF: Final = "off"
    ALL: Final = frozenset(
        {
            CREATED,
            STARTING,
            READY,
            START_TIMEOUT,
            START_ERROR,
            SHUTTING_DOWN,
            SHUTDOWN_TIMEOUT,
            SHUTDOWN_ERROR,
            OFF,
        }
    )


class ScriptStatus:
    """contract: agents.md §2.5"""

    OK: Final = "ok"
    EXIT_FAILURE: Final = "exit_failure"
    TIMED_OUT: Final = "timed_out"
    PIPES_LEFT_OPEN: Final = "pipes_left_open"


class AppHealth:
    """contract: agents.md §2.6"""

    DISABLED: Final = "disabled"
    INITIALIZING: Final = "initializing"
    HEALTHY: Final = "healthy"
    UNHEALTHY: Final = "unhealthy"


class AppState:
    """State in an AI agent's status report (contract: agents.md §2.6)."""

    WORKING: Final = "working"
    IDLE: Final = "idle"
    COMPLETE: Final = "complete"
    FAILURE: Final = "failure"


class ShareLevel:
    """contract: agents.md §2.6, §9"""

    OWNER: Final = "owner"
    AUTHENTICATED: Final = "authenticated"
    ORGANIZATION: Final = "organization"
    PUBLIC: Final = "public"


class DisplayApp:
    """Built-in buttons a template may hide (contract: agents.md §2.1)."""

    VSCODE: Final = "vscode"
    VSCODE_INSIDERS: Final = "vscode_insiders"
    WEB_TERMINAL: Final = "web_terminal"
    PORT_FORWARDING_HELPER: Final = "port_forwarding_helper"
    SSH_HELPER: Final = "ssh_helper"


class LogLevel:
    """contract: agents.md §3.2"""

    TRACE: Final = "trace"
    DEBUG: Final = "debug"
    INFO: Final = "info"
    WARN: Final = "warn"
    ERROR: Final = "error"


class DevcontainerStatus:
    """contract: agents.md §5.2"""

    RUNNING: Final = "running"
    STOPPED: Final = "stopped"
    STARTING: Final = "starting"
    STOPPING: Final = "stopping"
    DELETING: Final = "deleting"
    ERROR: Final = "error"
    TRANSITIONING: Final = frozenset({STARTING, STOPPING, DELETING})


class Transition:
    """contract: fleet.md §2.1"""

    START: Final = "start"
    STOP: Final = "stop"
    DELETE: Final = "delete"


class BuildStatus:
    """contract: fleet.md §2.2"""

    PENDING: Final = "pending"
    STARTING: Final = "starting"
    RUNNING: Final = "running"
    STOPPING: Final = "stopping"
    STOPPED: Final = "stopped"
    FAILED: Final = "failed"
    CANCELING: Final = "canceling"
    CANCELED: Final = "canceled"
    DELETING: Final = "deleting"
    DELETED: Final = "deleted"
    ACTIVE: Final = frozenset({PENDING, STARTING, STOPPING, CANCELING, DELETING})


class JobStatus:
    """contract: fleet.md §2.3"""

    PENDING: Final = "pending"
    RUNNING: Final = "running"
    SUCCEEDED: Final = "succeeded"
    CANCELING: Final = "canceling"
    CANCELED: Final = "canceled"
    FAILED: Final = "failed"
    UNKNOWN: Final = "unknown"
    ACTIVE: Final = frozenset({PENDING, RUNNING, CANCELING})


class DaemonStatus:
    """contract: fleet.md §6.2"""

    OFFLINE: Final = "offline"
    IDLE: Final = "idle"
    BUSY: Final = "busy"


class Severity:
    """Of the health report's sections (contract: fleet.md §8)."""

    OK: Final = "ok"
    WARNING: Final = "warning"
    ERROR: Final = "error"


class Feature:
    """Licensed features this program looks at (contract: fleet.md §9)."""

    WORKSPACE_PREBUILDS: Final = "workspace_prebuilds"
    CONTROL_SHARED_PORTS: Final = "control_shared_ports"
    MULTIPLE_ORGANIZATIONS: Final = "multiple_organizations"
    BROWSER_ONLY: Final = "browser_only"
