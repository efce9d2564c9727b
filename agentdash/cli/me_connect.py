"""From the environment of a workspace to a client that acts as its agent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from agentdash.cli import logfile
from agentdash.cli.connect import end_of, opened
from agentdash.cli.output import CliError, ExitCode
from agentdash.config.agent_login import AgentAuth, AgentLogin, agent_login
from agentdash.config.errors import ConfigError
from agentdash.config.headers import run_header_command
from agentdash.config.load import load
from agentdash.config.secret import Secret

if TYPE_CHECKING:
    from agentdash.api.client import Client
    from agentdash.cli.main import Call

_CLOUDS = {AgentAuth.AWS: "aws", AgentAuth.AZURE: "azure", AgentAuth.GOOGLE: "google"}


@asynccontextmanager
async def agent_client(call: Call) -> AsyncIterator[Client]:
    """A client with the agent's token; its errors end the program.

    Raises:
        CliError: The environment names no agent, or the deployment refuses it.
    """
    login = _login(call)
    token = login.token
    if token is None:
        token = Secret(await _exchanged(call, login.url, _CLOUDS[login.auth], login.agent_name))
    async with opened(_client(call, login.url, token)) as client:
        yield client


async def identity_client(call: Call, cloud: str) -> str:
    """The agent's token for this machine's identity.

    Raises:
        CliError: This is not that cloud, or the deployment does not know the machine.
    """
    environ = dict(call.environ)
    environ["CODER_AGENT_AUTH"] = f"{cloud}-instance-identity"
    login = _login(call, environ)
    return await _exchanged(call, login.url, cloud, login.agent_name)


async def _exchanged(call: Call, url: str, cloud: str, agent_name: str) -> str:
    from agentdash.api.errors import ApiError  # noqa: PLC0415 - not needed for a wrong command line
    from agentdash.api.identity import Metadata, exchange  # noqa: PLC0415

    try:
        proof = await Metadata().proof(cloud)
        async with _client(call, url, Secret("")) as client:
            return (await exchange(client, proof, agent_name)).session_token
    except ApiError as error:
        raise end_of(error) from None


def _login(call: Call, environ: dict[str, str] | None = None) -> AgentLogin:
    named = call.options.token_file
    try:
        return agent_login(
            call.environ if environ is None else environ,
            url=call.options.url,
            token_file=Path(named) if named and environ is None else None,
        )
    except ConfigError as error:
        raise CliError(str(error), ExitCode.USAGE) from None


def _client(call: Call, url: str, token: Secret) -> Client:
    """A client for `url` with the TLS files and headers of the settings; a user's login is left alone."""
    from agentdash.api.client import Client  # noqa: PLC0415 - not needed for a wrong command line
    from agentdash.api.exchange import TlsOptions  # noqa: PLC0415

    flags = {**call.options.flags, "url": url, "token": None, "token_file": None, "use_keyring": False}
    try:
        settings = load(flags, call.environ, call.home, call.platform).settings
        headers = dict(settings.headers)
        if settings.header_command:
            headers |= run_header_command(settings.header_command, url, dict(call.environ))
    except ConfigError as error:
        raise CliError(str(error), ExitCode.USAGE) from None
    logfile.hide(secret.reveal() for secret in (token, *headers.values()) if secret.reveal())
    tls = TlsOptions(settings.tls.ca_file, settings.tls.cert_file, settings.tls.key_file)
    return Client(url, token, headers=headers, tls=tls, read_only=settings.read_only)
