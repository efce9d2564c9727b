"""The small things that requests are made of: secrets, TLS files, answers, what an observer is told.

(contract: README §1, §2.4, §10)
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote, urlsplit

from agentdash import __version__
from agentdash.api import errors
from agentdash.api.schema import Note

Query = Mapping[str, str | int | Sequence[str] | None]

TIMEOUT_S: Final = 20.0
LIVE_TIMEOUT_S: Final = 35.0
"""The server itself waits 30 s for an agent (contract: agents.md §1)."""
PATIENT_TIMEOUT_S: Final = 600.0
"""Deleting a devcontainer blocks until its container is gone, without a limit of the server."""


class Secret(Protocol):
    """A value that shows itself only when asked (`config.settings.Secret`)."""

    def reveal(self) -> str: ...


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """PEM files; `ca_file` replaces the system's roots, certificate and key come both or not at all."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """What one request tells besides its body, for whoever watches.

    Attributes:
        latency_s: until the header of the answer.
        clock_offset_s: server's clock minus ours by its `Date` header (whole seconds), None when unknown.
        error: None when it went well.
        notes: fields that were not what the contract says.
    """

    method: str
    path: str
    status: int
    latency_s: float
    at: datetime
    server_version: str = ""
    request_id: str = ""
    clock_offset_s: float | None = None
    size: int = 0
    error: errors.ApiError | None = None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (lower case) and body of an answer that was not an error."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    path: str = ""

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


def segment(value: str) -> str:
    """One path segment; ids and names come from outside, so every other character is encoded."""
    return quote(value, safe="") if value.strip(".") else quote(value, safe="").replace(".", "%2E")


def origin_of(url: str) -> str:
    """`scheme://host[:port]` of a deployment URL; path, query and user info are dropped (contract: README
    §1).

    Raises:
        ConnectFailed: no http or https URL.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host:
        raise errors.ConnectFailed(
            "The deployment URL is no http or https address", next_step="Give it as https://host."
        )
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}:{port}" if port else f"{parts.scheme}://{shown}"


def user_agent() -> str:
    """contract: README §2.4"""
    return f"agentdash/{__version__} ({sys.platform}/{platform.machine().lower() or 'unknown'})"
