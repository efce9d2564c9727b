"""The ASGI application: what happens to every request before and after its handler (contract: README.md §1–4)."""

from __future__ import annotations

import base64
import re
import secrets
import uuid
from collections.abc import Iterable, Mapping, Sequence
from email.utils import format_datetime
from typing import Any

from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected

from agentdash.local.auth import Credentials, agent_signed_out_error
from agentdash.local.errors import ApiError, CoderJSONResponse, forbidden, route_not_found
from agentdash.local.faults import make_hostile
from agentdash.local.faulty import StreamFault, answer_instead, cut_by_age
from agentdash.local.pages import dashboard_page
from agentdash.local.rates import Rate, RateLimiter
from agentdash.local.reshaping import ReshapingSend
from agentdash.local.revisions import LATEST
from agentdash.local.runtime import STATE_KEY, Runtime
from agentdash.local.streams import RefusalError
from agentdash.local.websocket import header_map

PUBLIC_PATHS = frozenset({"/api/v2/", "/api/v2/buildinfo", "/api/v2/derp-map"})
RELAY_CHECK_PATH = "/derp/latency-check"
_AGENT_PATH = re.compile(r"/api/v2/workspaceagents/(?!connection$)[^/]+")
_PTY_PATH = re.compile(r"/api/v2/workspaceagents/[^/]+/pty")
_BY_AGENTS = re.compile(r"/api/v2/workspaceagents/(?:me/.*|(?:aws|azure|google)-instance-identity)")
"""Handlers of agents check an agent's token themselves, those of machines a signature."""
_SLASHES = re.compile(r"/{2,}")
_STARTS = frozenset({"http.response.start", "websocket.http.response.start", "websocket.accept"})


