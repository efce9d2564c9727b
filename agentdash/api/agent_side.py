"""Calls of an agent about itself: `/workspaceagents/me/…` (contract: agent-side.md §2–§9).

The client's token must be an agent's: it acts with the rights of the workspace's owner, for this workspace
alone. Errors are those of `errors` with the leaves of `agent_errors`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from agentdash.api import errors
from agentdash.api.agent_errors import MessageTooLong, of_agent
from agentdash.api.agent_logs import LogEntry
from agentdash.api.client import Client
from agentdash.api.schema import LogSource, NotDecodable, from_python
from agentdash.api.schema.agent_side import ExternalAuth, GitSshKey, ReinitEvent
from agentdash.api.sources import Route, Source, Transport
from agentdash.api.stream import Closed, Data, Stream
from agentdash.wire import messages
from agentdash.wire.agent_words import MAX_APP_MESSAGE
from agentdash.wire.backoff import Backoff
from agentdash.wire.events import StreamEvent

BASE: Final = "/api/v2/workspaceagents/me"
LISTEN_S: Final = 3600.0
"""A listening external-auth request hangs without a sign until the owner has logged in; then it is repeated."""

Sleep = Callable[[float], Awaitable[None]]


class AgentSideApi:
    """What an agent can ask and tell."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def client(self) -> Client:
        """What carries the calls, with the agent's token."""
        return self._client

    async def git_ssh_key(self) -> GitSshKey:
        """The owner's key pair (contract: agent-side.md §4).

        Raises:
            Forbidden: the agent may not read the owner's personal data.
        """
        with _told():
            return await self._client.get(GitSshKey, f"{BASE}/gitsshkey")

    async def external_auth(self, *, match: str = "", provider_id: str = "") -> ExternalAuth:
        """A token for a host or URL, or by provider id; `needs_login` tells that only a URL came (§5).

        Raises:
            ValueError: not exactly one of the two.
            NoProvider: nobody is configured for it.
        """
        query = _auth_query(match, provider_id)
        with _told():
            return await self._client.get(ExternalAuth, f"{BASE}/external-auth", query)

    async def listen_external_auth(
        self,
        *,
        match: str = "",
        provider_id: str = "",
        backoff: Backoff,
        sleep: Sleep = asyncio.sleep,
        listen_s: float = LISTEN_S,
    ) -> ExternalAuth:
        """Wait until the owner has logged in. Cuts, silences and trouble of the server are asked through.

        Raises:
            ApiError: a refusal; waiting would not help.
        """
        query = {**_auth_query(match, provider_id), "listen": "true"}
        while True:
            with _told():
                try:
                    found = await self._client.get(
                        ExternalAuth, f"{BASE}/external-auth", query, timeout_s=listen_s
                    )
                except (errors.ConnectFailed, errors.TimedOut, errors.ServerTrouble):
                    await sleep(next(backoff))
                    continue
            if not found.needs_login:
                return found
            await sleep(next(backoff))

    async def git_auth(self, url: str) -> ExternalAuth:
        """`external_auth` of servers before v2.3.0; later ones take it too (§5)."""
        with _told():
            return await self._client.get(ExternalAuth, f"{BASE}/gitauth", {"url": url})

    async def add_log_source(self, source_id: str, display_name: str, icon: str = "") -> LogSource:
        """Register a source; an id that is there already is no error, and keeps its first name (§6).

        Raises:
            RouteNotFound: servers before v2.13.0.
        """
        body = {"id": source_id, "display_name": display_name, "icon": icon}
        with _told():
            answer = await self._client.send("POST", f"{BASE}/log-source", body)
            return await self._client.read(LogSource, answer)

    async def send_logs(self, entries: Sequence[LogEntry], source_id: str = "") -> None:
        """Store one batch, whole or not at all; at most what `agent_logs.batches` makes (§7).

        Args:
            source_id: "" for the source "External", which the server makes when it is first needed.

        Raises:
            LogsFull: the log has had its 1 MiB; nothing of the batch was stored.
            RouteNotFound: servers before v2.0.0.
        """
        if not entries:
            return
        body: dict[str, object] = {"logs": [entry.as_json() for entry in entries]}
        if source_id:
            body["log_source_id"] = source_id
        with _told():
            await self._client.send("PATCH", f"{BASE}/logs", body)

    async def report_app_status(self, app_slug: str, state: str, message: str, uri: str = "") -> None:
        """Say what the program behind an app is doing; each call is a row of its own (§8).

        Args:
            state: `working`, `idle`, `complete` or `failure`; the server judges it.

        Raises:
            MessageTooLong: more than 160 bytes; nothing was sent.
            BadRequest: no such app of this agent, or an unknown state.
        """
        size = len(message.encode("utf-8", "replace"))
        if size > MAX_APP_MESSAGE:
            raise MessageTooLong(f"It has {size} bytes", path=f"{BASE}/app-status")
        body = {"app_slug": app_slug, "state": state, "message": message, "uri": uri}
        with _told():
            await self._client.send("PATCH", f"{BASE}/app-status", body)

    @asynccontextmanager
    async def reinit_stream(self, *, wait: bool = True) -> AsyncIterator[Stream[ReinitEvent]]:
        """The claim channel as items; its first sign comes after up to 15 s (§9.1).

        Raises:
            NotReinitialisable: with `wait`, when there is nothing to wait for.
            RouteNotFound: servers before about 2.22.
        """
        with _told():
            async with Stream(self._client, ReinitSource(wait=wait)) as items:
                yield items


