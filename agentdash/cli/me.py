"""`agentdash me …`: act as the agent of this workspace."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from agentdash.cli import output
from agentdash.cli.me_connect import agent_client, identity_client
from agentdash.cli.me_input import chunks_of, opened_input
from agentdash.cli.me_run import run_agent_command
from agentdash.cli.output import CliError, ExitCode

if TYPE_CHECKING:
    from agentdash.api.agent_side import AgentSideApi
    from agentdash.api.errors import ApiError
    from agentdash.api.schema.agent_side import ExternalAuth
    from agentdash.cli.main import Call
    from agentdash.wire.backoff import Backoff

Work = Callable[["Call", "AgentSideApi"], Awaitable[int]]

SLUG_VARIABLE = "CODER_MCP_APP_STATUS_SLUG"
_SOURCES = uuid.UUID("b1b6f5a5-77a7-4a7e-9d1f-4f4b8a6c2a11")
"""Namespace of ids made from names, so that the same name is the same source each time."""


def run(call: Call) -> int:
    """Do what `me` is followed by."""
    if call.options.me == "identity":
        return asyncio.run(_identity(call))
    return asyncio.run(_as_agent(call, WORK[call.options.me]))


async def _as_agent(call: Call, work: Work) -> int:
    from agentdash.api.agent_side import AgentSideApi  # noqa: PLC0415 - after the command line is understood

    async with agent_client(call) as client:
        return await work(call, AgentSideApi(client))


async def _log_source(call: Call, api: AgentSideApi) -> int:
    options = call.options
    source_id = options.source_id or source_id_of(options.name)
    await api.add_log_source(_uuid(source_id), options.name, options.icon)
    output.say(source_id)
    return ExitCode.OK


async def _logs(call: Call, api: AgentSideApi) -> int:
    from agentdash.api.agent_errors import LogsFull  # noqa: PLC0415
    from agentdash.api.agent_logs import LineCutter, LogEntry, batches  # noqa: PLC0415

    options = call.options
    if options.source and options.name:
        raise CliError("--source and --name name two log sources", ExitCode.USAGE, "Give one of them")
    source_id = _uuid(options.source) if options.source else ""
    if options.name:
        source_id = source_id_of(options.name)
        await api.add_log_source(source_id, options.name, options.icon)
    cutter, stored = LineCutter(), 0
    with opened_input(options.file) as file:
        async for chunk in chunks_of(file):
            lines = cutter.feed(chunk) if chunk else cutter.end()
            for batch in batches(LogEntry(line, options.level) for line in lines):
                try:
                    await _insist(partial(api.send_logs, batch, source_id))
                except LogsFull as full:
                    raise CliError(
                        f"the log is full: {stored} lines were stored, the rest is lost",
                        next_step=full.next_step,
                    ) from None
                stored += len(batch)
    return ExitCode.OK


async def _app_status(call: Call, api: AgentSideApi) -> int:
    options = call.options
    slug = options.app or call.environ.get(SLUG_VARIABLE, "")
    if not slug:
        raise CliError("no app is named", ExitCode.USAGE, f"Give --app, or set {SLUG_VARIABLE}")
    await api.report_app_status(slug, options.state, options.message, options.uri)
    return ExitCode.OK


async def _reinit(call: Call, api: AgentSideApi) -> int:
    from agentdash.api.agent_side import wait_for_claim  # noqa: PLC0415

    output.complain("waiting for a claim of this prebuilt workspace; ctrl+c ends the wait")
    event = await wait_for_claim(api, wait=call.options.wait, backoff=_pauses(10.0), on_trouble=_warn)
    if event is not None:
        output.say_json(
            {"reason": event.reason, "workspace_id": event.workspace_id, "owner_id": event.owner_id}
        )
    return ExitCode.OK


async def _git_ssh_key(call: Call, api: AgentSideApi) -> int:
    from agentdash.text import clean  # noqa: PLC0415

    key = await api.git_ssh_key()
    for line in (key.private_key if call.options.private else key.public_key).splitlines():
        output.say(clean(line))
    return ExitCode.OK


async def _external_auth(call: Call, api: AgentSideApi) -> int:
    from agentdash.text import clean  # noqa: PLC0415

    options = call.options
    if bool(options.match) == bool(options.provider_id):
        raise CliError(
            "a host or --id is wanted, and not both", ExitCode.USAGE, "Try: me external-auth github.com"
        )
    found = await _ask_external(api, options.match, options.provider_id)
    if found.needs_login and options.listen:
        output.complain(f"the owner must log in at {found.url}")
        found = await api.listen_external_auth(
            match=options.match, provider_id=options.provider_id, backoff=_pauses(10.0)
        )
    if found.needs_login:
        raise CliError(
            "the owner has not logged in there", ExitCode.REFUSED, f"Open {found.url}, or wait with --listen"
        )
    # Old servers tell a user name and password only; for git hosts either may be the token.
    token = found.access_token or found.password or found.username
    output.say(
        clean(token) if options.show_token else f"logged in{_at(found.type)}; --show-token writes the token"
    )
    return ExitCode.OK


async def _ask_external(api: AgentSideApi, match: str, provider_id: str) -> ExternalAuth:
    from agentdash.api.errors import RouteNotFound  # noqa: PLC0415

    try:
        return await api.external_auth(match=match, provider_id=provider_id)
    except RouteNotFound:
        if provider_id:
            raise
        return await api.git_auth(match)


async def _identity(call: Call) -> int:
    token = await identity_client(call, call.options.cloud)
    output.say(
        token if call.options.show_token else "this machine is known; --show-token writes its agent's token"
    )
    return ExitCode.OK


WORK: dict[str, Work] = {
    "run": run_agent_command,
    "log-source": _log_source,
    "logs": _logs,
    "app-status": _app_status,
    "reinit": _reinit,
    "gitsshkey": _git_ssh_key,
    "external-auth": _external_auth,
}
"""Sub-command → what it does."""


def source_id_of(name: str) -> str:
    """The id of the log source of that name."""
    return str(uuid.uuid5(_SOURCES, name))


async def _insist(call: Callable[[], Awaitable[None]]) -> None:
    """Make a call again until the server answers it; refusals are raised."""
    from agentdash.api import errors  # noqa: PLC0415

    pauses = _pauses(10.0)
    while True:
        try:
            await call()
        except (errors.ConnectFailed, errors.TimedOut, errors.ServerTrouble, errors.RateLimited) as trouble:
            _warn(trouble)
            wait_s = trouble.retry_after_s if isinstance(trouble, errors.RateLimited) else None
            await asyncio.sleep(pauses.delay(wait_s))
        else:
            return


def _pauses(largest_s: float) -> Backoff:
    from agentdash.wire.backoff import Backoff  # noqa: PLC0415

    return Backoff(random.random, first_s=0.25, largest_s=largest_s)


def _warn(trouble: ApiError) -> None:
    output.warn(f"{trouble.title}: {trouble.detail}; trying again" if trouble.detail else trouble.title)


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise CliError(f"{text} is no UUID", ExitCode.USAGE) from None


def _at(provider: str) -> str:
    from agentdash.text import clean  # noqa: PLC0415

    return f" at {clean(provider)}" if provider else ""
