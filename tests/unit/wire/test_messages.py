from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentdash.wire import jsontext, messages
from agentdash.wire.errors import MessageError
from agentdash.wire.events import Data, Ping, ServerError, Unknown

RECORDED = [json.loads(line) for line in (Path(__file__).parent / "data" / "recorded.jsonl").open()]


def frames(kind: str) -> list[str]:
    return [frame for row in RECORDED if row["kind"] == kind for frame in row["frames"]]


def test_recorded_log_lines() -> None:
    for frame in frames("lines"):
        lines = messages.decode_lines(frame)
        assert all(isinstance(line["id"], int) and isinstance(line["output"], str) for line in lines)
        assert messages.encode_message(lines) == frame
        assert messages.decode_lines(frame.encode()) == lines


def test_recorded_objects() -> None:
    for frame in frames("object"):
        assert messages.encode_message(messages.decode_object(frame)) == frame


def test_recorded_watch_events() -> None:
    seen = set()
    for frame in frames("event"):
        event = messages.decode_event(frame)
        seen.add(type(event))
        written = messages.encode_data(event.value) if isinstance(event, Data) else messages.PING
        assert written == frame
    assert seen == {Ping, Data}


def test_errors_and_unknown_types() -> None:
    error = messages.encode_error("m", "d")
    assert error == '{"type":"error","data":{"message":"m","detail":"d"}}\n'
    assert messages.decode_event(error) == ServerError("m", "d")
    assert messages.decode_event(messages.encode_error("m")) == ServerError("m", "")
    assert messages.decode_event('{"type":"error","data":"text"}') == ServerError("text")
    assert messages.decode_event('{"type":"novel"}') == Unknown("novel", None)


def test_an_empty_backlog() -> None:
    assert messages.decode_lines("[]\n") == []
    assert messages.decode_lines("null\n") == []


@pytest.mark.parametrize("bad", ["", "{", "[1]", "{}", "NaN", "1", '"x"', b"\xff", "[" * 100_000, "9" * 5000])
def test_what_is_no_list_of_lines(bad: str | bytes) -> None:
    with pytest.raises(MessageError):
        messages.decode_lines(bad)


@pytest.mark.parametrize("bad", ["", "[]", "null", '{"type":1}', "{}"])
def test_what_is_no_event(bad: str) -> None:
    with pytest.raises(MessageError):
        messages.decode_event(bad)


def test_the_error_keeps_a_short_excerpt_apart_from_its_text() -> None:
    with pytest.raises(MessageError) as caught:
        messages.decode_object("[" + '"secret",' * 1000 + "1]")
    assert "secret" not in str(caught.value)
    assert len(caught.value.excerpt) == jsontext.EXCERPT


def test_json_is_written_as_the_server_does() -> None:
    assert (
        jsontext.dumps({"a": "<&>\u2028é\x1b\ud800"}) == '{"a":"\\u003c\\u0026\\u003e\\u2028é\\u001b\ufffd"}'
    )
