"""From the command line to a deployment: settings, client, errors as exit codes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from agentdash.cli import logfile, output
from agentdash.cli.output import CliError, ExitCode
from agentdash.config.errors import ConfigError
from agentdash.config.headers import run_header_command
from agentdash.config.load import Loaded, load
from agentdash.config.settings import Settings

if TYPE_CHECKING:
    from agentdash.api.client import Client
    from agentdash.api.errors import ApiError
    from agentdash.api.exchange import Exchange
    from agentdash.cli.main import Call
    from agentdash.config.secret import Secret

NO_DEPLOYMENT = "no deployment is configured"
NO_DEPLOYMENT_STEP = (
    "Run `coder login`, set CODER_URL and CODER_SESSION_TOKEN, or give --url and --token-file"
)
LOG_IN_STEP = "Run `coder login {url}`, set CODER_SESSION_TOKEN, or give --token-file"


def load_settings(call: Call, *, warn: bool = True) -> Loaded:
    """Load the settings; warnings go to stderr.

    Raises:
        CliError: Something given cannot be used.
    """
    try:
        loaded = load(call.options.flags, call.environ, call.home, call.platform)
    except ConfigError as error:
        raise CliError(str(error), ExitCode.USAGE) from None
    settings = loaded.settings
    secrets = [settings.token, *settings.headers.values()]
    logfile.hide(secret.reveal() for secret in secrets if secret is not None)
    if warn:
        for text in loaded.warnings:
            output.warn(text)
    return loaded


def need_login(settings: Settings) -> None:
    """Both address and token are there.

    Raises:
        CliError: One is not.
    """
    if settings.url is None:
        raise CliError(NO_DEPLOYMENT, ExitCode.USAGE, NO_DEPLOYMENT_STEP)
    if settings.token is None:
        raise CliError(
            f"not logged in at {settings.url}", ExitCode.REFUSED, LOG_IN_STEP.format(url=settings.url)
        )


def stored_token(call: Call, settings: Settings) -> Callable[[], Secret | None]:
    """Read the token again from wherever it was found: who logs in elsewhere need not start agentdash again.

    What is not there, cannot be read, or belongs to another deployment by now is None.
    """

    def read() -> Secret | None:
        try:
            found = load(call.options.flags, call.environ, call.home, call.platform).settings
        except ConfigError:
            return None
        if found.token is None or found.url != settings.url:
            return None
        logfile.hide([found.token.reveal()])
        return found.token

    return read


def make_client(
    settings: Settings,
    environ: dict[str, str],
    observe: Callable[[Exchange], None] | None = None,
    login_again: Callable[[], Secret | None] | None = None,
) -> Client:
    """A client of the configured deployment. Runs the header command, which may take a while: not on an event loop.

    `login_again` is asked for another token when the server refuses the present one.

    Raises:
        ConfigError: The header command failed.
    """
    from agentdash.api.client import Client  # noqa: PLC0415 - not needed before there is something to ask
    from agentdash.api.exchange import TlsOptions  # noqa: PLC0415
    from agentdash.wire.budget import RequestBudget  # noqa: PLC0415

    assert settings.url is not None
    assert settings.token is not None
    headers = dict(settings.headers)
    if settings.header_command:
        found = run_header_command(settings.header_command, settings.url, environ)
        logfile.hide(value.reveal() for value in found.values())
        headers |= found
    tls = TlsOptions(settings.tls.ca_file, settings.tls.cert_file, settings.tls.key_file)
    return Client(
        settings.url,
        settings.token,
        login_again=login_again,
        headers=headers,
        tls=tls,
        read_only=settings.read_only,
        budget=RequestBudget(settings.requests_per_minute),
        observe=observe,
    )


@asynccontextmanager
async def opened(client: Client) -> AsyncIterator[Client]:
    """A client that is closed at the end, its errors made into ends of the program.

    Raises:
        CliError: The deployment could not be asked.
    """
    from agentdash.api.errors import ApiError  # noqa: PLC0415

    async with client:
        try:
            yield client
        except ApiError as error:
            raise end_of(error) from None


def client_for(call: Call, settings: Settings) -> Client:
    """`make_client`, with the end of the program for a header command that failed.

    Raises:
        CliError: See there.
    """
    need_login(settings)
    try:
        return make_client(settings, dict(call.environ), login_again=stored_token(call, settings))
    except ConfigError as error:
        raise CliError(str(error), ExitCode.USAGE) from None


def end_of(error: ApiError) -> CliError:
    """How the program ends when this error ends it."""
    from agentdash.api import errors  # noqa: PLC0415

    if isinstance(error, errors.NotConnected):
        code = ExitCode.UNREACHABLE
    elif isinstance(error, (errors.NotLoggedIn, errors.Forbidden)):
        code = ExitCode.REFUSED
    else:
        code = ExitCode.TROUBLE
    text = f"{error.title}: {error.detail}" if error.detail else error.title
    # A command that ends does not try again.
    step = error.next_step.replace("; the program keeps trying", "").replace("The program keeps trying.", "")
    return CliError(text[:1].lower() + text[1:], code, step)
