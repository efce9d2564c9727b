"""What can go wrong with RPC connections, as leaves of the tree in `errors` (contract: tailnet.md §4, §5.3, §9, §10).

ConnectFailed
└── RpcCut                the connection ended, by the server's word or without one
MalformedAnswer
└── RpcBroken             frames, packets or messages that break the protocol
Refused
└── RpcRefused            the server answered a call with an error
    ├── PeerRefused       it would not tell of a peer
    ├── PeerSilent        it had nothing to tell of a peer
    └── UpdatesRefused    a stream that ended before its first message
RouteNotFound
└── RpcUnknown            the server does not have this method
BadRequest
└── VersionRefused        the server does not speak this version of the RPC API
Conflict
└── BrowserOnly           the deployment takes connections of browsers alone
"""

from __future__ import annotations

import re
from typing import Any, Final

from agentdash.api import errors
from agentdash.wire.errors import CallBrokenError, CallFailedError, WireError

_VERSION: Final = re.compile(r"server is at version (\d+\.\d+)")


class RpcCut(errors.ConnectFailed):
    title = "The connection ended"
    next_step = "The program opens it again."


class RpcBroken(errors.MalformedAnswer):
    title = "The server broke the protocol"


class RpcRefused(errors.Refused):
    """`code` is 0 for almost all errors."""

    title = "The call was refused"

    def __init__(self, detail: str = "", *, code: int = 0, **facts: Any) -> None:
        self.code = code
        super().__init__(detail, **facts)


class PeerRefused(RpcRefused):
    title = "Not told about this agent"
    next_step = "It needs the right to connect by ssh; the agent must be of the latest build."


class PeerSilent(RpcRefused):
    title = "Nothing was told of this agent"
    next_step = "It is not connected, or has no home relay yet; ask again when it is ready."
    is_final = False


class UpdatesRefused(RpcRefused):
    title = "The updates were refused"
    next_step = "The server gives no reason; the id may be no user's."


class RpcUnknown(errors.RouteNotFound):
    title = "Not offered by this server"


class VersionRefused(errors.BadRequest):
    """`server_version`: what the server speaks, "" when it does not say."""

    title = "Another version of the RPC API"
    next_step = "This server is older or newer than what was asked for."

    def __init__(self, detail: str = "", *, server_version: str = "", **facts: Any) -> None:
        self.server_version = server_version
        super().__init__(detail, **facts)


class BrowserOnly(errors.Conflict):
    title = "Only browsers may connect"
    next_step = "The deployment's administrators have switched other connections off."


def of_dial(error: errors.ApiError) -> errors.ApiError:
    """The leaf for a refused upgrade; the error itself where there is none."""
    facts: dict[str, Any] = {"status": error.status, "request_id": error.request_id, "path": error.path}
    if error.status == 400 and "API version" in error.detail:
        found = _VERSION.search(error.detail)
        return VersionRefused(error.detail, server_version=found.group(1) if found else "", **facts)
    if error.status == 409 and "Non-browser" in error.detail:
        return BrowserOnly(error.detail, **facts)
    return error


def of_call(error: WireError, path: str = "") -> errors.ApiError:
    """The leaf for what a call or its session raised."""
    if isinstance(error, CallFailedError):
        if "unknown rpc" in error.text:
            return RpcUnknown("The server does not know this call", path=path)
        return RpcRefused(error.text, code=error.code, path=path)
    if isinstance(error, CallBrokenError):
        return RpcBroken(str(error), path=path)
    return RpcCut(str(error), path=path)
