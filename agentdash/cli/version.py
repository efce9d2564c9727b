"""`agentdash version`: versions of the program and of what it is made of, for a report."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from agentdash import __version__
from agentdash.cli import output
from agentdash.cli.output import ExitCode

if TYPE_CHECKING:
    from agentdash.cli.main import Call

PARTS = ("textual", "httpx", "websockets", "pydantic", "pyte")


def versions() -> tuple[tuple[str, str], ...]:
    """Name and version of each part."""
    found = [("agentdash", __version__), ("python", platform.python_version())]
    for part in PARTS:
        try:
            found.append((part, version(part)))
        except PackageNotFoundError:
            found.append((part, "not installed"))
    return tuple(found)


def run(call: Call) -> int:
    """Write them."""
    del call
    for name, number in versions():
        output.say(f"{name} {number}")
    return ExitCode.OK