class ReinitSource(Source[ReinitEvent]):
    """Server-sent events of `me/reinit`."""

    def __init__(self, *, wait: bool) -> None:
        self._query = {"wait": "true"} if wait else None

    def routes(self) -> tuple[Route, ...]:
        return (Route(Transport.SSE, f"{BASE}/reinit", self._query),)

    def read(self, message: bytes) -> StreamEvent:
        return messages.decode_event(message)

    def payload(self, value: object) -> ReinitEvent:
        if not isinstance(value, dict):
            raise NotDecodable("not an object")
        found: ReinitEvent = from_python(ReinitEvent, value).value
        return found


async def wait_for_claim(
    api: AgentSideApi,
    *,
    wait: bool = True,
    known_owner_id: str = "",
    backoff: Backoff,
    sleep: Sleep = asyncio.sleep,
    on_trouble: Callable[[errors.ApiError], None] = lambda _: None,
) -> ReinitEvent | None:
    """The next claim, through cuts and restarts; None for a repeat of one that is known.

    A server from 2026-04 on repeats the last claim on every connect: the same owner again means that it was
    dealt with, and there is nothing more to wait for (contract: agent-side.md §9.3).

    Args:
        known_owner_id: owner of the claim dealt with last, "" if there was none.
        on_trouble: told of what is waited through.

    Raises:
        NotReinitialisable: final.
        ApiError: another refusal.
    """
    while True:
        try:
            async with api.reinit_stream(wait=wait) as items:
                async for item in items:
                    if isinstance(item, Data):
                        event: ReinitEvent = item.payload
                        is_repeat = bool(event.owner_id) and event.owner_id == known_owner_id
                        return None if is_repeat else event
                    if isinstance(item, Closed) and item.error is not None and item.error.is_final:
                        raise of_agent(item.error)
        except (errors.ConnectFailed, errors.TimedOut, errors.ServerTrouble, errors.RateLimited) as trouble:
            on_trouble(trouble)
        except errors.NotLoggedIn as refusal:
            # While the claim build runs the token is of no use; it is again with the build's end (§9.3, step 4).
            if "not authorized" not in refusal.detail:
                raise
            on_trouble(refusal)
        await sleep(next(backoff))


def _auth_query(match: str, provider_id: str) -> dict[str, str]:
    if bool(match) == bool(provider_id):
        raise ValueError("exactly one of a host or URL and a provider id is wanted")
    return {"match": match} if match else {"id": provider_id}


@contextmanager
def _told() -> Iterator[None]:
    """Errors by their agent-side names."""
    try:
        yield
    except errors.ApiError as error:
        named = of_agent(error)
        if named is error:
            raise
        raise named from None
