"""Where the bytes are cut never matters, and no bytes make a decoder fail."""

from __future__ import annotations

import json
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from agentdash.wire import jsontext, messages, sse
from agentdash.wire.budget import RequestBudget
from agentdash.wire.errors import MessageError
from agentdash.wire.events import Data, Ping
from agentdash.wire.pty import input_frame, refusal_sentence, resize_frame
from agentdash.wire.pty_input import Broken, InputDecoder, Typed

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
SSE_BYTES = st.lists(
    st.sampled_from(
        [b"event: ", b"data: ", b"data", b"ping", b"\n", b"\r\n", b"\n\n", b"{}", b"\r", b":", b"x" * 30]
    )
    | st.binary(max_size=4)
).map(b"".join)
PTY_TOKENS = '{ } "data" "height" "WIDTH" : , " \\ u00e9 1 70000 - . e null true [ ] 日 {"data":"x"} {"height":1,"width":2}'
PTY_BYTES = st.lists(
    st.sampled_from([token.encode() for token in PTY_TOKENS.split()]) | st.just(b" ") | st.binary(max_size=3)
).map(b"".join)


def pieces(data: st.DataObject, body: bytes) -> list[bytes]:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


@given(SSE_BYTES, st.data())
def test_an_event_stream_reads_the_same_however_it_is_cut(body: bytes, data: st.DataObject) -> None:
    whole = sse.SseDecoder(max_event=80)
    cut = sse.SseDecoder(max_event=80)
    assert [event for piece in pieces(data, body) for event in cut.feed(piece)] == whole.feed(body)
    assert cut.is_idle == whole.is_idle


@given(st.lists(VALUES))
def test_written_events_are_read_back(values: list[object]) -> None:
    body = b"".join(sse.PING + sse.encode_data(value) for value in values)
    expected = [event for value in values for event in (Ping(), Data(value))]
    assert sse.SseDecoder().feed(body) == expected
    assert [messages.decode_event(messages.encode_data(value)) for value in values] == expected[1::2]


@given(PTY_BYTES, st.data())
def test_terminal_input_reads_the_same_however_it_is_cut(body: bytes, data: st.DataObject) -> None:
    decoder = InputDecoder()
    assert [item for piece in pieces(data, body) for item in decoder.feed(piece)] == InputDecoder().feed(body)


@given(PTY_BYTES)
def test_the_strict_reader_accepts_what_json_accepts(body: bytes) -> None:
    inputs = InputDecoder().feed(body + b" ")
    try:
        value = json.loads(body.decode("utf-8", "replace"))
    except ValueError:
        return
    if value is None:
        assert inputs == []
    elif not isinstance(value, dict):
        assert [type(item) for item in inputs] == [Broken]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1)), st.integers(1, 65535))
def test_our_own_frames_are_always_understood(texts: list[str], size: int) -> None:
    decoder = InputDecoder()
    inputs = [item for text in texts for item in decoder.feed(input_frame(text) + resize_frame(size, size))]
    assert [item.data for item in inputs if isinstance(item, Typed)] == texts
    assert len(inputs) == 2 * len(texts)


@given(st.text(st.characters(exclude_categories=())) | st.binary())
def test_no_message_raises_anything_else(message: str | bytes) -> None:
    for decode in (messages.decode_lines, messages.decode_object, messages.decode_event, jsontext.loads):
        with suppress(MessageError):
            decode(message)


@given(st.sampled_from(["text/html", "application/json", "text/plain", ""]), st.text(), st.text())
def test_a_refusal_is_one_short_line(content_type: str, text: str, more: str) -> None:
    for body in (text, f"<title>{text}</title><p>{more}", f'{{"message":{json.dumps(text)}}}'):
        sentence = refusal_sentence(content_type, body)
        assert len(sentence) <= 500
        assert "\n" not in sentence


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 5))
def test_no_window_ever_holds_more_than_the_budget(gaps: list[int], limit: int) -> None:
    budget = RequestBudget(limit)
    now, sent = 0.0, []
    for gap in gaps:
        now += gap
        sent.append(now + budget.reserve("/a", now))
    assert sent == sorted(sent)
    for earlier, later in zip(sent, sent[limit:], strict=False):
        assert later - earlier >= 60
