"""yamux by the worked bytes, by its rules, and against peers that break them (contract: tailnet.md §5.2)."""

from __future__ import annotations

import struct

import pytest

from agentdash.wire.errors import SessionOverError, StreamOverError, TooManyStreamsError
from agentdash.wire.yamux import MAX_WAITING, WINDOW, Session
from agentdash.wire.yamux_events import (
    Broken,
    DataReceived,
    GoAwayCode,
    GoneAway,
    PingAnswered,
    StreamAccepted,
    StreamFinished,
    StreamOffered,
    StreamReset,
    WindowGrown,
)
from tests.unit.wire import tailnet_examples as x

DATA, UPDATE, PING, AWAY = range(4)
SYN, ACK, FIN, RST = 1, 2, 4, 8
GO_AWAY_1 = bytes.fromhex("00 03 0000 00000000 00000001")


def frame(kind: int, flags: int, stream_id: int, length: int, body: bytes = b"", version: int = 0) -> bytes:
    return struct.pack(">BBHII", version, kind, flags, stream_id, length) + body


def opened() -> tuple[Session, int]:
    """A client with one accepted stream and nothing left to send."""
    client = Session(is_client=True)
    stream_id = client.open()
    client.receive(frame(UPDATE, ACK, stream_id, 0))
    client.take_output()
    return client, stream_id


def serving(stream_id: int = 1) -> Session:
    """A server with one accepted stream of the client."""
    server = Session(is_client=False)
    assert server.receive(frame(UPDATE, SYN, stream_id, 0)) == [StreamOffered(stream_id)]
    server.accept(stream_id)
    server.take_output()
    return server


def test_the_worked_unary_call_from_the_client() -> None:
    client = Session(is_client=True)
    assert client.open() == 1
    assert client.take_output() == x.OPEN_1
    assert client.receive(x.ACCEPT_1) == [StreamAccepted(1)]
    assert client.send(1, x.RESUME_REQUEST) == len(x.RESUME_REQUEST)
    assert client.take_output() == x.RESUME_REQUEST_FRAME
    assert client.receive(x.RESUME_ANSWER_FRAME) == [DataReceived(1, x.RESUME_ANSWER)]
    assert client.receive(x.CLOSE_SEND_2_FRAME) == [DataReceived(1, x.CLOSE_SEND_2)]
    client.send(1, x.CLOSE_4)
    client.finish(1)
    assert client.take_output() == x.CLOSE_4_FRAME + x.FIN_1
    assert client.receive(x.FIN_1) == [StreamFinished(1)]
    assert client.stream_ids == ()


def test_the_worked_unary_call_from_the_server() -> None:
    server = Session(is_client=False)
    assert server.receive(x.OPEN_1 + x.RESUME_REQUEST_FRAME) == [
        StreamOffered(1),
        DataReceived(1, x.RESUME_REQUEST),
    ]
    server.accept(1)
    server.send(1, x.RESUME_ANSWER)
    server.send(1, x.CLOSE_SEND_2)
    assert server.take_output() == x.ACCEPT_1 + x.RESUME_ANSWER_FRAME + x.CLOSE_SEND_2_FRAME
    assert server.receive(x.CLOSE_4_FRAME + x.FIN_1) == [DataReceived(1, x.CLOSE_4), StreamFinished(1)]
    server.finish(1)
    assert server.take_output() == x.FIN_1


def test_the_worked_stream_is_the_second_of_its_session() -> None:
    client = Session(is_client=True)
    assert [client.open(), client.open()] == [1, 3]
    assert client.take_output() == x.OPEN_1 + x.OPEN_3
    client.send(3, x.UPDATES_CALL)
    client.send(3, x.UPDATES_HALF_CLOSE)
    assert client.take_output() == x.UPDATES_CALL_FRAME + x.UPDATES_HALF_CLOSE_FRAME
    assert client.receive(x.ACCEPT_3 + x.UPDATES_ANSWER_FRAME) == [
        StreamAccepted(3),
        DataReceived(3, x.UPDATES_ANSWER),
    ]
    client.finish(3)
    assert client.take_output() == x.FIN_3
    assert client.receive(x.FIN_3) == [StreamFinished(3)]
    assert client.stream_ids == (1,)


def test_pings_are_answered_with_their_value() -> None:
    client = Session(is_client=True)
    assert client.receive(x.PING) == []
    assert client.take_output() == x.PONG
    client.receive(frame(PING, SYN, 0, 77))
    assert client.take_output() == frame(PING, ACK, 0, 77)


def test_our_ping_is_answered_once() -> None:
    client = Session(is_client=True)
    first, second = client.ping(), client.ping()
    assert client.take_output() == frame(PING, SYN, 0, first) + frame(PING, SYN, 0, second)
    assert client.receive(frame(PING, ACK, 0, second)) == [PingAnswered(second)]
    assert client.receive(frame(PING, ACK, 0, second)) == []
    assert client.receive(frame(PING, ACK, 0, first)) == [PingAnswered(first)]


