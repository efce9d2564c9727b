"""Who wants to hear that something changed: topics without payload, coalesced, bounded by nature.

A publish says "look again", never what changed: a subscriber reads the records and renders its own snapshot.
A slow subscriber therefore misses intermediate states and never the last one, which is what the real server's
streams do (contract: agents.md §5.4, fleet.md §3.1). Use from the event loop's thread only; other threads go
through `loop.call_soon_threadsafe(bus.publish, topic)`.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


def workspace_topic(workspace_id: str, owner_id: str) -> str:
    """Events of one workspace *as told to one owner*.

    The owner is part of the name because the real server's watch is bound to the owner at opening: after a
    prebuild is claimed an open stream goes deaf (contract: fleet.md §3.1). Subscribe once, at opening.
    """
    return f"workspace:{workspace_id}:{owner_id}"


def logs_topic(agent_id: str) -> str:
    """New agent log lines, or the agent left the latest build."""
    return f"logs:{agent_id}"


def build_logs_topic(build_id: str) -> str:
    """New build log lines, or the job ended."""
    return f"buildlogs:{build_id}"


def metadata_topic(agent_id: str) -> str:
    """New metadata values."""
    return f"metadata:{agent_id}"


def containers_topic(agent_id: str) -> str:
    """A devcontainer of the agent changed."""
    return f"containers:{agent_id}"


def nodes_topic(agent_id: str) -> str:
    """The agent or one of its clients told its node anew, or left."""
    return f"nodes:{agent_id}"


ALL_BUILDS_TOPIC = "builds"
"""Any build was queued, started or ended."""


class Subscription:
    """Listens to some topics while it is open; use as an async context manager."""

    def __init__(self, bus: Bus, topics: frozenset[str]) -> None:
        self._bus = bus
        self.topics = topics
        self._changed: set[str] = set()
        self._event = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._bus.add(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bus.remove(self)

    def notify(self, topic: str) -> None:
        """Remember that `topic` changed and wake the waiter."""
        self._changed.add(topic)
        self._event.set()

    async def wait(self) -> frozenset[str]:
        """Wait for the next change; returns the topics that changed since the last call, at least one."""
        await self._event.wait()
        self._event.clear()
        changed = frozenset(self._changed)
        self._changed.clear()
        return changed


class Bus:
    """Topics and their open subscriptions."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, set[Subscription]] = {}

    def subscribe(self, *topics: str) -> Subscription:
        """A subscription to all `topics`; it hears only while entered as a context manager."""
        return Subscription(self, frozenset(topics))

    def publish(self, *topics: str) -> None:
        """Tell every subscription of `topics` to look again. Never blocks, never fails."""
        for topic in topics:
            for subscription in tuple(self._subscriptions.get(topic, ())):
                subscription.notify(topic)

    def count(self, topic: str) -> int:
        """How many subscriptions are open on `topic`."""
        return len(self._subscriptions.get(topic, ()))

    def add(self, subscription: Subscription) -> None:
        """Open a subscription; called by its context manager."""
        for topic in subscription.topics:
            self._subscriptions.setdefault(topic, set()).add(subscription)

    def remove(self, subscription: Subscription) -> None:
        """Close a subscription; called by its context manager."""
        for topic in subscription.topics:
            held = self._subscriptions.get(topic)
            if held is not None:
                held.discard(subscription)
                if not held:
                    del self._subscriptions[topic]
