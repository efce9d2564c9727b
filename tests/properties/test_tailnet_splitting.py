"""yamux and dRPC: where bytes are cut never matters, no bytes make them fail, and what goes in comes out."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from agentdash.wire import drpc
from agentdash.wire.drpc import (
    Call,
    CallEvent,
    Kind,
    Message,
    Packet,
    PacketReader,
    Side,
    encode_packet,
    varint,
)
from agentdash.wire.yamux import WINDOW, Session
from agentdash.wire.yamux_events import DataReceived, Event, StreamFinished, StreamOffered, WindowGrown
from tests.unit.wire import tailnet_examples as x

LENGTHS = st.sampled_from([0, 1, 5, 300, WINDOW, WINDOW + 1, 0xFFFFFFFF]) | st.integers(0, 0xFFFFFFFF)
HEADERS = st.builds(
    struct.Struct(">BBHII").pack,
    st.sampled_from([0, 0, 0, 0, 0, 0, 0, 1]),
    st.sampled_from([0, 1, 1, 2, 3, 4]),
    st.sampled_from([0, 0, 1, 2, 4, 8, 5, 9, 0xFFF0]),
    st.sampled_from([0, 1, 1, 1, 2, 3, 5, 7, 0xFFFFFFFF]),
    LENGTHS,
)
YAMUX_BYTES = st.lists(HEADERS | st.binary(max_size=20) | st.sampled_from([x.OPEN_1, x.FIN_1, x.PING])).map(
    b"".join
)
PACKETS = st.builds(
    encode_packet,
    st.sampled_from(list(Kind)),
    st.integers(0, 5),
    st.binary(max_size=12),
    max_frame=st.integers(1, 8),
)
DRPC_BYTES = st.lists(
    PACKETS
    | st.binary(max_size=5)
    | st.sampled_from([x.RESUME_REQUEST, x.NODE_UPDATE, x.CLOSE_2, x.UNKNOWN_RPC_ERROR])
).map(b"".join)


def pieces(data: st.DataObject, body: bytes) -> list[bytes]:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


@given(YAMUX_BYTES, st.data())
def test_a_session_reads_the_same_however_it_is_cut(body: bytes, data: st.DataObject) -> None:
    whole, cut = Session(is_client=False), Session(is_client=False)
    events = [event for piece in pieces(data, body) for event in cut.receive(piece)]
    assert events == whole.receive(body)
    assert cut.take_output() == whole.take_output()
    assert cut.receive_end() == whole.receive_end()


@given(DRPC_BYTES, st.sampled_from(Side), st.data())
def test_a_call_reads_the_same_however_it_is_cut(body: bytes, side: Side, data: st.DataObject) -> None:
    whole, cut = Call(side), Call(side)
    events: list[CallEvent] = [event for piece in pieces(data, body) for event in cut.receive(piece)]
    assert events == whole.receive(body)
    assert cut.receive_end() == whole.receive_end()


@given(st.integers(0, 2**64 - 1), st.integers(1, 2**64 - 1), st.binary(max_size=300), st.integers(1, 50))
def test_packets_come_back(stream_id: int, message_id: int, body: bytes, max_frame: int) -> None:
    stream_id = max(1, stream_id)
    packets: list[Packet] = []
    sent = encode_packet(Kind.MESSAGE, message_id, body, stream_id=stream_id, max_frame=max_frame)
    reader = PacketReader()
    assert reader.feed(sent, packets) == ""
    assert packets == [Packet(Kind.MESSAGE, stream_id, message_id, body)]
    assert reader.is_idle


@given(st.integers(0, 2**64 - 1))
def test_varints_have_seven_bits_a_byte(number: int) -> None:
    written = varint(number)
    assert len(written) == max(1, -(-number.bit_length() // 7))
    assert sum((byte & 0x7F) << 7 * place for place, byte in enumerate(written)) == number


@given(st.lists(st.binary(max_size=40)))
def test_messages_come_back_in_order(bodies: list[bytes]) -> None:
    caller, called = Call(Side.CLIENT), Call(Side.SERVER)
    sent = caller.invoke("/s/M") + b"".join(caller.message(body) for body in bodies) + caller.end_sending()
    assert called.receive(sent) == [drpc.Invoked("/s/M"), *map(Message, bodies), drpc.SendingDone()]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3 * WINDOW)), max_size=6),
    st.lists(st.integers(WINDOW // 8, WINDOW), min_size=1),
)
def test_every_byte_arrives_once_within_its_window(writes: list[tuple[int, int]], sizes: list[int]) -> None:
    """Two sides, three streams: what is written arrives in order, and no more than a window is ever under way."""
    client, server = Session(is_client=True), Session(is_client=False)
    ids = [client.open() for _ in range(3)]
    waiting = {stream_id: bytearray() for stream_id in ids}
    for at, (which, size) in enumerate(writes):
        waiting[ids[which]] += bytes([at + 1]) * size
    wanted = {stream_id: bytes(body) for stream_id, body in waiting.items()}
    got: dict[int, bytearray] = {stream_id: bytearray() for stream_id in ids}
    turn = 0
    while any(waiting.values()) or got != wanted:
        for stream_id, body in waiting.items():
            size = sizes[turn % len(sizes)]
            turn += 1
            del body[: client.send(stream_id, bytes(body[:size]))]
        for event in server.receive(client.take_output()):
            _serve(server, event, got)
        for event in client.receive(server.take_output()):
            assert not isinstance(event, WindowGrown) or event.window <= WINDOW
        assert turn < 10_000
    for stream_id in ids:
        client.finish(stream_id)
    last = [event for event in server.receive(client.take_output()) if not isinstance(event, StreamOffered)]
    assert last == [StreamFinished(one) for one in ids]


def _serve(server: Session, event: Event, got: dict[int, bytearray]) -> None:
    if isinstance(event, StreamOffered):
        server.accept(event.stream_id)
        return
    assert isinstance(event, DataReceived)
    got[event.stream_id] += event.data
    server.consume(event.stream_id, len(event.data))
