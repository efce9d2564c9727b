"""What waits to be said: order, joining, cuts, a full log."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from agentdash.agent.outbox import MAX_WAITING, Outbox
from agentdash.api import errors
from agentdash.api.agent_logs import LogEntry
from agentdash.api.agent_rpc import AgentRpc
from agentdash.api.tailnet_errors import RpcCut, RpcRefused


class Server:
    """Takes what an agent says; cuts, or is full, when told to."""

    def __init__(self) -> None:
        self.said: list[Any] = []
        self.cut_after = -1
        self.is_full = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def send_logs(self, source_id: str, entries: Sequence[LogEntry]) -> bool:
        await self.gate.wait()
        self._take((source_id, [entry.output for entry in entries]))
        return not self.is_full

    async def step(self, word: str) -> None:
        self._take(word)

    def _take(self, what: Any) -> None:
        if self.cut_after == len(self.said):
            raise RpcCut("cut")
        self.said.append(what)


def rpc(server: Server) -> AgentRpc:
    return cast("AgentRpc", server)


def box(refused: list[errors.ApiError] | None = None) -> Outbox:
    return Outbox((refused if refused is not None else []).append)


async def drained(outbox: Outbox, server: Server) -> None:
    task = asyncio.create_task(outbox.send(rpc(server)))
    async with asyncio.timeout(5):
        await outbox.wait_empty()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_order_is_kept_and_lines_of_one_source_go_together() -> None:
    outbox, server = box(), Server()
    for source, line in (("a", "1"), ("a", "2"), ("b", "3"), ("a", "4")):
        outbox.add_line(source, LogEntry(line))
    outbox.add(lambda _: server.step("ready"))
    outbox.add_line("a", LogEntry("5"))
    await drained(outbox, server)
    assert server.said == [("a", ["1", "2"]), ("b", ["3"]), ("a", ["4"]), "ready", ("a", ["5"])]


async def test_lines_that_come_while_a_request_is_under_way_go_in_the_next() -> None:
    outbox, server = box(), Server()
    server.gate.clear()
    outbox.add_line("a", LogEntry("1"))
    task = asyncio.create_task(outbox.send(rpc(server)))
    await asyncio.sleep(0)
    outbox.add_line("a", LogEntry("2"))
    outbox.add_line("a", LogEntry("3"))
    server.gate.set()
    async with asyncio.timeout(5):
        await outbox.wait_empty()
    assert server.said == [("a", ["1"]), ("a", ["2", "3"])]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_after_a_cut_it_goes_on_where_it_was() -> None:
    outbox, server = box(), Server()
    outbox.add_line("a", LogEntry("1"))
    outbox.add(lambda _: server.step("ready"))
    server.cut_after = 1
    with pytest.raises(RpcCut):
        await outbox.send(rpc(server))
    server.cut_after = -1
    await drained(outbox, server)
    assert server.said == [("a", ["1"]), "ready"]


async def test_batches_that_were_sent_are_not_sent_again() -> None:
    outbox, server = box(), Server()
    for n in range(2500):
        outbox.add_line("a", LogEntry(str(n)))
    server.cut_after = 1
    with pytest.raises(RpcCut):
        await outbox.send(rpc(server))
    server.cut_after = -1
    await drained(outbox, server)
    assert [line for _, lines in server.said for line in lines] == [str(n) for n in range(2500)]


async def test_what_is_refused_is_told_and_dropped() -> None:
    refused: list[errors.ApiError] = []
    outbox, server = box(refused), Server()

    async def refuse(_: AgentRpc) -> None:
        raise RpcRefused("no")

    outbox.add(refuse)
    outbox.add(lambda _: server.step("next"))
    await drained(outbox, server)
    assert server.said == ["next"]
    assert [error.detail for error in refused] == ["no"]


async def test_a_full_log_takes_no_more_lines() -> None:
    outbox, server = box(), Server()
    server.is_full = True
    outbox.add_line("a", LogEntry("1"))
    await drained(outbox, server)
    outbox.add_line("a", LogEntry("2"))
    outbox.add(lambda _: server.step("still here"))
    await drained(outbox, server)
    assert server.said == [("a", ["1"]), "still here"]
    assert (outbox.is_log_full, outbox.lost_lines) == (True, 1)


async def test_what_waits_is_bounded_and_room_comes_back() -> None:
    outbox, server = box(), Server()
    outbox.add_line("a", LogEntry("y" * 5000))
    await drained(outbox, server)
    server.said.clear()
    line = "x" * 1000
    for _ in range(MAX_WAITING // 1000 + 50):
        outbox.add_line("a", LogEntry(line))
    lost = outbox.lost_lines
    assert lost >= 50
    await drained(outbox, server)
    outbox.add_line("a", LogEntry(line))
    assert outbox.lost_lines == lost
    await drained(outbox, server)
    assert outbox._size == 0
    assert sum(len(lines) for _, lines in server.said) == MAX_WAITING // 1000 + 50 - lost + 1
