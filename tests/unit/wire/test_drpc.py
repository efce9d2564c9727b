"""dRPC by the worked bytes, by its rules, and against peers that break them (contract: tailnet.md §5.3)."""

from __future__ import annotations

import pytest

from agentdash.wire.drpc import (
    MAX_FRAME,
    MAX_PACKET,
    UNIMPLEMENTED,
    Broken,
    Call,
    CallEvent,
    Closed,
    Failed,
    Invoked,
    Kind,
    Message,
    Packet,
    PacketReader,
    SendingDone,
    Side,
    encode_packet,
    varint,
)
from agentdash.wire.errors import CallError
from tests.unit.wire import tailnet_examples as x


def client(method: str = "/s/M") -> Call:
    call = Call(Side.CLIENT)
    call.invoke(method)
    return call


def server(*, begun: bool = True) -> Call:
    call = Call(Side.SERVER)
    if begun:
        assert call.receive(encode_packet(Kind.INVOKE, 1, b"/s/M")) == [Invoked("/s/M")]
    return call


def test_the_worked_unary_call_from_the_client() -> None:
    call = Call(Side.CLIENT)
    sent = call.invoke(x.RESUME_METHOD) + call.message(b"") + call.end_sending()
    assert sent == x.RESUME_REQUEST
    assert call.receive(x.RESUME_ANSWER) == [Message(x.RESUME_ANSWER[4:])]
    assert call.receive(x.CLOSE_SEND_2) == [SendingDone()]
    assert call.close() == x.CLOSE_4
    assert call.close() == b""


def test_the_worked_unary_call_from_the_server() -> None:
    call = Call(Side.SERVER)
    assert call.receive(x.RESUME_REQUEST) == [Invoked(x.RESUME_METHOD), Message(b""), SendingDone()]
    assert call.message(x.RESUME_ANSWER[4:]) + call.end_sending() == x.RESUME_ANSWER + x.CLOSE_SEND_2
    assert call.receive(x.CLOSE_4) == [Closed()]
    assert call.is_over


def test_the_worked_stream() -> None:
    call = Call(Side.CLIENT)
    owner = bytes.fromhex("0a1033333333333343338333333333333333")
    assert call.invoke(x.UPDATES_METHOD) + call.message(owner) == x.UPDATES_CALL
    assert call.end_sending() == x.UPDATES_HALF_CLOSE
    assert call.receive(x.UPDATES_ANSWER) == [Message(x.UPDATES_ANSWER[4:])]
    assert call.receive_end() == [Closed()]


def test_an_empty_and_a_refused_first_message() -> None:
    assert client().receive(x.EMPTY_SNAPSHOT) == [Message(b"")]
    assert client().receive(x.REFUSED_SNAPSHOT) == [Closed()]


def test_the_worked_errors() -> None:
    assert client().receive(x.UNIMPLEMENTED_ERROR) == [Failed(UNIMPLEMENTED, "Unimplemented")]
    assert client().receive(x.UNKNOWN_RPC_ERROR) == [Failed(0, x.UNKNOWN_RPC_TEXT)]
    assert Call(Side.SERVER).fail("Unimplemented", UNIMPLEMENTED) == x.UNIMPLEMENTED_ERROR
    assert Call(Side.SERVER).fail(x.UNKNOWN_RPC_TEXT) == x.UNKNOWN_RPC_ERROR


def test_the_worked_two_way_stream() -> None:
    call = Call(Side.CLIENT)
    assert call.invoke(x.COORDINATE_METHOD) == x.COORDINATE_CALL
    assert call.message(x.ADD_TUNNEL[4:]) == x.ADD_TUNNEL
    assert call.receive(x.NODE_UPDATE) == [Message(x.NODE_UPDATE[4:])]
    assert call.message(bytes.fromhex("1200")) == x.DISCONNECT
    assert call.receive(x.CLOSE_2) == [Closed()]


def test_large_packets_are_cut_into_frames_and_joined_again() -> None:
    body = bytes(range(256)) * 1000
    sent = encode_packet(Kind.MESSAGE, 7, body)
    assert sent[:2] == b"\x04\x01"
    packets: list[Packet] = []
    assert PacketReader().feed(sent, packets) == ""
    assert packets == [Packet(Kind.MESSAGE, 1, 7, body)]
    assert len(sent) == len(body) + 4 * (3 + len(varint(MAX_FRAME)))
    exact = encode_packet(Kind.MESSAGE, 1, bytes(MAX_FRAME))
    assert exact[0] == 0x05


def test_an_unfinished_packet_is_dropped_by_the_next() -> None:
    begun = bytes([Kind.MESSAGE << 1, 1, 1, 3]) + b"abc"
    assert client().receive(begun + encode_packet(Kind.MESSAGE, 2, b"x")) == [Message(b"x")]


