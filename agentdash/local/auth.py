"""Who may talk to the embedded deployment: one token, loopback names only, no foreign pages.

The deployment hands out a shell on this machine. So besides the token (contract: README.md §2) every request
must name a loopback host with our own port, against DNS rebinding, and a browser's `Origin` must be ours.
"""

from __future__ import annotations

import hmac
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from agentdash.local.errors import ApiError

ID_LENGTH = 10
SECRET_LENGTH = 22
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
SIGNED_OUT = "You are signed out or your session has expired. Please sign in again to continue."
NO_CREDENTIALS = "API key or external proxy authentication required, but none provided"

_ALPHABET = string.ascii_letters + string.digits
_COOKIE = "coder_session_token"
_PTY_COOKIE = "coder_path_app_session_token"
_CHALLENGE = (
    'Bearer realm="coder", error="invalid_token", error_description="The access token has expired", '
    'error_uri="https://coder.com/docs"'
)


class Token:
    """A session token of Coder's shape; its text shows nowhere but in `reveal`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Token(…)"

    __str__ = __repr__

    def reveal(self) -> str:
        """The token itself, for the one who may have it."""
        return self._text

    def matches(self, candidate: str) -> bool:
        """Whether `candidate` is this token; takes the same time for every wrong one."""
        return hmac.compare_digest(self._text.encode(), candidate.encode(errors="surrogateescape"))


def new_token() -> Token:
    """A random token: 10 characters, a dash, 22 characters (contract: README.md §2.1)."""
    parts = ("".join(secrets.choice(_ALPHABET) for _ in range(n)) for n in (ID_LENGTH, SECRET_LENGTH))
    return Token("-".join(parts))


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request brought along: header names in lower case, query parameters with their first value."""

    headers: Mapping[str, str]
    query: Mapping[str, str]

    @classmethod
    def of(cls, headers: Mapping[str, str], query_string: str) -> Credentials:
        """Read them from headers and the raw query string."""
        parsed = parse_qs(query_string, keep_blank_values=True)
        return cls(headers, {name: values[0] for name, values in parsed.items()})

    def token(self, *, is_pty: bool = False) -> str:
        """The first non-empty token, in the server's order; "" if none (contract: pty.md §3.1)."""
        cookies = _cookies(self.headers.get("cookie", ""))
        bearer = self.headers.get("authorization", "")
        candidates = (
            cookies.get(_PTY_COOKIE, "") if is_pty else "",
            cookies.get(_COOKIE, ""),
            self.query.get(_COOKIE, ""),
            self.headers.get("coder-session-token", ""),
            bearer[7:].strip() if bearer[:7].lower() == "bearer " else "",
            self.query.get("access_token", ""),
        )
        return next((candidate for candidate in candidates if candidate), "")


class Gate:
    """Checks of every request against one token and one port."""

    def __init__(self, token: Token, port: int) -> None:
        self._token: Token | None = token
        self._hosts = frozenset(f"{name}:{port}" for name in LOOPBACK_NAMES)

    def revoke(self) -> None:
        """Make the token worthless, as an expired or deleted one."""
        self._token = None

    def replace(self, token: Token) -> None:
        """Accept `token` from now on and no other."""
        self._token = token

    def is_signed_in(self, credentials: Credentials, *, is_pty: bool = False) -> bool:
        """Whether the request brought the token."""
        candidate = credentials.token(is_pty=is_pty)
        return bool(candidate) and self._token is not None and self._token.matches(candidate)

    def signed_out_error(self, credentials: Credentials) -> ApiError:
        """The 401 that fits what the request brought (contract: README.md §2.2)."""
        detail = _token_fault(credentials.token()) or "API key is invalid."
        return ApiError(401, SIGNED_OUT, detail, headers={"WWW-Authenticate": _CHALLENGE})

    def host_error(self, headers: Mapping[str, str]) -> ApiError | None:
        """403 unless `Host` is a loopback name with our port: a rebound DNS name never is."""
        host = headers.get("host", "").lower()
        if host in self._hosts:
            return None
        return ApiError(403, "Forbidden.", f"This server answers on loopback only, not as {host[:80]!r}.")

    def is_foreign_origin(self, headers: Mapping[str, str]) -> bool:
        """Whether an `Origin` is there and names another host than `Host` (contract: README.md §7.3)."""
        origin = headers.get("origin")
        if origin is None:
            return False
        try:
            netloc = urlsplit(origin).netloc.lower()
        except ValueError:
            return True
        return netloc != headers.get("host", "").lower()


def agent_signed_out_error() -> ApiError:
    """The one 401 of everything below `/workspaceagents/{id}` (contract: README.md §2.2)."""
    return ApiError(401, NO_CREDENTIALS)


def foreign_origin_text(headers: Mapping[str, str]) -> str:
    """The sentence of a 403 on a foreign `Origin`."""
    return (
        f'request Origin "{headers.get("origin", "")}" is not authorized for Host "{headers.get("host", "")}"'
    )


def _token_fault(token: str) -> str:
    if not token:
        return f'Cookie "{_COOKIE}" or query parameter must be provided.'
    parts = token.split("-")
    if len(parts) != 2:
        return f"Invalid API key format: incorrect amount of API key parts, expected 2 got {len(parts)}"
    for name, part, length in (("ID", parts[0], ID_LENGTH), ("secret", parts[1], SECRET_LENGTH)):
        if len(part) != length:
            return (
                f"Invalid API key format: incorrect API key {name} length, expected {length} got {len(part)}"
            )
    return ""


def _cookies(header: str) -> Mapping[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}
