"""`agentdash doctor`: where each setting came from, what the terminal can do, and whether the deployment can be used.

It checks in the order in which things depend on each other, and each trouble comes with its next step.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agentdash.cli import output
from agentdash.cli.connect import LOG_IN_STEP, NO_DEPLOYMENT, client_for, end_of, load_settings
from agentdash.cli.output import CliError, ExitCode
from agentdash.cli.version import versions
from agentdash.text import clean

if TYPE_CHECKING:
    from agentdash.api.client import Client
    from agentdash.cli.main import Call
    from agentdash.config.load import Loaded

SKEW_S = 5.0
SLOW_S = 1.0
HANDSHAKE_S = 15.0
SECRET_KEYS = frozenset({"token", "headers", "header_command"})


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report: `state` is `ok`, `note`, `bad` or empty for a mere fact."""

    state: str
    name: str
    text: str
    next_step: str = ""


def run(call: Call) -> int:
    """Write the report; the exit code is that of the first trouble."""
    loaded = load_settings(call, warn=False)
    _write("Program", [Check("", name, number) for name, number in versions()])
    _write("Settings", list(setting_lines(loaded)))
    _write("Terminal", list(terminal_lines(call.environ)))
    if loaded.settings.url is None:
        text = f"{NO_DEPLOYMENT}: plain `agentdash` shows this machine"
        _write("Deployment", [Check("note", "url", text, "To use one: `coder login https://…`")])
        return ExitCode.OK
    if loaded.settings.token is None:
        step = LOG_IN_STEP.format(url=loaded.settings.url)
        _write("Deployment", [Check("bad", "login", f"there is no token for {loaded.settings.url}", step)])
        return ExitCode.REFUSED
    checks, code = asyncio.run(_ask(client_for(call, loaded.settings)))
    _write("Deployment", checks)
    return code


def _write(title: str, checks: list[Check]) -> None:
    output.say(title)
    width = max((len(check.name) for check in checks), default=0)
    for check in checks:
        output.say(f"  {check.state:<4} {check.name:<{width}}  {clean(check.text)}".rstrip())
        if check.next_step:
            output.say(f"  {'':<4} {'':<{width}}  {clean(check.next_step)}")


def setting_lines(loaded: Loaded) -> Iterator[Check]:
    """Every setting that is not the default, with where it came from; secrets only by their being there."""
    yield Check("", "file", str(loaded.file) if loaded.file is not None else "none")
    values = asdict(loaded.settings)
    for key, origin in loaded.origins.items():
        if origin.kind == "default" and key not in ("url", "token"):
            continue
        value: object = values
        for part in key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if key in SECRET_KEYS:
            shown = "none" if not value else "given (hidden)"
        else:
            shown = "none" if value is None else str(value)
        where = f"{origin.kind} {origin.name}".strip()
        yield Check("", key, shown if value is None else f"{shown}   from {where}")
    for warning in loaded.warnings:
        yield Check("note", "warning", warning)


def terminal_lines(environ: Mapping[str, str]) -> Iterator[Check]:
    """What the screen will be drawn on."""
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    columns, rows = shutil.get_terminal_size()
    size = f"{columns}×{rows}" if is_terminal else "none: input or output is not a terminal"
    yield Check("ok" if is_terminal else "note", "terminal", size)
    if is_terminal and (columns < 80 or rows < 24):
        yield Check("note", "size", "smaller than 80×24: one pane at a time")
    term = environ.get("TERM", "")
    is_able = term not in ("", "dumb", "unknown")
    yield Check(
        "ok" if is_able else "bad",
        "TERM",
        term or "not set",
        "" if is_able else "Set TERM, e.g. xterm-256color",
    )
    colours = (
        "24 bit"
        if environ.get("COLORTERM") in ("truecolor", "24bit")
        else "256 or fewer: COLORTERM is not truecolor"
    )
    yield Check("", "colours", "none: NO_COLOR is set" if environ.get("NO_COLOR") else colours)
    encoding = sys.stdout.encoding or "unknown"
    is_utf8 = "utf" in encoding.lower()
    yield Check(
        "ok" if is_utf8 else "note",
        "encoding",
        encoding,
        "" if is_utf8 else "Signs are ASCII; for the others set LANG to a UTF-8 locale",
    )
    inside = [
        name
        for name, key in (("tmux", "TMUX"), ("screen", "STY"), ("ssh", "SSH_CONNECTION"))
        if environ.get(key)
    ]
    if inside:
        yield Check("", "inside", ", ".join(inside))