def test_unknown_control_packets_are_passed_over() -> None:
    odd = bytes([0x80 | 40 << 1 | 1, 1, 1, 2]) + b"??"
    assert client().receive(odd + encode_packet(Kind.MESSAGE, 1, b"x")) == [Message(b"x")]


def test_metadata_may_precede_the_method() -> None:
    call = server(begun=False)
    said = encode_packet(Kind.METADATA, 1, b"m") + encode_packet(Kind.INVOKE, 2, b"/s/M")
    assert call.receive(said) == [Invoked("/s/M")]


def test_a_cancelled_call_says_nothing_more() -> None:
    call = client()
    assert call.cancel()[0] == Kind.CANCEL << 1 | 1
    assert call.end_sending() == b""
    with pytest.raises(CallError):
        call.message(b"x")
    assert server().receive(encode_packet(Kind.CANCEL, 2)) == [Closed(is_cancelled=True)]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (encode_packet(Kind.MESSAGE, 2) + encode_packet(Kind.MESSAGE, 1), "packet 1 after packet 3"),
        (encode_packet(Kind.MESSAGE, 1) * 2, "packet 1 after packet 2"),
        (bytes([5, 0, 1, 0]), "a packet with the id 0"),
        (bytes([5, 1, 0, 0]), "a packet with the id 0"),
        (bytes([4, 1, 1, 0, 7, 1, 1, 0]), "a packet that changes its kind"),
        (bytes([5, 2, 1, 0]), "a second call on one stream"),
        (bytes([5, 1, 1]) + varint(MAX_PACKET + 1), f"a packet of more than {MAX_PACKET} bytes"),
        (bytes([5]) + b"\xff" * 10, "a number of more than 64 bits"),
        (bytes([5]) + b"\xff" * 9 + b"\x7f", "a number of more than 64 bits"),
        (bytes([7, 1, 1, 2]) + b"ab", "an error without its code"),
        (encode_packet(Kind.INVOKE, 1, b"/s/M"), "a packet of kind 1 out of place"),
        (bytes([9 << 1 | 1, 1, 1, 0]), "a packet of kind 9 out of place"),
        (
            encode_packet(Kind.CLOSE_SEND, 1) + encode_packet(Kind.MESSAGE, 2),
            "a packet of kind 2 out of place",
        ),
    ],
)
def test_a_server_that_breaks_the_rules(said: bytes, reason: str) -> None:
    call = client()
    assert call.receive(said)[-1] == Broken(reason)
    assert call.is_over
    assert call.receive(encode_packet(Kind.MESSAGE, 99)) == []
    assert call.receive_end() == []


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (encode_packet(Kind.MESSAGE, 1), "a call that does not begin with its method"),
        (encode_packet(Kind.INVOKE, 1, bytes(5000)), "a method's name that is too long"),
    ],
)
def test_a_client_that_breaks_the_rules(said: bytes, reason: str) -> None:
    assert server(begun=False).receive(said) == [Broken(reason)]


def test_frames_of_one_packet_together_are_limited() -> None:
    reader = PacketReader(max_packet=10)
    piece = bytes([4, 1, 1, 6]) + b"abcdef"
    packets: list[Packet] = []
    assert reader.feed(piece, packets) == ""
    assert reader.feed(piece, packets) == "a packet of more than 10 bytes"
    assert packets == []


def test_events_before_the_offence_are_told() -> None:
    events: list[CallEvent] = client().receive(encode_packet(Kind.MESSAGE, 1, b"good") + bytes([5, 0, 1, 0]))
    assert events == [Message(b"good"), Broken("a packet with the id 0")]


def test_a_stream_cut_inside_a_packet() -> None:
    for cut in range(1, len(x.UPDATES_ANSWER)):
        call = client()
        assert call.receive(x.UPDATES_ANSWER[:cut]) == []
        assert call.receive_end() == [Broken("the stream ended inside a packet")]
    call = client()
    call.receive(bytes([4, 1, 1, 0]))
    assert call.receive_end() == [Broken("the stream ended inside a packet")]


def test_a_call_is_used_in_its_order() -> None:
    fresh = Call(Side.CLIENT)
    with pytest.raises(CallError):
        fresh.message(b"x")
    with pytest.raises(CallError):
        server().invoke("/s/M")
    with pytest.raises(CallError):
        client().invoke("/s/M")
    sending = client()
    sending.end_sending()
    with pytest.raises(CallError):
        sending.message(b"x")
    with pytest.raises(CallError):
        client().message(bytes(MAX_PACKET + 1))
    with pytest.raises(ValueError, match="negative"):
        varint(-1)


def test_a_refused_message_uses_no_number() -> None:
    call = client()
    with pytest.raises(CallError):
        call.message(bytes(MAX_PACKET + 1))
    assert call.message(b"x")[2] == 2
