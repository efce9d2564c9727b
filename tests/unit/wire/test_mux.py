"""Streams and calls over a duplex in memory: two ends of ours against each other, and against a peer of bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from agentdash.wire.drpc import UNIMPLEMENTED, Kind, encode_packet
from agentdash.wire.errors import (
    CallBrokenError,
    CallFailedError,
    MuxEndedError,
    StreamOverError,
)
from agentdash.wire.mux import Mux
from agentdash.wire.rpc import Handler, ServerCall, ask, calling, serve
from agentdash.wire.yamux import WINDOW
from tests.unit.wire import tailnet_examples as x


class Pipe:
    """One end of a connection in memory; `piece` cuts what arrives."""

    def __init__(self, piece: int = 1 << 20) -> None:
        self.other: Pipe = self
        self.inbox: asyncio.Queue[bytes] = asyncio.Queue()
        self.sent = bytearray()
        self._piece = piece
        self._rest = b""

    async def send(self, data: bytes) -> None:
        self.sent += data
        self.other.inbox.put_nowait(data)

    async def receive(self) -> bytes:
        if not self._rest:
            self._rest = await self.inbox.get()
        if not self._rest:
            raise MuxEndedError("cut")
        data, self._rest = self._rest[: self._piece], self._rest[self._piece :]
        return data

    def cut(self) -> None:
        self.inbox.put_nowait(b"")


async def never(_: float) -> None:
    await asyncio.Event().wait()


def pipes(piece: int = 1 << 20) -> tuple[Pipe, Pipe]:
    one, two = Pipe(piece), Pipe(piece)
    one.other, two.other = two, one
    return one, two


@asynccontextmanager
async def pair(piece: int = 1 << 20) -> AsyncIterator[tuple[Mux, Mux]]:
    one, two = pipes(piece)
    async with (
        asyncio.timeout(20),
        Mux(one, is_client=True, sleep=never) as client,
        Mux(two, is_client=False, sleep=never) as server,
    ):
        yield client, server


@asynccontextmanager
async def served(handlers: dict[str, Handler], piece: int = 1 << 20) -> AsyncIterator[Mux]:
    async with pair(piece) as (client, server):
        serving = asyncio.create_task(serve(server, handlers))
        yield client
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def echo(call: ServerCall) -> None:
    await call.send(await call.request())


async def count(call: ServerCall) -> None:
    for n in range(int(await call.request())):
        await call.send(b"%d" % n)
    await call.close()


async def double(call: ServerCall) -> None:
    while (message := await call.receive()) is not None:
        await call.send(message * 2)


async def refuse(call: ServerCall) -> None:
    raise CallFailedError("no <b>", UNIMPLEMENTED)


async def say_nothing(call: ServerCall) -> None:
    await call.close()


HANDLERS: dict[str, Handler] = {
    "/s/Echo": echo,
    "/s/Count": count,
    "/s/Double": double,
    "/s/Refuse": refuse,
    "/s/Nothing": say_nothing,
}


@pytest.mark.parametrize("piece", [1, 13, 1 << 20])
async def test_all_kinds_of_calls(piece: int) -> None:
    async with served(HANDLERS, piece) as mux:
        assert await ask(mux, "/s/Echo", b"hello") == b"hello"
        assert await ask(mux, "/s/Echo", b"") == b""
        async with calling(mux, "/s/Count") as call:
            await call.send(b"3")
            await call.end_sending()
            assert [await call.receive() for _ in range(4)] == [b"0", b"1", b"2", None]
        async with calling(mux, "/s/Double") as call:
            for text in (b"a", b"b"):
                await call.send(text)
                assert await call.receive() == text * 2


async def test_errors_of_the_server() -> None:
    async with served(HANDLERS) as mux:
        with pytest.raises(CallFailedError, match="no <b>") as caught:
            await ask(mux, "/s/Refuse", b"")
        assert caught.value.code == UNIMPLEMENTED
        with pytest.raises(CallFailedError) as caught:
            await ask(mux, "/coder.tailnet.v2.Tailnet/Nope", b"")
        assert (caught.value.code, caught.value.text) == (0, x.UNKNOWN_RPC_TEXT)
        with pytest.raises(CallBrokenError, match="without an answer"):
            await ask(mux, "/s/Nothing", b"")
        assert await ask(mux, "/s/Echo", b"still here") == b"still here"
        # Every call closed its stream on both sides.
        await ask(mux, "/s/Echo", b"")
        await mux.flush()


async def test_many_calls_at_once_and_a_large_message() -> None:
    async with served(HANDLERS) as mux:
        bodies = [bytes([n]) * 450_000 for n in range(3)] + [b"%d" % n for n in range(40)]
        assert await asyncio.gather(*(ask(mux, "/s/Echo", body) for body in bodies)) == bodies


async def test_a_reader_that_stalls_holds_up_its_own_stream_alone() -> None:
    async with pair() as (client, server):
        slow, quick = client.open(), client.open()
        writing = asyncio.create_task(slow.write(bytes(2 * WINDOW)))
        await quick.write(b"news")
        taken = {stream.id: stream for stream in [await server.accept(), await server.accept()]}
        assert await taken[quick.id].read() == b"news"
        assert not writing.done()
        got = 0
        while got < 2 * WINDOW:
            got += len(await taken[slow.id].read())
        await writing


async def test_half_close_and_reset() -> None:
    async with pair() as (client, server):
        ours = client.open()
        await ours.write(b"last")
        ours.finish()
        theirs = await server.accept()
        assert [await theirs.read(), await theirs.read()] == [b"last", b""]
        await theirs.write(b"answer")
        assert await ours.read() == b"answer"
        theirs.reset()
        with pytest.raises(StreamOverError, match="reset"):
            await ours.read()


async def test_a_cut_wakes_everybody() -> None:
    one, two = pipes()
    async with asyncio.timeout(10), Mux(one, is_client=True, sleep=never) as mux:
        stream = mux.open()
        waiting: list[Callable[[], Awaitable[object]]] = [
            stream.read,
            lambda: stream.write(bytes(2 * WINDOW)),
            mux.accept,
        ]
        tasks = [asyncio.ensure_future(call()) for call in waiting]
        await mux.flush()
        one.cut()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(result, MuxEndedError)
        assert await mux.wait_ended() == "cut"
        with pytest.raises(MuxEndedError):
            mux.open()
    assert two.inbox.qsize() > 0


async def test_a_peer_that_breaks_the_rules_is_told_so() -> None:
    one, two = pipes()
    async with asyncio.timeout(10), Mux(one, is_client=True, sleep=never) as mux:
        await two.send(bytes.fromhex("00 09 0000 00000001 00000000"))
        assert await mux.wait_ended() == "a frame of the unknown type 9"
    assert bytes(one.sent) == bytes.fromhex("00 03 0000 00000000 00000001")


@pytest.mark.parametrize(
    ("says", "error"),
    [
        (b"\x07" * 12, MuxEndedError),
        (bytes.fromhex("000100080000000100000000"), StreamOverError),
        (bytes.fromhex("000100040000000100000000"), None),
    ],
    ids=["rule broken", "reset", "finished"],
)
@pytest.mark.parametrize("is_finished_here", [False, True])
async def test_what_came_before_an_end_in_the_same_bytes_is_read_and_then_the_end(
    says: bytes, error: type[Exception] | None, is_finished_here: bool
) -> None:
    pipe = Pipe()
    async with asyncio.timeout(5), Mux(pipe, is_client=True, sleep=never) as mux:
        stream = mux.open()
        if is_finished_here:
            stream.finish()
        pipe.inbox.put_nowait(bytes.fromhex("000000000000000100000004") + b"last" + says)
        assert await stream.read() == b"last"
        if error is None:
            assert await stream.read() == b""
            stream.finish()
            assert mux._streams == {}
        else:
            with pytest.raises(error):
                await stream.read()


async def test_a_server_that_breaks_a_call_breaks_that_call_alone() -> None:
    async with pair() as (client, server):
        call_task = asyncio.create_task(ask(client, "/s/Echo", b"x"))
        stream = await server.accept()
        await stream.write(encode_packet(Kind.INVOKE, 1, b"?"))
        with pytest.raises(CallBrokenError, match="out of place"):
            await call_task
        asking = asyncio.create_task(ask(client, "/s/Echo", b"x"))
        stream = await server.accept()
        await stream.write(encode_packet(Kind.MESSAGE, 1, b"fine"))
        assert await asking == b"fine"


async def test_silence_is_found_out() -> None:
    one, _ = pipes()
    slept: list[float] = []

    async def sleep(delay_s: float) -> None:
        slept.append(delay_s)
        await asyncio.sleep(0)

    async with asyncio.timeout(10), Mux(one, is_client=False, sleep=sleep) as mux:
        assert await mux.wait_ended() == "no sign of life for 10 s"
    assert slept == [30.0, 10.0]
    assert bytes(one.sent) == x.PING


async def test_answers_keep_it_alive() -> None:
    one, two = pipes()
    turns = 0
    enough = asyncio.Event()

    async def sleep(delay_s: float) -> None:
        if delay_s == 10.0:
            await asyncio.Event().wait()

    def on_pong() -> None:
        nonlocal turns
        turns += 1
        if turns == 3:
            enough.set()

    async with (
        asyncio.timeout(10),
        Mux(two, is_client=True, sleep=never),
        Mux(one, is_client=False, sleep=sleep, on_pong=on_pong) as mux,
    ):
        await enough.wait()
        assert not mux.is_over


async def test_the_worked_call_byte_for_byte() -> None:
    one, two = pipes()
    async with asyncio.timeout(10), Mux(one, is_client=True, sleep=never) as mux:
        asking = asyncio.create_task(ask(mux, x.RESUME_METHOD, b""))
        assert (await two.receive()).startswith(x.OPEN_1)
        await two.send(x.ACCEPT_1 + x.RESUME_ANSWER_FRAME)
        assert await asking == x.RESUME_ANSWER[4:]
        await two.send(x.CLOSE_SEND_2_FRAME + x.FIN_1)
    # The packets of the request go out one by one here; put together they are the worked ones.
    sent, bodies, at = bytes(one.sent), bytearray(), 0
    while at < len(sent):
        length = int.from_bytes(sent[at + 8 : at + 12], "big")
        if sent[at + 1] == 0:
            bodies += sent[at + 12 : at + 12 + length]
            at += length
        at += 12
    assert bytes(bodies) == x.RESUME_REQUEST + x.CLOSE_4
    assert sent.startswith(x.OPEN_1)
    assert sent.endswith(x.FIN_1)
