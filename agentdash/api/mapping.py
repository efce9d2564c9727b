"""Answers and library exceptions become this room's errors, here and nowhere else.

Covers the REST answers, the refusals before a websocket upgrade (two lines of text), the HTML pages of a
refused terminal and of proxies, and what httpx, ssl, the operating system and websockets raise. (contract:
README §2.2, §3, §8; agents.md §1; pty.md §4)
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

from agentdash.api import errors
from agentdash.api.errors import ApiError, shorten
from agentdash.api.schema import ErrorBody, NotDecodable, decode
from agentdash.api.since import lacking
from agentdash.wire.backoff import retry_after_s
from agentdash.wire.pty import refusal_sentence

if TYPE_CHECKING:
    from websockets.http11 import Response

DEFAULT_RETRY_AFTER_S: Final = 60.0
_MAX_PAGE: Final = 65536
_AGENT_STATE: Final = re.compile(r'Agent state is "([^"]*)"')
_NO_UPGRADE: Final = "WebSocket protocol violation"
_UPGRADE: Final = "A proxy in between has to let websockets through (headers Upgrade and Connection)."
_NOT_AS: Final = "answers on loopback only, not as"
"""Word of the embedded server to whoever calls it by another name."""
_UNLICENSED: Final = re.compile(
    r"premium feature|contact sales|not licensed|requires? .{0,40}licen[sc]e", re.IGNORECASE
)
_UNREACHABLE: Final = (
    "Internal error dialing workspace agent",
    "Internal error fetching listening ports",
    "Internal error fetching containers",
    "Internal error watching agent's containers",
)


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer as far as it says why it is not the one hoped for.

    Attributes:
        headers: names in lower case.
        body: what was read of it.
        path: of the request, without query.
        origin: `scheme://host[:port]` that was asked.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    path: str = ""
    origin: str = ""

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_html(self) -> bool:
        return self.content_type in {"text/html", "application/xhtml+xml"}


def error_body(answer: RawAnswer) -> ErrorBody | None:
    """The JSON envelope, also where it is the second line of a refused upgrade; None if there is none."""
    if answer.is_html:
        return None
    last_line = answer.body.strip().rpartition(b"\n")[2]
    for text in (answer.body, last_line):
        try:
            found = decode(ErrorBody, text).value
        except NotDecodable:
            continue
        if found.message:
            return found
    return None


def error_from(answer: RawAnswer) -> ApiError:
    """The error that an answer other than the hoped-for one stands for."""
    facts: dict[str, Any] = {
        "status": answer.status,
        "request_id": answer.headers.get("x-coder-request-id", "")[:64],
        "path": answer.path,
    }
    if 300 <= answer.status < 400:
        return errors.Redirected(_origin(answer.headers.get("location", ""), answer.origin), **facts)
    envelope = error_body(answer)
    message = envelope.message if envelope else ""
    detail = _sentence(answer, envelope)
    if answer.status < 300:
        return _unusable(answer, detail, facts)
    if answer.status >= 500:
        return _server_trouble(answer, message, detail, facts)
    return _refusal(answer, envelope, detail, facts)


def terminal_error_from(answer: RawAnswer) -> ApiError:
    """Why a terminal's upgrade was refused (contract: pty.md §4).

    HTML pages stand for a stale id, a missing right or an agent that is away; the only 404 in JSON means
    that the token was not accepted.
    """
    if answer.is_html and answer.status >= 400:
        return _page_instead_of_terminal(answer)
    found = error_from(answer)
    if isinstance(found, errors.BadRequest) and (answer.status == 426 or _NO_UPGRADE in found.detail):
        found.next_step = _UPGRADE
    if isinstance(found, errors.NotFound):
        return errors.NotLoggedIn(
            "The terminal did not accept the token",
            status=answer.status,
            request_id=found.request_id,
            path=answer.path,
        )
    return found


def _page_instead_of_terminal(answer: RawAnswer) -> ApiError:
    sentence = _sentence(answer, None)
    facts: dict[str, Any] = {
        "status": answer.status,
        "request_id": answer.headers.get("x-coder-request-id", "")[:64],
        "path": answer.path,
    }
    if answer.status in {502, 503, 504}:
        step = "A proxy in between cannot reach the server; the program keeps trying."
        return errors.ServerError(f"HTTP {answer.status}: {sentence}", next_step=step, **facts)
    if not sentence.startswith(f"{answer.status} - "):
        # The server's own pages are titled so.
        return errors.TerminalRefused(
            f"HTTP {answer.status} and a page of a proxy ({sentence})", next_step=_UPGRADE, **facts
        )
    state = _AGENT_STATE.search(sentence)
    return errors.TerminalRefused(sentence, state=state.group(1)[:32] if state else "", **facts)


def _unusable(answer: RawAnswer, detail: str, facts: dict[str, Any]) -> ApiError:
    if answer.is_html:
        return errors.NotCoder(f"A web page came instead of data ({detail})", **facts)
    return errors.MalformedAnswer("The answer is not the JSON it should be", **facts)


def _server_trouble(answer: RawAnswer, message: str, detail: str, facts: dict[str, Any]) -> ApiError:
    if message.startswith(_UNREACHABLE[0]):
        return errors.AgentUnreachable(detail, **facts)
    if message.startswith(_UNREACHABLE) and "deadline exceeded" in detail:
        return errors.AgentUnreachable(detail, **facts)
    return errors.ServerError(f"HTTP {answer.status}: {detail}", **facts)


def _refusal(answer: RawAnswer, envelope: ErrorBody | None, detail: str, facts: dict[str, Any]) -> ApiError:
    message = envelope.message if envelope else ""
    match answer.status:
        case 401:
            return errors.NotLoggedIn(detail, **facts)
        case 403 if _UNLICENSED.search(detail):
            return errors.FeatureNotLicensed(detail, **facts)
        case 403 if _NOT_AS in detail:
            step = "Use the address the server was started with, or have the proxy pass that on as Host."
            return errors.Forbidden(detail, next_step=step, **facts)
        case 403:
            return errors.Forbidden(detail, **facts)
        case 404 if answer.is_html:
            return errors.NotCoder(f"HTTP 404 and a web page came ({detail})", **facts)
        case 404 if message == "Route not found.":
            words = lacking(answer.path, answer.headers.get("x-coder-build-version", "")[:64])
            return errors.RouteNotFound("The server does not know this request", next_step=words, **facts)
        case 404:
            return errors.NotFound(detail, **facts)
        case 405:
            return errors.RouteNotFound("The server does not take this kind of request here", **facts)
        case 408:
            return errors.TimedOut(detail, **facts)
        case 409:
            return errors.Conflict(detail, **facts)
        case 410:
            return errors.Gone(detail, **facts)
        case 429:
            here = http_date(answer.headers.get("date", "")) or datetime.now(UTC)
            wait_s = retry_after_s(answer.headers.get("retry-after"), here)
            return errors.RateLimited(detail, retry_after_s=wait_s or DEFAULT_RETRY_AFTER_S, **facts)
    if answer.status == 400 and (state := _AGENT_STATE.search(message)):
        return errors.AgentNotConnected(detail, state=state.group(1)[:32], **facts)
    return errors.BadRequest(detail, envelope.validations if envelope else (), **facts)


def _sentence(answer: RawAnswer, envelope: ErrorBody | None) -> str:
    if envelope is not None:
        parts = [envelope.message]
        parts += [problem.detail for problem in envelope.validations[:3]]
        if envelope.detail and envelope.detail not in envelope.message:
            parts.append(envelope.detail)
        return shorten(" · ".join(part for part in parts if part))
    text = answer.body[:_MAX_PAGE].decode("utf-8", "replace")
    if answer.is_html:
        return shorten(refusal_sentence("text/html", text)) or "no title"
    if text.lstrip().startswith("<"):
        return "no readable text"
    return shorten(text[:200]) or f"HTTP {answer.status}"


def http_date(value: str) -> datetime | None:
    """Aware UTC, or None for anything that is no HTTP date."""
    try:
        return parsedate_to_datetime(value).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _origin(location: str, asked: str) -> str:
    """Scheme, host and port of a `Location`; a relative one stays at the origin that was asked."""
    try:
        parts = urlsplit(location.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if not parts.netloc:
        return asked
    if parts.scheme not in {"http", "https"} or not host or not re.fullmatch(r"[\w.:-]+", host):
        return ""
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}:{port}" if port else f"{parts.scheme}://{shown}"


def raw_from_handshake(response: Response, path: str, origin: str) -> RawAnswer:
    """A refused websocket handshake as an answer like any other."""
    headers = {name.lower(): value for name, value in response.headers.raw_items()}
    return RawAnswer(response.status_code, headers, bytes(response.body or b""), path, origin)


def error_from_exception(error: Exception, path: str = "", origin: str = "") -> ApiError:
    """The error that an exception of httpx, websockets, ssl or the operating system stands for."""
    if isinstance(error, ApiError):
        return error
    # Imported late: the libraries cost 200 ms, and a first picture is drawn before them.
    import httpx  # noqa: PLC0415
    from websockets import exceptions as ws  # noqa: PLC0415

    if isinstance(error, ws.InvalidStatus):
        return error_from(raw_from_handshake(error.response, path, origin))
    chain = causes(error)
    if (tls := _first(chain, ssl.SSLError)) is not None:
        kind = (
            errors.CertificateNotTrusted
            if isinstance(tls, ssl.SSLCertVerificationError)
            else errors.TlsFailure
        )
        return kind(_tls_detail(tls), path=path)
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        waiting = "while connecting" if isinstance(error, httpx.ConnectTimeout) else "for the answer"
        return errors.TimedOut(f"Waited {waiting} in vain", path=path)
    if isinstance(error, httpx.ProxyError | ws.ProxyError | ws.InvalidProxy):
        return errors.ConnectFailed("The proxy did not pass the connection on", path=path)
    if isinstance(error, ws.InvalidMessage) and any(
        isinstance(one, EOFError | ConnectionError) for one in chain
    ):
        return errors.ConnectFailed("The connection was cut", path=path)
    if isinstance(error, httpx.DecodingError | httpx.TooManyRedirects | ws.InvalidHandshake | ws.InvalidURI):
        return errors.MalformedAnswer("The answer breaks the protocol", path=path)
    if (lookup := _first(chain, socket.gaierror)) is not None:
        return errors.ConnectFailed(f"The host name cannot be resolved ({lookup.strerror})", path=path)
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError | httpx.CloseError):
        return errors.ConnectFailed("The connection was cut", path=path)
    return errors.ConnectFailed(_connect_detail(chain), path=path)


def causes(error: BaseException) -> list[BaseException]:
    """An exception with all that led to it, the members of groups among them."""
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found and len(found) < 20:
        found.append(current)
        if isinstance(current, BaseExceptionGroup):
            found.extend(current.exceptions)
        current = current.__cause__ or current.__context__
    return found


E = TypeVar("E", bound=BaseException)


def _first(chain: list[BaseException], kind: type[E]) -> E | None:
    return next((one for one in chain if isinstance(one, kind)), None)


def _tls_detail(error: ssl.SSLError) -> str:
    # The attributes are missing on errors that were not raised by OpenSSL itself.
    if isinstance(error, ssl.SSLCertVerificationError):
        return getattr(error, "verify_message", "") or "The certificate was not accepted"
    reason = getattr(error, "reason", None) or "TLS_FAILED"
    if reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"}:
        return "The server does not speak TLS on this port; try http://"
    if reason == "UNEXPECTED_EOF_WHILE_READING":
        return "The server ended the connection before it was secure"
    return reason.replace("_", " ").lower()


def _connect_detail(chain: list[BaseException]) -> str:
    for error in reversed(chain):
        if isinstance(error, ConnectionRefusedError):
            return "Nothing listens at this address"
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
    return "The connection could not be made"