class Application:
    """Checks host, origin, rate and token, finds the route, and gives every answer its headers."""

    def __init__(
        self, runtime: Runtime, routes: Iterable[BaseRoute], limiter: RateLimiter | None = None
    ) -> None:
        self._runtime = runtime
        self._routes = tuple(routes)
        self._limiter = limiter or RateLimiter()
        # The cookie is part of every answer of the real server; clients are to ignore it (README.md §1).
        nonce = base64.b64encode(secrets.token_bytes(32)).decode()
        self._cookie = f"csrf_token={nonce}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or websocket."""
        if scope["type"] not in {"http", "websocket"}:
            return
        path = _SLASHES.sub("/", scope["path"])
        scope = {**scope, "path": path}
        scope["state"] = {
            STATE_KEY: self._runtime,
            "deployment": self._runtime.deployment,
            "viewer": self._runtime.viewer,
        }
        if self._runtime.faults.restart_requested:
            # Told by a flag, since a fault plan knows no server; every poll finds it.
            self._runtime.faults.restart_requested = False
            self._runtime.drop_connections()
        faults, revision = self._runtime.faults, self._runtime.revision
        send = ReshapingSend(send, make_hostile, lambda: faults.is_hostile).send
        if revision is not LATEST:
            send = ReshapingSend(send, revision.reshaped, lambda: True).send
        try:
            is_websocket = scope["type"] == "websocket"
            fault = faults.take(scope.get("method", "GET"), path, is_websocket=is_websocket)
            if fault is None:
                await self._answer(scope, receive, send)
                return
            clock = self._runtime.deployment.clock
            if await answer_instead(fault, clock, scope, receive, send):
                return
            async with cut_by_age(fault, clock, scope, send):
                await self._answer(scope, receive, StreamFault(fault, scope, send).send)
        except ClientDisconnected:
            return

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        rate = self._count(scope["path"])
        send = self._with_headers(send, rate)
        try:
            await self._serve(scope, receive, send, rate)
        except ApiError as error:
            await error.response()(scope, receive, send)
        except RefusalError as refusal:
            await refusal.response(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, rate: Rate | None) -> None:
        headers = header_map(scope["headers"])
        self._check_origin(scope, headers)
        path = scope["path"]
        if path == "/healthz":
            await PlainTextResponse("OK")(scope, receive, send)
        elif path == RELAY_CHECK_PATH:
            # How far the relay is; clients ask without a login (contract: tailnet.md §2).
            await PlainTextResponse("")(scope, receive, send)
        elif not path.startswith("/api/"):
            await dashboard_page()(scope, receive, send)
        elif rate is not None and rate.is_exceeded:
            limit = self._limiter.limit
            raise ApiError(429, f"You've been rate limited for sending more than {limit} requests in 1m0s.")
        elif path == "/api/v2/":
            await CoderJSONResponse({"message": "👋"})(scope, receive, send)
        else:
            await self._route(scope, receive, send, headers)

    async def _route(self, scope: Scope, receive: Receive, send: Send, headers: Mapping[str, str]) -> None:
        found, child, allowed = self._match(scope)
        if not self._runtime.revision.has_route(scope.get("method", "GET"), scope["path"]):
            raise route_not_found()
        if found is None:
            if allowed:
                response = Response(status_code=405, headers={"Allow": ", ".join(sorted(allowed))})
                await response(scope, receive, send)
                return
            raise route_not_found()
        self._check_token(scope, headers)
        scope.update(child)
        await found.handle(scope, receive, send)

    def _match(self, scope: Scope) -> tuple[BaseRoute | None, Mapping[str, Any], set[str]]:
        """The route, its part of the scope, and the methods that the path would take instead."""
        allowed: set[str] = set()
        for route in self._routes:
            match, child = route.matches(scope)
            if match is Match.NONE:
                continue
            methods = (route.methods or set()) - {"HEAD"} if isinstance(route, Route) else set()
            if scope["type"] == "websocket" or scope["method"] in methods:
                return route, child, allowed
            allowed |= methods
        return None, {}, allowed

    def _check_origin(self, scope: Scope, headers: Mapping[str, str]) -> None:
        error = self._runtime.gate.host_error(headers)
        if error is not None:
            raise error
        # A websocket's foreign origin is refused at its upgrade, in the order of the real server.
        if scope["type"] == "http" and self._runtime.gate.is_foreign_origin(headers):
            raise forbidden(detail="Requests of foreign pages are not served.")

    def _check_token(self, scope: Scope, headers: Mapping[str, str]) -> None:
        path = scope["path"]
        if path in PUBLIC_PATHS or _PTY_PATH.fullmatch(path) or _BY_AGENTS.fullmatch(path):
            return
        credentials = Credentials.of(headers, scope["query_string"].decode("latin-1"))
        if self._runtime.gate.is_signed_in(credentials):
            return
        if _AGENT_PATH.match(path):
            raise agent_signed_out_error()
        raise self._runtime.gate.signed_out_error(credentials)

    def _count(self, path: str) -> Rate | None:
        if not path.startswith("/api/") or self._limiter.limit <= 0:
            return None
        return self._limiter.count(path, self._runtime.deployment.now().timestamp())

    def _with_headers(self, send: Send, rate: Rate | None) -> Send:
        deployment = self._runtime.deployment
        common = [
            (b"date", format_datetime(deployment.now(), usegmt=True).encode()),
            (b"x-coder-build-version", deployment.version.encode()),
            (b"x-coder-request-id", str(uuid.uuid4()).encode()),
            (b"set-cookie", self._cookie.encode()),
            *(rate.headers() if rate is not None else ()),
        ]

        async def send_with_headers(message: Message) -> None:
            if message["type"] in _STARTS:
                message = {**message, "headers": [*message.get("headers", ()), *common]}
            await send(message)

        return send_with_headers


def first_routes(*groups: Sequence[BaseRoute]) -> list[BaseRoute]:
    """Routes of several modules in one list; the first that fits a path answers it."""
    return [route for group in groups for route in group]