def test_no_more_is_sent_than_the_window_lets_through() -> None:
    client, stream = opened()
    body = bytes(WINDOW + 10)
    assert client.send(stream, body) == WINDOW
    assert client.send(stream, body[WINDOW:]) == 0
    assert client.window(stream) == 0
    assert len(client.take_output()) == 12 + WINDOW
    assert client.receive(frame(UPDATE, 0, stream, 6)) == [WindowGrown(stream, 6)]
    assert client.send(stream, body[WINDOW:]) == 6
    assert client.take_output() == frame(DATA, 0, stream, 6, bytes(6))


def test_credit_is_given_back_in_halves_of_the_window() -> None:
    client, stream = opened()
    half = WINDOW // 2
    client.receive(frame(DATA, 0, stream, half, bytes(half)))
    client.consume(stream, half - 1)
    assert client.take_output() == b""
    client.consume(stream, 1)
    assert client.take_output() == frame(UPDATE, 0, stream, half)
    assert client.receive(frame(DATA, 0, stream, WINDOW, bytes(WINDOW))) == [
        DataReceived(stream, bytes(WINDOW))
    ]


def test_more_than_the_window_ends_the_session_before_the_body_has_come() -> None:
    client, stream = opened()
    client.receive(frame(DATA, 0, stream, 1, b"x"))
    (event,) = client.receive(frame(DATA, 0, stream, WINDOW))
    assert event == Broken(f"{WINDOW} bytes on stream {stream}, its window is {WINDOW - 1}")
    assert client.take_output() == GO_AWAY_1
    assert client.is_over


def test_each_direction_closes_by_itself() -> None:
    client, stream = opened()
    client.finish(stream)
    client.finish(stream)
    assert client.take_output() == frame(UPDATE, FIN, stream, 0)
    assert client.window(stream) == 0
    with pytest.raises(StreamOverError):
        client.send(stream, b"more")
    assert client.receive(frame(DATA, 0, stream, 4, b"late")) == [DataReceived(stream, b"late")]
    assert client.receive(frame(DATA, FIN, stream, 1, b"!")) == [
        DataReceived(stream, b"!"),
        StreamFinished(stream),
    ]
    assert client.stream_ids == ()
    # A window update that crossed the end is no offence.
    assert client.receive(frame(UPDATE, 0, stream, 5)) == []


def test_after_the_peers_end_ours_still_sends() -> None:
    client, stream = opened()
    client.receive(frame(UPDATE, FIN, stream, 0))
    assert client.send(stream, b"rest") == 4
    (event,) = client.receive(frame(DATA, 0, stream, 1, b"x"))
    assert event == Broken(f"data on stream {stream} after its end")


def test_a_reset_ends_both_directions() -> None:
    client, stream = opened()
    other = client.open()
    assert client.receive(frame(UPDATE, RST, stream, 0)) == [StreamReset(stream)]
    with pytest.raises(StreamOverError):
        client.send(stream, b"x")
    client.take_output()
    client.reset(other)
    client.reset(other)
    assert client.take_output() == frame(UPDATE, RST, other, 0)
    # What was under way is passed over, and the next frame is found behind it.
    assert client.receive(frame(DATA, 0, other, 5, b"later") + frame(PING, SYN, 0, 3)) == []
    assert client.take_output() == frame(PING, ACK, 0, 3)


def test_skipped_bodies_are_not_stored_and_may_come_in_pieces() -> None:
    client, stream = opened()
    client.reset(stream)
    client.take_output()
    client.receive(frame(DATA, 0, stream, 1000) + bytes(400))
    client.receive(bytes(599))
    client.receive(bytes(1) + x.PING)
    assert client.take_output() == x.PONG


def test_a_leaving_peer_gets_no_new_streams_and_keeps_the_old() -> None:
    client, stream = opened()
    assert client.receive(frame(AWAY, 0, 0, 0)) == [GoneAway(GoAwayCode.NORMAL)]
    with pytest.raises(SessionOverError):
        client.open()
    assert client.send(stream, b"x") == 1
    assert not client.is_over


def test_leaving_refuses_new_streams_and_keeps_the_old() -> None:
    server = serving()
    server.go_away()
    server.go_away()
    assert server.take_output() == frame(AWAY, 0, 0, 0)
    assert server.receive(frame(UPDATE, SYN, 3, 0)) == []
    assert server.take_output() == frame(UPDATE, RST, 3, 0)
    assert server.send(1, b"x") == 1


