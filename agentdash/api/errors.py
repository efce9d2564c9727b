"""What can go wrong between this program and a Coder deployment, as one tree.

    ApiError                     base: title, detail, next_step; status, request id, path
    ├── NotConnected             nothing, or nothing usable, was answered
    │   ├── ConnectFailed        name, route, refusal, cut
    │   ├── TlsFailure           no TLS there, or files that do not fit
    │   │   └── CertificateNotTrusted   unknown authority, expired, another name
    │   ├── TimedOut             no answer in time
    │   ├── NotCoder             HTML with 200: wrong URL, proxy or log-in page in between
    │   ├── Redirected           3xx: the access URL is another one; never followed
    │   └── MalformedAnswer      not the JSON it should be
    ├── Refused                  the server understood and said no
    │   ├── NotLoggedIn          401
    │   ├── Forbidden            403
    │   │   └── FeatureNotLicensed   403 with a licence text, or a licensed route missing
    │   ├── NotFound             404: gone, or not for these eyes
    │   ├── RouteNotFound        404 `Route not found.`, 405: server older than the endpoint, or not licensed
    │   ├── AgentNotConnected    400 `Agent state is …`
    │   ├── BadRequest           400, 406, 412, 413, 428 …, with the fields it names
    │   ├── Conflict             409
    │   ├── Gone                 410
    │   ├── TerminalRefused      the HTML page before a terminal's upgrade, as a sentence
    │   └── RateLimited          429, with the seconds to wait
    ├── ServerTrouble            the server, or what it needs, failed
    │   ├── ServerError          5xx
    │   └── AgentUnreachable     500 while dialling the agent
    ├── ServerTooOld             known by version, not worth a request
    └── ReadOnly                 this program was told not to change anything

Leaves of the agent's side are drawn in `agent_errors`, those of RPC connections in `tailnet_errors`.

No text here ever holds the token, a header, a query string or raw HTML. Texts of the server are foreign:
they are cleaned where they are drawn. (contract: README §2.2, §3; agents.md §1; pty.md §4)
"""
# ruff: noqa: N818 - the leaves are named by what happened, as the screens say it

from __future__ import annotations

from typing import Any

from agentdash.api.schema import ValidationProblem

_MAX_TEXT = 300


class ApiError(Exception):
    """Base of all errors of this room.

    Attributes:
        title: a few words for a border or a status line.
        detail: one or two sentences; may quote the server.
        next_step: what a person does now; may be "".
        status: HTTP status, 0 when there was none.
        request_id: the server's id of the request, "" when unknown.
        path: path of the request without query.
        is_final: asking again without a change by somebody gives the same answer.
    """

    title = "Request failed"
    next_step = ""
    is_final = False

    def __init__(
        self, detail: str = "", *, status: int = 0, request_id: str = "", path: str = "", next_step: str = ""
    ) -> None:
        self.detail = shorten(detail)
        self.status = status
        self.request_id = request_id
        self.path = path
        if next_step:
            self.next_step = next_step
        super().__init__(f"{self.title}: {self.detail}" if self.detail else self.title)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.status}, {self.detail!r}, path={self.path!r})"


class NotConnected(ApiError):
    """Nothing usable was answered."""

    title = "Not connected"


class ConnectFailed(NotConnected):
    title = "Cannot reach the server"
    next_step = "Check the URL, the network and proxy settings; the program keeps trying."


class TlsFailure(NotConnected):
    title = "No secure connection"
    next_step = "Check scheme and port of the URL, and the certificate files."


class CertificateNotTrusted(TlsFailure):
    title = "The server's certificate is not trusted"
    next_step = (
        "Name the CA with --client-tls-ca-file or CODER_CLIENT_TLS_CA_FILE, or have the certificate renewed."
    )


class TimedOut(NotConnected):
    title = "No answer in time"
    next_step = "The program keeps trying."


class NotCoder(NotConnected):
    title = "That is not Coder's API"
    next_step = "Check the URL; a proxy or a log-in page may stand in between (see --header-command)."
    is_final = True


