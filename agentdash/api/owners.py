"""The workspaces of several owners on one connection, a call for each (contract: tailnet.md §8)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from types import TracebackType
from typing import Final, Self

from agentdash.api.errors import ApiError
from agentdash.api.tailnet import Tailnet, WorkspaceChanges
from agentdash.api.tailnet_errors import RpcCut, RpcRefused, UpdatesRefused

WAITING: Final = 16
"""Messages that may wait here; who takes them slowly delays the following ones, and loses none."""

_Item = tuple[str, WorkspaceChanges | ApiError]


class OwnerStreams:
    """`WorkspaceUpdates` of owners that come and go: `async with OwnerStreams(tailnet) as streams`."""

    def __init__(self, tailnet: Tailnet) -> None:
        self._tailnet = tailnet
        self._items: asyncio.Queue[_Item] = asyncio.Queue(WAITING)
        self._calls: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._refused: set[str] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.want(())
        await asyncio.gather(*self._ending, return_exceptions=True)

    def want(self, owner_ids: Iterable[str]) -> None:
        """From now on these; a call is opened for each new one, and left for each that is no longer wanted."""
        wanted = dict.fromkeys(owner_ids)
        for owner_id in self._calls.keys() - wanted.keys():
            call = self._calls.pop(owner_id)
            call.cancel()
            self._ending.add(call)
        self._refused &= wanted.keys()
        for owner_id in wanted:
            if owner_id not in self._calls:
                self._calls[owner_id] = asyncio.create_task(self._follow(owner_id), name=f"owner {owner_id}")

    async def updates(self) -> AsyncGenerator[tuple[str, WorkspaceChanges], None]:
        """Owner id and what changed, until one of the calls ends.

        Raises:
            RpcRefused: of none of the owners it would tell; one among others is left out.
            RpcUnknown: servers before v2.18.0.
            ApiError: the connection ended or was broken.
        """
        while True:
            owner_id, found = await self._items.get()
            if owner_id not in self._calls:
                continue
            if isinstance(found, RpcRefused):
                self._refused.add(owner_id)
                if self._refused >= self._calls.keys():
                    raise found
            elif isinstance(found, ApiError):
                raise found
            else:
                yield owner_id, found

    async def _follow(self, owner_id: str) -> None:
        end: ApiError
        try:
            async with aclosing(self._tailnet.workspace_updates(owner_id)) as updates:
                async for changes in updates:
                    await self._items.put((owner_id, changes))
        except ApiError as error:
            end = error
        except ValueError:
            end = UpdatesRefused("Not the id of a user")
        else:
            # It ends when the server stops (contract: tailnet.md §8).
            end = RpcCut("the server ended the updates")
        await self._items.put((owner_id, end))