@pytest.mark.parametrize(("code", "words"), [(1, "a protocol error"), (2, "an internal error")])
def test_a_peer_that_blames_us_ends_the_session(code: int, words: str) -> None:
    client, stream = opened()
    assert client.receive(frame(AWAY, 0, 0, code)) == [
        GoneAway(GoAwayCode(code)),
        Broken(f"the peer reports {words}", by_peer=True),
    ]
    assert client.take_output() == b""
    for refused in (client.open, client.ping, lambda: client.send(stream, b"x")):
        with pytest.raises((SessionOverError, StreamOverError)):
            refused()
    assert client.receive(x.PING) == []


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (frame(DATA, 0, 1, 0, version=1), "a frame of version 1"),
        (frame(9, 0, 1, 0), "a frame of the unknown type 9"),
        (frame(DATA, 0, 0, 1, b"x"), "a stream's frame on id 0"),
        (frame(UPDATE, SYN, 0, 0), "a stream's frame on id 0"),
        (frame(UPDATE, SYN, 2, 0), "the peer opened stream 2, an id of our side"),
        (frame(UPDATE, SYN, 1, 0), "stream id 1 was used twice"),
        (frame(DATA, SYN, 1, 1, b"x"), "stream id 1 was used twice"),
        (frame(UPDATE, FIN, 1, 0) * 2, "stream 1 was ended twice"),
        (frame(UPDATE, 0, 4, 1), "stream 4 was never opened"),
        (frame(DATA, 0, 5, 1, b"x"), "stream 5 was never opened"),
        (frame(UPDATE, 0, 1, 0xFFFFFFFF), "the window of stream 1 grew beyond 32 bits"),
        (frame(PING, SYN, 1, 0), "a ping on a stream"),
        (frame(AWAY, 0, 1, 0), "a go away on a stream"),
        (frame(AWAY, 0, 0, 7), "a go away with the unknown code 7"),
        (frame(DATA, SYN, 3, WINDOW + 1), f"{WINDOW + 1} bytes on stream 3, its window is {WINDOW}"),
    ],
)
def test_a_peer_that_breaks_the_rules(said: bytes, reason: str) -> None:
    server = serving()
    server.receive(frame(UPDATE, 0, 1, 1))
    events = server.receive(said)
    assert events[-1] == Broken(reason)
    assert server.take_output() == GO_AWAY_1
    assert server.receive(x.PING) == []
    assert server.receive_end() == []


def test_a_used_id_stays_used_after_its_stream_is_gone() -> None:
    server = serving()
    server.receive(frame(UPDATE, FIN, 1, 0))
    server.finish(1)
    assert server.stream_ids == ()
    assert server.receive(frame(UPDATE, SYN, 1, 0)) == [Broken("stream id 1 was used twice")]


def test_streams_opened_at_once_may_come_in_any_order() -> None:
    server = Session(is_client=False)
    said = b"".join(frame(UPDATE, SYN, stream_id, 0) for stream_id in (5, 1, 9, 3, 7))
    assert server.receive(said) == [StreamOffered(n) for n in (5, 1, 9, 3, 7)]
    assert server.receive(frame(UPDATE, SYN, 3, 0)) == [Broken("stream id 3 was used twice")]


def test_a_far_jump_of_ids_costs_no_memory() -> None:
    server = Session(is_client=False)
    far = 0xFFFFFFFF
    assert server.receive(frame(UPDATE, SYN, far, 0)) == [StreamOffered(far)]
    assert server.receive(frame(UPDATE, SYN, far - 2, 0)) == [StreamOffered(far - 2)]
    assert server.receive(frame(UPDATE, SYN, 1, 0)) == [Broken("stream id 1 was used twice")]


def test_streams_that_nobody_accepts_are_limited_both_ways() -> None:
    client = Session(is_client=True)
    for _ in range(MAX_WAITING):
        client.open()
    with pytest.raises(TooManyStreamsError):
        client.open()
    client.receive(frame(UPDATE, ACK, 1, 0))
    assert client.open() == 2 * MAX_WAITING + 1
    server = Session(is_client=False)
    server.receive(b"".join(frame(UPDATE, SYN, 2 * n + 1, 0) for n in range(MAX_WAITING)))
    assert server.take_output() == b""
    assert server.receive(frame(UPDATE, SYN, 2 * MAX_WAITING + 1, 0)) == []
    assert server.take_output() == frame(UPDATE, RST, 2 * MAX_WAITING + 1, 0)


def test_open_streams_of_the_peer_are_limited() -> None:
    server = Session(is_client=False, max_streams=2)
    for stream_id in (1, 3, 5):
        for event in server.receive(frame(UPDATE, SYN, stream_id, 0)):
            assert isinstance(event, StreamOffered)
            server.accept(event.stream_id)
    assert server.stream_ids == (1, 3)
    assert server.take_output().endswith(frame(UPDATE, RST, 5, 0))
    # Its data were under way; they are no offence.
    assert server.receive(frame(DATA, 0, 5, 2, b"hi")) == []


def test_the_end_of_the_connection_is_the_end_of_all() -> None:
    client, stream = opened()
    assert client.receive_end() == [Broken("the connection ended")]
    assert client.receive_end() == []
    with pytest.raises(StreamOverError):
        client.send(stream, b"x")
    cut = Session(is_client=True)
    cut.receive(x.PING[:5])
    assert cut.receive_end() == [Broken("the connection ended inside a frame")]


def test_accepting_a_stream_that_is_gone_is_told() -> None:
    server = Session(is_client=False)
    server.receive(frame(UPDATE, SYN, 1, 0) + frame(UPDATE, RST, 1, 0))
    with pytest.raises(StreamOverError):
        server.accept(1)
