"""The one HTTP client: header login, no cookies, no redirects, budget, read-only switch, errors by name.

The token goes to the configured origin and nowhere else: paths are joined to that origin, redirects are
errors, and no cookie is kept, since a stale cookie would beat the header (contract: README §1, §2.1, §8,
§10).
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel

from agentdash.api import errors, transport
from agentdash.api.exchange import (
    TIMEOUT_S,
    Answer,
    Exchange,
    Query,
    Secret,
    TlsOptions,
    origin_of,
    user_agent,
)
from agentdash.api.login import Login, StoredToken
from agentdash.api.mapping import RawAnswer, error_from, error_from_exception, http_date
from agentdash.api.schema import Decoded, NotDecodable, decode, decode_list
from agentdash.api.schema.base import Bool, from_json
from agentdash.api.version import Absences, ServerVersion
from agentdash.wire.budget import RequestBudget

if TYPE_CHECKING:
    import httpx

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")

LOGIN_HEADER: Final = "Coder-Session-Token"
MAX_BODY: Final = 256 * 1024 * 1024
_THREAD_FROM: Final = 64 * 1024
_SECRET_FROM: Final = 8
HEARD_EVERY_S: Final = 5.0
"""Signs of life on streams are told so often at most."""
_HARMLESS_POSTS: Final = frozenset({"/api/v2/authcheck"})


class Client:
    """Requests to one deployment.

    Making one costs nothing: libraries, certificates and connections are loaded by the first request, in a
    thread.
    """

    def __init__(
        self,
        url: str,
        token: Secret,
        *,
        login_again: StoredToken | None = None,
        headers: Mapping[str, Secret | str] | None = None,
        tls: TlsOptions | None = None,
        read_only: bool = False,
        budget: RequestBudget | None = None,
        observe: Callable[[Exchange], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        http_transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.origin = origin_of(url)
        self.read_only = read_only
        self.absences = Absences()
        self.server_version = ServerVersion("")
        self.clock_offset_s: float | None = None
        self._login = Login(token, login_again, clock)
        self._extra = dict(headers or {})
        self._tls = tls or TlsOptions()
        self._budget = budget or RequestBudget()
        self._observe = observe
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._http_transport = http_transport
        self._http: httpx.AsyncClient | None = None
        self._ssl: ssl.SSLContext | None = None
        self._opening = asyncio.Lock()
        self.on_heard: Callable[[], None] = lambda: None
        """Called for signs of life on any stream, every few seconds at most."""
        self._heard_at: float | None = None

    def __repr__(self) -> str:
        return f"Client({self.origin!r}, read_only={self.read_only})"

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections; the next request opens new ones."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    # -- typed requests -----------------------------------------------------------------------------------------

    async def get(
        self, kind: type[M], path: str, query: Query | None = None, timeout_s: float = TIMEOUT_S
    ) -> M:
        """GET one object."""
        return await self.read(kind, await self.request("GET", path, query=query, timeout_s=timeout_s))

    async def get_list(
        self, kind: type[T], path: str, query: Query | None = None, timeout_s: float = TIMEOUT_S
    ) -> tuple[T, ...]:
        """GET a bare list; `null` is an empty one."""
        return await self.read_list(kind, await self.request("GET", path, query=query, timeout_s=timeout_s))

    async def send(
        self,
        method: str,
        path: str,
        body: object = None,
        query: Query | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Answer:
        """A request that changes something; refused here in read-only mode.

        Raises:
            ReadOnly: nothing was sent.
        """
        return await self.request(method, path, query=query, body=body, timeout_s=timeout_s)

    async def read(self, kind: type[M], answer: Answer) -> M:
        """Decode an answer's body as one object.

        Raises:
            MalformedAnswer, NotCoder: it is something else.
        """
        found: Decoded[M] = await self._decode(answer, decode, kind)
        return found.value

    async def read_list(self, kind: type[T], answer: Answer) -> tuple[T, ...]:
        """Decode an answer's body as a list, `null` as an empty one; errors as of `read`."""
        found: Decoded[tuple[T, ...]] = await self._decode(answer, decode_list, kind)
        return found.value

    async def read_flags(self, answer: Answer) -> dict[str, bool]:
        """Decode an answer's body as a map of names to yes or no; errors as of `read`."""
        found: Decoded[dict[str, bool]] = await self._decode(answer, from_json, dict[str, Bool])
        return found.value

    async def _decode(self, answer: Answer, how: Callable[[Any, bytes], Decoded[T]], kind: Any) -> Decoded[T]:
        try:
            if len(answer.body) < _THREAD_FROM:
                found = how(kind, answer.body)
            else:
                # A page of 100 workspaces takes two frames' worth of time: not on the loop.
                found = await asyncio.to_thread(how, kind, answer.body)
        except NotDecodable:
            raw = RawAnswer(200, answer.headers, answer.body, answer.path, self.origin)
            raise self._told(error_from(raw)) from None
        if found.notes and self._observe is not None:
            exchange = Exchange(
                "GET",
                answer.path,
                answer.status,
                0.0,
                self._now(),
                self.server_version.text,
                notes=found.notes,
            )
            self._observe(exchange)
        return found

    # -- one request --------------------------------------------------------------------------------------------

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: object = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Answer:
        """One request, one answer below 400 (304 included); refused for its token, it is sent once more with a new one.

        Raises:
            ApiError: whatever went wrong, by its name.
        """
        self.check_allowed(method, path)
        token = self._login.token
        try:
            return await self._once(method, path, query, body, timeout_s)
        except errors.NotLoggedIn:
            if not await self._login.renew(token):
                raise
        return await self._once(method, path, query, body, timeout_s)

    async def _once(
        self, method: str, path: str, query: Query | None, body: object, timeout_s: float
    ) -> Answer:
        await self.pace(path)
        async with self._stream(method, path, query, body, timeout_s) as (response, started):
            content = await self._body(response, path)
            return self._judge(method, path, response, content, started)

    @asynccontextmanager
    async def open_events(
        self, path: str, query: Query | None, timeout_s: float
    ) -> AsyncIterator[httpx.Response]:
        """A response whose body goes on: server-sent events. Refusals are raised, the body is the caller's.

        `timeout_s` is for the header and for each silence in the body.
        """
        await self.pace(path)
        async with self._stream("GET", path, query, None, timeout_s) as (response, started):
            is_stream = response.headers.get("content-type", "").startswith("text/event-stream")
            if response.status_code != 200 or not is_stream:
                answer = self._judge("GET", path, response, await self._body(response, path), started)
                raw = RawAnswer(200, answer.headers, answer.body, path, self.origin)
                raise self._told(error_from(raw))
            self._note(_lower(response.headers))
            yield response

    def check_allowed(self, method: str, path: str) -> None:
        """The read-only switch: the last line of defence, whatever a screen offered.

        Raises:
            ReadOnly: the request would change something.
        """
        if self.read_only and method != "GET" and path not in _HARMLESS_POSTS:
            raise errors.ReadOnly("Nothing was sent", path=path)

    async def pace(self, path: str) -> None:
        """Wait for the request budget of this path."""
        wait_s = self._budget.reserve(path, self._clock())
        if wait_s > 0:
            await self._sleep(wait_s)

    @asynccontextmanager
    async def _stream(
        self, method: str, path: str, query: Query | None, body: object, timeout_s: float
    ) -> AsyncIterator[tuple[httpx.Response, float]]:
        http = await self._open()
        started = self._clock()
        try:
            request = http.build_request(
                method,
                self.url(path, query),
                headers=self.headers(),
                json=body,
                timeout=transport.timeout(timeout_s),
            )
            response = await http.send(request, stream=True, auth=None, follow_redirects=False)
            try:
                yield response, started
            finally:
                await response.aclose()
        except transport.failures() as error:
            raise self._failed(method, path, error, started) from None

    async def _body(self, response: httpx.Response, path: str) -> bytes:
        parts = bytearray()
        async for chunk in response.aiter_bytes():
            parts += chunk
            if len(parts) > MAX_BODY:
                raise errors.MalformedAnswer(
                    "The answer is too large", status=response.status_code, path=path
                )
        return bytes(parts)

    def _judge(self, method: str, path: str, response: httpx.Response, body: bytes, started: float) -> Answer:
        headers = _lower(response.headers)
        status = response.status_code
        self._note(headers)
        error = None
        if status >= 300 and status != 304:
            error = self._told(error_from(RawAnswer(status, headers, self.hidden(body), path, self.origin)))
            if isinstance(error, errors.RateLimited):
                self._budget.penalize(path, self._clock() + error.retry_after_s)
        self._report(method, path, started, Answer(status, headers, body, path), error)
        if error is not None:
            raise error
        return Answer(status, headers, body, path)

    def _failed(self, method: str, path: str, error: Exception, started: float) -> errors.ApiError:
        found = self.told(error, path)
        self._report(method, path, started, Answer(0, {}, b"", path), found)
        return found

    def _report(
        self, method: str, path: str, started: float, answer: Answer, error: errors.ApiError | None
    ) -> None:
        if self._observe is None:
            return
        self._observe(
            Exchange(
                method=method,
                path=path,
                status=answer.status,
                latency_s=self._clock() - started,
                at=self._now(),
                server_version=self.server_version.text,
                request_id=answer.headers.get("x-coder-request-id", "")[:64],
                clock_offset_s=self.clock_offset_s,
                size=len(answer.body),
                error=error,
            )
        )

    def _note(self, headers: Mapping[str, str]) -> None:
        version = headers.get("x-coder-build-version", "")
        if version and version != self.server_version.text:
            self.server_version = ServerVersion.parse(version)
            self.absences.saw_version(version)
        there = http_date(headers.get("date", ""))
        if there is not None:
            self.clock_offset_s = (there - self._now()).total_seconds()

    def heard(self) -> None:
        """Something came on a stream."""
        now = self._clock()
        if self._heard_at is None or now - self._heard_at >= HEARD_EVERY_S:
            self._heard_at = now
            self.on_heard()

    def saw_handshake(self, headers: Mapping[str, str]) -> None:
        """Headers of a websocket's answer tell version and clock too. Names in lower case."""
        self.heard()
        self._note(headers)

    def refused(self, error: errors.ApiError, path: str) -> errors.ApiError:
        """A refused websocket: bars the path when it was a 429, and hides the secrets."""
        if isinstance(error, errors.RateLimited):
            self._budget.penalize(path, self._clock() + error.retry_after_s)
        return self._told(error)

    def told(self, error: Exception, path: str) -> errors.ApiError:
        """The named error for whatever a stream's library raised, without the token in any text."""
        return self._told(error_from_exception(error, path, self.origin))

    def hidden(self, body: bytes) -> bytes:
        """A body without our secrets: a server or proxy may echo the request in what is going to be shown."""
        for secret in self._secrets():
            body = body.replace(secret.encode(), b"...")
        return body

    def _told(self, error: errors.ApiError) -> errors.ApiError:
        for secret in self._secrets():
            if secret in error.detail:
                error.detail = error.detail.replace(secret, "...")
                error.args = (f"{error.title}: {error.detail}",)
        return error

    def _secrets(self) -> list[str]:
        values = [*self._login.secrets, *self._extra.values()]
        shown = [value if isinstance(value, str) else value.reveal() for value in values]
        # Shorter ones are words: taking them out would only garble the sentence.
        return [value for value in shown if len(value) >= _SECRET_FROM]

    # -- what a connection needs --------------------------------------------------------------------------------

    def url(self, path: str, query: Query | None = None) -> str:
        """Absolute URL below the configured origin.

        Raises:
            ValueError: not a path of the API.
        """
        if not path.startswith("/api/"):
            raise ValueError("not a path of the API")
        pairs = [(name, value) for name, value in (query or {}).items() if value is not None]
        encoded = urlencode(pairs, doseq=True, quote_via=quote)
        return f"{self.origin}{path}?{encoded}" if encoded else f"{self.origin}{path}"

    def headers(self, *, with_login: bool = True) -> dict[str, str]:
        """Headers of every request, the token among them: only for a request to `origin`."""
        found = {
            name: value if isinstance(value, str) else value.reveal() for name, value in self._extra.items()
        }
        if with_login and (token := self._login.token):
            found[LOGIN_HEADER] = token
        found["User-Agent"] = user_agent()
        return found

    async def ssl_context(self) -> ssl.SSLContext | None:
        """The TLS settings for a websocket; None when the deployment is plain http."""
        await self._open()
        return self._ssl if self.origin.startswith("https:") else None

    async def _open(self) -> httpx.AsyncClient:
        if self._http is not None:
            return self._http
        async with self._opening:
            if self._http is None:
                context, http = await asyncio.to_thread(
                    transport.open_pool, self.origin, self._tls, self._http_transport
                )
                self._ssl, self._http = context, http
            return self._http

    async def pool_for_others(self, *, is_checked: bool = True) -> httpx.AsyncClient:
        """Connections to other hosts with the same TLS files and proxies, and without any login; the caller closes it.

        Args:
            is_checked: Whether certificates have to be trusted.
        """
        _, pool = await asyncio.to_thread(
            transport.open_pool, "https://", self._tls, self._http_transport, is_checked=is_checked
        )
        return pool


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
