"""All settings. The text under each field is its documentation, read from here by `config.reference`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from agentdash.config.secret import Secret


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


def _keys(value: object) -> object:
    """Take `"a, b"` for `["a", "b"]`; an empty string unbinds. A comma as a key is written `comma`."""
    if isinstance(value, str):
        return tuple(key for part in value.split(",") if (key := part.strip()))
    return value


Keys = Annotated[tuple[str, ...], BeforeValidator(_keys)]
Confirm = Literal["normal", "strict"]


class Tls(_Table):
    """Certificates for the connection to the deployment."""

    ca_file: Path | None = None
    """PEM file of certificate authorities. It replaces the ones of the system."""
    cert_file: Path | None = None
    """PEM file of the client certificate; needs `key_file`."""
    key_file: Path | None = None
    """PEM file of the client certificate's key; needs `cert_file`."""


class Intervals(_Table):
    """How often something is asked for that the server does not tell by itself, in seconds."""

    trouble_s: float = Field(10, ge=2)
    """Between two questions for unwell or moving workspaces."""
    refresh_s: float = Field(60, ge=10)
    """Between two reads of an open agent's workspace, whatever its streams say."""
    ports_s: float = Field(5, ge=1)
    """Between two reads of the listening ports of the agent on screen."""
    pools_s: float = Field(30, ge=5)
    """Between two reads of presets and prebuilds."""
    server_s: float = Field(300, ge=30)
    """Between two reads of what rarely changes: version, licence, deployment health."""


class Sweep(_Table):
    """Pace of the slow read of the whole fleet."""

    bytes_per_s: int = Field(200_000, ge=10_000)
    """Bytes a second at most, on average."""
    pages_per_minute: int = Field(60, ge=1, le=240)
    """Pages of 100 workspaces a minute at most."""


class Logs(_Table):
    """How much of the logs is kept in memory."""

    lines_per_agent: int = Field(50_000, ge=1_000)
    """Lines kept for one agent; the oldest go first."""
    total_mib: int = Field(256, ge=16)
    """Mebibytes kept for all agents together."""
    line_length: int = Field(4_096, ge=80)
    """Characters of a line that are shown."""


class Terminal(_Table):
    """The terminal pane."""

    scrollback: int = Field(10_000, ge=0, le=1_000_000)
    """Lines kept above the screen, for each shell."""
    allow_clipboard: bool = False
    """Whether a program in a workspace may write to your clipboard (OSC 52)."""
    confirm_paste: bool = True
    """Whether pasting several lines asks first when the program did not ask for bracketed paste."""
    backend: Literal["", "screen", "buffered"] = ""
    """What keeps the session in the workspace; empty is `buffered`, which follows every size and replays its output."""


class Deployment(_Table):
    """What differs for one deployment, by host (`[deployments."coder.example.com"]`)."""

    theme: str | None = None
    """Theme there: production can look like production."""
    confirm: Confirm | None = None
    """How strongly dangerous actions ask there."""
    read_only: bool | None = None
    """Whether every action that changes something is off there."""


class Settings(_Table):
    """What agentdash was told, by flags, environment, file and `coder login`, merged and checked."""

    url: str | None = None
    """Address of the deployment: scheme, host and port. Without one, agentdash shows this machine."""
    token: Secret | None = None
    """Session token of the deployment. Never in the file: use `coder login`, CODER_SESSION_TOKEN or `token_file`."""
    headers: dict[str, Secret] = Field(default_factory=dict)
    """Headers added to every request, for a proxy in front of the deployment."""
    header_command: str | None = Field(None, repr=False)
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
    keymap: dict[str, Keys] = Field(default_factory=dict)
    """Keys by action id: `restart = "R, ctrl+x"`; an empty string unbinds the action."""
    leave_key: str = Field("ctrl+]", min_length=1)
    """The one key that leaves the terminal pane instead of going to the shell."""
    confirm: Confirm = "normal"
    """How strongly dangerous actions ask: `strict` wants the name typed even for one target."""
    watch_cap: int = Field(100, ge=0, le=1_000)
    """Workspaces watched at once by a connection each; the rest is asked for in turn."""
    requests_per_minute: int = Field(256, ge=10)
    """Requests a minute for each path. The server allows 512 for all programs of a user together."""
    intervals: Intervals = Intervals()
    """How often things are asked for."""
    sweep: Sweep = Sweep()
    """Pace of the slow read of the whole fleet."""
    logs: Logs = Logs()
    """How much of the logs is kept."""
    terminal: Terminal = Terminal()
    """The terminal pane."""
    triage: dict[str, float] = Field(default_factory=dict)
    """Thresholds of triage rules, by name."""
    deployments: dict[str, Deployment] = Field(default_factory=dict)
    """What differs for one deployment, by host."""
