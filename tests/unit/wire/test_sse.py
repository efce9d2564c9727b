from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentdash.wire import sse
from agentdash.wire.events import Data, Malformed, Ping, ServerError, StreamEvent, Unknown

RECORDED = [json.loads(line) for line in (Path(__file__).parent / "data" / "recorded.jsonl").open()]
BODIES = {row["stream"]: "".join(row["frames"]).encode() for row in RECORDED if row["kind"] == "sse"}


def decode(*chunks: bytes, max_event: int = sse.MAX_EVENT) -> list[StreamEvent]:
    decoder = sse.SseDecoder(max_event)
    return [event for chunk in chunks for event in decoder.feed(chunk)]


def test_the_three_events() -> None:
    body = (
        b'event: ping\n\nevent: data\ndata: {"a":[1]}\n\nevent: error\ndata: {"message":"m","detail":"d"}\n\n'
    )
    assert decode(body) == [Ping(), Data({"a": [1]}), ServerError("m", "d")]


@pytest.mark.parametrize("stream", sorted(BODIES))
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_recorded_bodies_cut_into_pieces(stream: str, size: int) -> None:
    body = BODIES[stream]
    whole = decode(body)
    assert Data in {type(event) for event in whole}
    assert Malformed not in {type(event) for event in whole}
    assert decode(*(body[at : at + size] for at in range(0, len(body), size))) == whole


@pytest.mark.parametrize("stream", sorted(BODIES))
def test_recorded_bodies_are_written_again_byte_for_byte(stream: str) -> None:
    written = b""
    for event in decode(BODIES[stream]):
        written += sse.PING if isinstance(event, Ping) else sse.encode_data(event.value)  # type: ignore[union-attr]
    assert written == BODIES[stream]


def test_written_errors() -> None:
    assert sse.encode_error("No <b>", "why") == (
        b'event: error\ndata: {"message":"No \\u003cb\\u003e","detail":"why"}\n\n'
    )
    assert sse.encode_error("m") == b'event: error\ndata: {"message":"m"}\n\n'


def test_crlf_comments_ids_and_a_byte_order_mark() -> None:
    body = b"\xef\xbb\xbf: hello\r\nid: 1\r\nretry: 5\r\nevent:data\r\ndata:1\r\n\r\n\r\n"
    assert decode(body) == [Data(1)]
    assert decode(*(body[at : at + 1] for at in range(len(body)))) == [Data(1)]


def test_data_on_several_lines_is_one_value() -> None:
    assert decode(b"event: data\ndata: [1,\ndata: 2]\n\n") == [Data([1, 2])]


def test_bad_events_do_not_end_the_stream() -> None:
    events = decode(b"event: data\ndata: {oops\n\nevent: data\n\nevent: data\ndata: 1\n\n")
    assert [type(event) for event in events] == [Malformed, Malformed, Data]
    assert decode(b"event: data\ndata: " + b"[" * 100_000 + b"\n\n")[0] != Data([])


def test_an_unknown_event_is_told() -> None:
    assert decode(b'event: novel\ndata: "x"\n\n') == [Unknown("novel", "x")]


@pytest.mark.parametrize("size", [1, 10, 1000])
def test_an_event_too_large_is_reported_once_and_passed_over(size: int) -> None:
    body = b"event: data\ndata: " + b"9" * 500 + b"\ndata: 8\ndata: 7\n\nevent: data\ndata: 1\n\n"
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    assert decode(*chunks, max_event=100) == [Malformed("event larger than 100 bytes"), Data(1)]


def test_a_line_end_that_is_too_much_does_not_end_the_event() -> None:
    chunks = (b"data: " + b"9" * 14, b"\r", b"\ndata: 8\n\n")
    assert decode(*chunks, max_event=20) == [Malformed("event larger than 20 bytes")]


def test_a_cut_body_is_noticed() -> None:
    decoder = sse.SseDecoder()
    decoder.feed(b"event: ping\n\n")
    assert decoder.is_idle
    decoder.feed(b"event: data\n")
    assert not decoder.is_idle