class Redirected(NotConnected):
    """The token is not sent there.

    Attributes:
        location: origin the server points to, "" when it named none.
    """

    title = "The server points to another address"
    is_final = True

    def __init__(self, location: str, **facts: Any) -> None:
        self.location = location
        step = f"Use --url {location}" if location else "Ask for the deployment's access URL."
        detail = f"It answers for {location}" if location else "It redirects without a usable address"
        super().__init__(detail, next_step=step, **facts)


class MalformedAnswer(NotConnected):
    title = "The answer cannot be read"
    next_step = "A proxy may have changed it; try `agentdash doctor`."


class Refused(ApiError):
    """The server understood and said no."""

    title = "Refused"
    is_final = True


class NotLoggedIn(Refused):
    title = "Not logged in"
    next_step = "Run `coder login`, or give a token with CODER_SESSION_TOKEN."


class Forbidden(Refused):
    title = "Not allowed"
    next_step = "Ask an administrator for the right, or use another account."


class FeatureNotLicensed(Forbidden):
    title = "Not licensed here"
    next_step = "This needs a licence that the deployment does not have."


class NotFound(Refused):
    title = "Not found"
    next_step = "It is gone, or this account may not see it."


class RouteNotFound(Refused):
    title = "Not offered by this server"
    next_step = "The server is older than this feature, or built without it."


class AgentNotConnected(Refused):
    """Only a connected agent can be asked this. `state` is the agent's status by the server's word."""

    title = "Agent not connected"
    next_step = "Wait until the agent is connected."
    is_final = False

    def __init__(self, detail: str = "", *, state: str = "", **facts: Any) -> None:
        self.state = state
        super().__init__(detail, **facts)


class BadRequest(Refused):
    """`validations` names what was wrong, by parameter."""

    title = "The server refused the request"

    def __init__(
        self, detail: str = "", validations: tuple[ValidationProblem, ...] = (), **facts: Any
    ) -> None:
        self.validations = validations
        super().__init__(detail, **facts)

    def names(self, field: str) -> bool:
        """Whether the server complained about this parameter (an old server about a new search key)."""
        return any(problem.field == field for problem in self.validations)


class Conflict(Refused):
    title = "Busy or in the wrong state"
    next_step = "Wait for what is under way, then try again."


class Gone(Refused):
    title = "Deleted"


class TerminalRefused(Refused):
    """Refused before the upgrade: the id is stale, the `ssh` right is missing, or the agent is away.

    `state`: the agent's status by the page's word, "" when it named none (contract: pty.md §4).
    """

    title = "Terminal refused"
    next_step = "A terminal needs a connected agent and the right to connect by ssh."
    is_final = False

    def __init__(self, detail: str = "", *, state: str = "", **facts: Any) -> None:
        self.state = state
        super().__init__(detail, **facts)


class RateLimited(Refused):
    """`retry_after_s`: seconds to leave this path alone, without jitter."""

    title = "Asked too often"
    next_step = "The program waits and goes on by itself."
    is_final = False

    def __init__(self, detail: str = "", *, retry_after_s: float = 60.0, **facts: Any) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(detail, **facts)


class ServerTrouble(ApiError):
    """The server, or something it needs, failed."""

    title = "The server has trouble"


class ServerError(ServerTrouble):
    title = "Server error"
    next_step = "Try again; if it stays, give the request id to whoever runs the deployment."


class AgentUnreachable(ServerTrouble):
    title = "Agent does not answer"
    next_step = "Its status may lag by 30 s; look at the agent again."


class ServerTooOld(ApiError):
    title = "The server is too old for this"
    is_final = True


class ReadOnly(ApiError):
    title = "Read-only mode"
    next_step = "Start without --read-only to change things."
    is_final = True


def shorten(text: str) -> str:
    """One paragraph of bounded length."""
    flat = " ".join(text.split())
    return flat if len(flat) <= _MAX_TEXT else flat[: _MAX_TEXT - 1] + "…"
