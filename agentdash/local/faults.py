"""What shall go wrong on the way between the records and the wire: a plan that the server core consults.

Data and matching only; the core applies what it finds in its middleware and streams. Rules are tried in order,
the first that matches and has uses left wins.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

HTML_PAGE: Final = (
    "<!doctype html>\n<html><head><title>Sign in</title></head>"
    "<body><p>Your company's proxy wants to know who you are.</p></body></html>\n"
)
HOSTILE_TEXT: Final = (
    "\x1b]0;title\x07\x1b[2J\x1b]52;c;aGk=\x07\x9b31m\r\n\t\x00\u202egnp.exe\u2066\u200b"
    "[bold red]markup[/] \x1bP+q\x1b\\ e" + "\u0301" * 40
)
OLD_SERVER_ROUTES: Final = (
    "*/logs",
    "*/containers",
    "*/containers/*",
    "*/watch-ws",
    "*/watch-metadata-ws",
    "*/timings",
    "*/presets",
    "*/port-share",
    "*/prebuilds/*",
    "*/provisionerjobs",
    "*/provisionerdaemons",
    "*/entitlements",
)
"""Path patterns that a server of 2023 does not know: answered `404 Route not found.`"""


@dataclass(frozen=True, slots=True)
class Answer:
    """Replace the answer: status, headers, body. The core fills in `content-length`."""

    status: int
    body: str = ""
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    `path` is a shell pattern over the URL path (`/api/v2/workspaces*`), `method` "" = any. `times` None = always.

    Requests: `delay_s` before the answer, `answer` instead of it, `disconnect` closes without any byte.
    Streams: `cut_after_messages` / `cut_after_bytes` / `cut_after_s` end them so (`close_code` None = by TCP; a cut by
    age is always one by TCP), `silent_after_messages` sends nothing more, not even pings, but stays open.
    """

    path: str = "*"
    method: str = ""
    times: int | None = None
    is_for_websockets: bool = False
    """Meant for websocket upgrades only."""
    delay_s: float = 0.0
    answer: Answer | None = None
    disconnect: bool = False
    cut_after_messages: int | None = None
    cut_after_bytes: int | None = None
    cut_after_s: float | None = None
    silent_after_messages: int | None = None
    close_code: int | None = None
    close_reason: str = ""

    def matches(self, method: str, path: str, *, is_websocket: bool = False) -> bool:
        """Whether the fault is meant for that request."""
        if self.is_for_websockets and not is_websocket:
            return False
        return (not self.method or self.method == method.upper()) and fnmatch.fnmatchcase(path, self.path)


class FaultPlan:
    """The faults in force; changed while the server runs."""

    def __init__(self, *faults: Fault) -> None:
        self._faults: list[Fault] = list(faults)
        self.is_hostile = False
        """Every string value of a JSON answer or frame gets `HOSTILE_TEXT` appended (ids and enums excepted)."""
        self.restart_requested = False
        """The core drops all streams and connections once, as a restarted server does, and clears this."""

    def add(self, fault: Fault) -> Fault:
        """Put a fault in force, before those that are."""
        self._faults.insert(0, fault)
        return fault

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._faults.clear()
        self.is_hostile = self.restart_requested = False

    def take(self, method: str, path: str, *, is_websocket: bool = False) -> Fault | None:
        """The fault for this request, None when all is well; uses up one of its `times`."""
        for index, fault in enumerate(self._faults):
            if not fault.matches(method, path, is_websocket=is_websocket):
                continue
            if fault.times is not None:
                if fault.times <= 1:
                    del self._faults[index]
                else:
                    self._faults[index] = replace(fault, times=fault.times - 1)
            return fault
        return None


def rate_limited(path: str, retry_after_s: int = 60, times: int | None = 1) -> Fault:
    """429 with `Retry-After` (contract: README.md §4)."""
    return Fault(
        path,
        times=times,
        answer=Answer(
            429,
            '{"message":"You\'ve been rate limited for sending more than 512 requests in 1m0s."}\n',
            headers={
                "Retry-After": str(retry_after_s),
                "X-RateLimit-Limit": "512",
                "X-RateLimit-Remaining": "0",
            },
        ),
    )


def html_instead(path: str, status: int = 200, times: int | None = None) -> Fault:
    """A proxy's login page where JSON was expected."""
    return Fault(path, times=times, answer=Answer(status, HTML_PAGE, "text/html; charset=utf-8"))


def redirect(path: str, location: str, status: int = 307, times: int | None = None) -> Fault:
    """`307` to the base URL of the access URL; the path is lost (contract: README.md §8)."""
    return Fault(path, times=times, answer=Answer(status, headers={"Location": location}))


def failing(
    path: str, status: int = 500, message: str = "Internal server error.", times: int | None = None
) -> Fault:
    """An error envelope of the server's own."""
    return Fault(path, times=times, answer=Answer(status, f'{{"message":"{message}"}}\n'))


def old_server() -> list[Fault]:
    """Routes that came after 2023 answer `404 Route not found.`"""
    return [failing(pattern, 404, "Route not found.") for pattern in OLD_SERVER_ROUTES]


def make_hostile(value: object, key: str = "") -> object:
    """A JSON value with `HOSTILE_TEXT` in every string that is text for people.

    Ids, times and enums stay readable so that a client can still follow the structure.
    """
    if isinstance(value, dict):
        return {name: make_hostile(item, str(name)) for name, item in value.items()}
    if isinstance(value, list):
        return [make_hostile(item, key) for item in value]
    if isinstance(value, str) and not _is_structural(key):
        return value + HOSTILE_TEXT
    return value


_STRUCTURAL = {
    "id", "status", "transition", "lifecycle_state", "state", "health", "level", "log_level", "log_source", "type",
    "severity", "reason", "worker_id", "tags", "sharing_level", "share_level", "protocol", "network", "open_in",
    "automatic_updates", "login_type", "job_status", "entitlement", "subsystems", "failing_agents", "display_apps",
}  # fmt: skip


def _is_structural(key: str) -> bool:
    return (
        key in _STRUCTURAL
        or key.endswith(("_id", "_at", "_ids", "ID"))
        or key in {"time", "most_recently_seen"}
    )
