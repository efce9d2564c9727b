"""All settings. The text under each field is its documentation, read from here by `config.reference`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from agentdash.config.checking import limited
from agentdash.config.secret import Secret

Keys = tuple[str, ...]
Confirm = Literal["normal", "strict"]
FleetSource = Literal["auto", "tailnet", "watch"]


@dataclass(frozen=True)
class Tls:
    """Certificates for the connection to the deployment."""

    ca_file: Path | None = None
    """PEM file of certificate authorities. It replaces the ones of the system."""
    cert_file: Path | None = None
    """PEM file of the client certificate; needs `key_file`."""
    key_file: Path | None = None
    """PEM file of the client certificate's key; needs `cert_file`."""


@dataclass(frozen=True)
class Intervals:
    """How often something is asked for that the server does not tell by itself, in seconds."""

    trouble_s: float = limited(10, ge=2)
    """Between two questions for unwell or moving workspaces."""
    refresh_s: float = limited(60, ge=10)
    """Between two reads of an open agent's workspace, whatever its streams say."""
    ports_s: float = limited(5, ge=1)
    """Between two reads of the listening ports of the agent on screen."""
    pools_s: float = limited(30, ge=5)
    """Between two reads of presets and prebuilds."""
    server_s: float = limited(300, ge=30)
    """Between two reads of what rarely changes: version, licence, deployment health."""


@dataclass(frozen=True)
class Sweep:
    """Pace of the slow read of the whole fleet."""

    bytes_per_s: int = limited(200_000, ge=10_000)
    """Bytes a second at most, on average."""
    pages_per_minute: int = limited(60, ge=1, le=240)
    """Pages of 100 workspaces a minute at most."""


@dataclass(frozen=True)
class Logs:
    """How much of the logs is kept in memory."""

    lines_per_agent: int = limited(50_000, ge=1_000)
    """Lines kept for one agent; the oldest go first."""
    total_mib: int = limited(256, ge=16)
    """Mebibytes kept for all agents together."""
    line_length: int = limited(4_096, ge=80)
    """Characters of a line that are shown."""


@dataclass(frozen=True)
class Terminal:
    """The terminal pane."""

    scrollback: int = limited(10_000, ge=0, le=1_000_000)
    """Lines kept above the screen, for each shell."""
    allow_clipboard: bool = False
    """Whether a program in a workspace may write to your clipboard (OSC 52)."""
    confirm_paste: bool = True
    """Whether pasting several lines asks first when the program did not ask for bracketed paste."""
    backend: Literal["", "screen", "buffered"] = ""
    """What keeps the session in the workspace; empty is `buffered`, which follows every size and replays its output."""


@dataclass(frozen=True)
class Deployment:
    """What differs for one deployment, by host (`[deployments."coder.example.com"]`)."""

    theme: str | None = None
    """Theme there: production can look like production."""
    confirm: Confirm | None = None
    """How strongly dangerous actions ask there."""
    read_only: bool | None = None
    """Whether every action that changes something is off there."""


@dataclass(frozen=True)
class Settings:
    """What agentdash was told, by flags, environment, file and `coder login`, merged and checked."""

    url: str | None = None
    """Address of the deployment: scheme, host and port. Without one, agentdash shows this machine."""
    token: Secret | None = None
    """Session token of the deployment. Never in the file: use `coder login`, CODER_SESSION_TOKEN or `token_file`."""
    headers: dict[str, Secret] = field(default_factory=dict)
    """Headers added to every request, for a proxy in front of the deployment."""
    header_command: str | None = field(default=None, repr=False)
    """Shell command that prints such headers, one `Name=value` a line; run once at start."""
    tls: Tls = Tls()
    """Certificates."""
    organization: str | None = None
    """Organization to show, by name or id; all of them without it."""
    read_only: bool = False
    """Whether every action that changes something is off."""
    theme: str = "agentdash"
    """Name of the theme."""
    ascii: bool = False
    """Whether only ASCII characters are used for signs, borders and bars."""
    keymap: dict[str, Keys] = field(default_factory=dict)
    """Keys by action id: `restart = "R, ctrl+x"`; an empty string unbinds the action."""
    leave_key: str = field(default="ctrl+]", metadata={"ge": 1})
    """The one key that leaves the terminal pane instead of going to the shell."""
    confirm: Confirm = "normal"
    """How strongly dangerous actions ask: `strict` wants the name typed even for one target."""
    watch_cap: int = limited(100, ge=0, le=1_000)
    """Workspaces watched at once by a connection each; the rest is asked for in turn."""
    fleet_source: FleetSource = "auto"
    """What tells that a workspace changed: `watch` is a connection for each one on screen; `tailnet` is a single one for
    all, where the server has it (2.18), and watches only of what moves, is marked or is open; `auto` is `watch`, and the
    single one besides for somebody who sees no workspaces but their own."""
    requests_per_minute: int = limited(256, ge=10)
    """Requests a minute for each path. The server allows 512 for all programs of a user together."""
    intervals: Intervals = Intervals()
    """How often things are asked for."""
    sweep: Sweep = Sweep()
    """Pace of the slow read of the whole fleet."""
    logs: Logs = Logs()
    """How much of the logs is kept."""
    terminal: Terminal = Terminal()
    """The terminal pane."""
    triage: dict[str, float] = field(default_factory=dict)
    """Thresholds of triage rules, by name."""
    deployments: dict[str, Deployment] = field(default_factory=dict)
    """What differs for one deployment, by host."""