async def _ask(client: Client) -> tuple[list[Check], ExitCode]:
    from agentdash.api.errors import ApiError  # noqa: PLC0415 - only when there is a deployment to ask

    checks: list[Check] = []
    async with client:
        try:
            await _reach(client, checks)
            await _login(client, checks)
            await _websocket(client, checks)
            checks.append(await _updates(client))
        except ApiError as error:
            end: CliError = end_of(error)
            checks.append(Check("bad", "trouble", end.message, end.next_step))
            if error.request_id:
                checks.append(Check("", "request", error.request_id))
            return checks, end.code
    bad = any(check.state == "bad" for check in checks)
    return checks, ExitCode.TROUBLE if bad else ExitCode.OK


async def _reach(client: Client, checks: list[Check]) -> None:
    from agentdash.api.fleet import FleetApi  # noqa: PLC0415
    from agentdash.api.since import lacked  # noqa: PLC0415

    began = asyncio.get_running_loop().time()
    info = await FleetApi(client).buildinfo()
    took = asyncio.get_running_loop().time() - began
    checks.append(Check("ok", "server", f"{client.origin} answers: Coder {clean(info.version)}"))
    missing = lacked(info.version)
    if missing:
        words = ", ".join(word[:1].lower() + word[1:] for word in missing)
        checks.append(
            Check("note", "older than", words, "What it lacks is left out, and said where it would be")
        )
    checks.append(
        Check("note" if took > SLOW_S else "ok", "first answer", f"{took * 1000:.0f} ms, connecting included")
    )
    offset = client.clock_offset_s
    if offset is None:
        checks.append(Check("note", "clock", "the server told no time: ages are by this machine's clock"))
    elif abs(offset) > SKEW_S:
        text = f"the server's is {abs(offset):.0f} s {'ahead' if offset > 0 else 'behind'}; ages are told by the server's"
        checks.append(Check("note", "clock", text))
    else:
        checks.append(Check("ok", "clock", "agrees with the server's within a few seconds"))


async def _login(client: Client, checks: list[Check]) -> None:
    from agentdash.api.fleet import FleetApi  # noqa: PLC0415
    from agentdash.state import convert  # noqa: PLC0415

    user = convert.user(await FleetApi(client).me())
    roles = ", ".join(role.name for role in user.roles) or "member"
    checks.append(Check("ok", "login", f"{user.username} ({roles})"))


async def _websocket(client: Client, checks: list[Check]) -> None:
    """Follow the log of some agent: the plainest stream that any login may open."""
    from agentdash.api.errors import ApiError  # noqa: PLC0415
    from agentdash.api.fleet import FleetApi  # noqa: PLC0415
    from agentdash.api.sources import AgentLogSource  # noqa: PLC0415
    from agentdash.api.stream import Stream  # noqa: PLC0415
    from agentdash.state import convert  # noqa: PLC0415

    page = await FleetApi(client).workspaces("", limit=25)
    workspaces = [convert.workspace(raw) for raw in page.workspaces]
    checks.append(Check("ok", "workspaces", f"{page.count} that you may see"))
    agent = next((agent for workspace in workspaces for agent in workspace.agents), None)
    if agent is None:
        checks.append(Check("note", "websocket", "not checked: no workspace has an agent to ask"))
        return
    began = datetime.now(UTC)
    try:
        async with asyncio.timeout(HANDSHAKE_S), Stream(client, AgentLogSource(agent.id, 2**53)):
            took = (datetime.now(UTC) - began).total_seconds()
    except TimeoutError:
        text, step = (
            "the handshake did not end",
            "A proxy may swallow upgrades: ask for websockets to be let through",
        )
        checks.append(Check("bad", "websocket", text, step))
        return
    except ApiError as error:
        step = error.next_step or "A proxy may refuse upgrades: ask for websockets to be let through"
        checks.append(Check("bad", "websocket", f"{error.title}: {error.detail}", step))
        return
    checks.append(Check("ok", "websocket", f"opened within {took * 1000:.0f} ms"))


async def _updates(client: Client) -> Check:
    """Whether one stream can tell of all workspaces (`fleet_source`)."""
    from agentdash.api.errors import ApiError, RouteNotFound  # noqa: PLC0415
    from agentdash.api.rpc import server_version  # noqa: PLC0415

    else_ = "Workspaces are watched by a connection each"
    try:
        async with asyncio.timeout(HANDSHAKE_S):
            version = await server_version(client)
    except RouteNotFound as error:
        return Check("note", "updates", error.next_step, else_)
    except ApiError as error:
        return Check("note", "updates", f"{error.title}: {error.detail}", else_)
    except TimeoutError:
        return Check("note", "updates", "the handshake did not end", else_)
    return Check(
        "ok", "updates", f"one stream can tell of all workspaces (RPC {version or 'of unknown version'})"
    )
