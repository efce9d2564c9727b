"""What a program inside a workspace is given to act as its agent (contract: agent-side.md §2, §3).

The real agent's variables: `CODER_AGENT_URL`; `CODER_AGENT_TOKEN` or `CODER_AGENT_TOKEN_FILE`, or
`CODER_AGENT_AUTH` for a machine whose cloud vouches for it; `CODER_AGENT_NAME` where one machine has several.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from uuid import UUID

from agentdash.config.addresses import read_address
from agentdash.config.coder_login import read_line_file
from agentdash.config.errors import ConfigError
from agentdash.config.secret import Secret

URL_VARIABLE = "CODER_AGENT_URL"
TOKEN_VARIABLE = "CODER_AGENT_TOKEN"  # noqa: S105 - a name
TOKEN_FILE_VARIABLE = "CODER_AGENT_TOKEN_FILE"  # noqa: S105
AUTH_VARIABLE = "CODER_AGENT_AUTH"
NAME_VARIABLE = "CODER_AGENT_NAME"

_INSIDE = "Run this inside a workspace, or set {} as `agentdash local --agent` prints it."


class AgentAuth(Enum):
    """How an agent proves who it is; the values are those of `CODER_AGENT_AUTH`."""

    TOKEN = "token"  # noqa: S105 - a word
    AWS = "aws-instance-identity"
    AZURE = "azure-instance-identity"
    GOOGLE = "google-instance-identity"


@dataclass(frozen=True, slots=True)
class AgentLogin:
    """Address and proof of an agent.

    Attributes:
        token: None when `auth` is a cloud's identity, exchanged for a token first.
        agent_name: Picks one of several agents of a machine; "" if it has one.
    """

    url: str
    token: Secret | None
    auth: AgentAuth = AgentAuth.TOKEN
    agent_name: str = ""


def agent_login(
    environ: Mapping[str, str], *, url: str | None = None, token_file: Path | None = None
) -> AgentLogin:
    """Read the login of this workspace's agent; flags go before the environment, a token before a token file.

    Raises:
        ConfigError: Something is missing, unreadable, or a token of the wrong kind.
    """
    address = url or environ.get(URL_VARIABLE, "").strip()
    if not address:
        raise ConfigError("no deployment is named", "", _INSIDE.format(URL_VARIABLE), key=URL_VARIABLE)
    found = read_address(address, key="--url" if url else URL_VARIABLE)
    auth = _auth(environ)
    name = environ.get(NAME_VARIABLE, "").strip()
    if token_file is None and auth is not AgentAuth.TOKEN:
        return AgentLogin(found, None, auth, name)
    return AgentLogin(found, _token(environ, token_file), AgentAuth.TOKEN, name)


def agent_token(text: str, key: str, file: Path | None = None) -> Secret:
    """Judge a token's kind: an agent's is a bare UUID (contract: agent-side.md §2).

    Raises:
        ConfigError: It is of another kind. The text is not repeated.
    """
    text = text.strip()
    try:
        is_agents = len(text) == 36 and bool(UUID(text))
    except ValueError:
        is_agents = False
    if not is_agents:
        raise ConfigError(
            "that is no agent's token",
            "An agent's token is a UUID; a user's, as `coder login` keeps it, does not open these routes.",
            _INSIDE.format(TOKEN_VARIABLE),
            key=key,
            file=file,
        )
    return Secret(text)


def _token(environ: Mapping[str, str], token_file: Path | None) -> Secret:
    text = environ.get(TOKEN_VARIABLE, "")
    if token_file is None and text.strip():
        return agent_token(text, TOKEN_VARIABLE)
    key = TOKEN_FILE_VARIABLE if token_file is None else "--token-file"
    named = environ.get(TOKEN_FILE_VARIABLE, "")
    path = token_file or (Path(named) if named else None)
    if path is None:
        raise ConfigError("no agent's token is given", "", _INSIDE.format(TOKEN_VARIABLE), key=TOKEN_VARIABLE)
    if not path.exists():
        raise ConfigError("there is no such file", key=key, file=path)
    line = read_line_file(path)
    if line is None:
        raise ConfigError("the file holds no token", key=key, file=path)
    return agent_token(line, key, path)


def _auth(environ: Mapping[str, str]) -> AgentAuth:
    word = environ.get(AUTH_VARIABLE, "").strip() or AgentAuth.TOKEN.value
    try:
        return AgentAuth(word)
    except ValueError:
        known = ", ".join(one.value for one in AgentAuth)
        raise ConfigError("that way to log in is unknown", f"Known are {known}.", key=AUTH_VARIABLE) from None
