from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qsl
from uuid import UUID

import pytest

from agentdash.wire import pty
from agentdash.wire.errors import CommandTooLongError, SizeError
from agentdash.wire.pty_input import Broken, InputDecoder, PtyInput, Resized, Typed

RECORDED = [json.loads(line) for line in (Path(__file__).parent / "data" / "recorded.jsonl").open()]
TAB = UUID("11111111-0000-4000-8000-000000000001")


def decode(*messages: bytes) -> list[PtyInput]:
    decoder = InputDecoder()
    return [item for message in messages for item in decoder.feed(message)]


def test_frames_as_in_the_contract() -> None:
    assert pty.input_frame("ls\r") == b'{"data":"ls\\r"}'
    assert pty.input_frame("\x03") == b'{"data":"\\u0003"}'
    assert pty.resize_frame(40, 120) == b'{"height":40,"width":120}'


@pytest.mark.parametrize(("height", "width"), [(0, 80), (24, 0), (-1, 80), (24, 65536)])
def test_sizes_that_break_programs_are_refused(height: int, width: int) -> None:
    with pytest.raises(SizeError):
        pty.resize_frame(height, width)
    with pytest.raises(SizeError):
        pty.query(TAB, height, width)


@pytest.mark.parametrize(
    "text", ["x" * 10_000, "日🙂é" * 3000, "\x1b[200~a\nb\x1b[201~", "\ud83d\ude42\ud800" * 3000]
)
def test_a_paste_arrives_whole_in_small_pieces(text: str) -> None:
    frames = list(pty.input_frames(text))
    typed = decode(*frames)
    assert "".join(item.data for item in typed if isinstance(item, Typed)) == (
        text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )
    assert all(len(item.data.encode()) <= pty.PASTE_PIECE for item in typed if isinstance(item, Typed))


def test_the_query_is_encoded_in_full() -> None:
    command = "cd /tmp; ls -la && echo 'ü%'"
    query = pty.query(
        TAB, 24, 80, command=command, container="a/b", container_user="me", backend_type="buffered"
    )
    assert ";" not in query
    assert " " not in query
    assert "/" not in query
    assert "+" not in query
    assert dict(parse_qsl(query)) == {
        "reconnect": str(TAB),
        "height": "24",
        "width": "80",
        "command": command,
        "container": "a/b",
        "container_user": "me",
        "backend_type": "buffered",
    }


def test_empty_options_are_left_out() -> None:
    assert pty.query(TAB, 24, 80) == f"reconnect={TAB}&height=24&width=80"


def test_a_long_command_is_refused_by_its_bytes() -> None:
    assert pty.query(TAB, 24, 80, command="é" * 500)
    with pytest.raises(CommandTooLongError):
        pty.query(TAB, 24, 80, command="é" * 501)


def test_the_recorded_refusal_page_is_one_sentence() -> None:
    (page,) = next(row["frames"] for row in RECORDED if row["kind"] == "refusal")
    assert pty.refusal_sentence("text/html; charset=utf-8", page) == (
        '404 - Application Unavailable: Agent state is "timeout", not "connected"'
    )
    assert pty.refusal_sentence("", page).startswith("404 - Application Unavailable")


@pytest.mark.parametrize(
    ("content_type", "body", "sentence"),
    [
        ("application/json", '{"message":"Resource not found"}', "Resource not found"),
        (
            "application/json",
            '{"message":"Invalid query parameters.","validations":[{"field":"h","detail":"height\\nis bad"}]}',
            "Invalid query parameters. height is bad",
        ),
        ("text/plain; charset=utf-8", "no upgrade\n{}\n", "no upgrade"),
        ("application/json", "not json at all", "not json at all"),
        ("application/json", "[]", "[]"),
        ("text/html", "", ""),
        ("text/html", "<title>only", "only"),
        ("text/html", "<title>502</title><path d='x'/><P class=a>&lt;b&gt; <i>Bad</i></P>", "502: <b> Bad"),
        ("text/html", "<title", ""),
    ],
)
def test_other_refusals(content_type: str, body: str, sentence: str) -> None:
    assert pty.refusal_sentence(content_type, body) == sentence


def test_a_refusal_stays_short() -> None:
    assert len(pty.refusal_sentence("text/html", "<title>" + "<" * 100_000)) <= 500
    assert len(pty.refusal_sentence("text/plain", "x" * 100_000)) == 500


@pytest.mark.parametrize(
    ("stream", "inputs"),
    [
        (b'{"data":"ls\\r"}', [Typed("ls\r")]),
        (b'{"height":40,"width":120}', [Resized(40, 120)]),
        (b'{"height":40,"width":120,"data":"x"}', [Typed("x"), Resized(40, 120)]),
        (b'{"data":"a"}{"data":"b"} \n {"DATA":"c"}', [Typed("a"), Typed("b"), Typed("c")]),
        (b'{"Height":1,"wIDTH":2}', [Resized(1, 2)]),
        (b'{"height":40}{"width":120}{"height":0,"width":1}', []),
        (b'{"height":65535,"width":65535}', [Resized(65535, 65535)]),
        (b'{"data":""}{}null {"data":null,"height":null}', []),
        (b'{"novel":{"a":[1e5,-2.5,true,"}"]},"data":"x"}', [Typed("x")]),
        (b'{"data":"a","data":"b"}', [Typed("b")]),
        (b'{"data":"\\ud83d\\ude42\\ud800"}', [Typed("🙂\ufffd")]),
        (b'{"data":"\xff"}', [Typed("\ufffd")]),
        (b"", []),
        (b"1", []),
        (b'"x"', []),
        (b"null", []),
        (b'{"data":', []),
    ],
)
def test_what_the_agent_reads(stream: bytes, inputs: list[PtyInput]) -> None:
    assert decode(stream) == inputs
    assert decode(*(stream[at : at + 1] for at in range(len(stream)))) == inputs


@pytest.mark.parametrize(
    "stream",
    [
        b"not json",
        b"[]",
        b"1 ",
        b'"x" ',
        b"true{",
        b"12,",
        b'{"height":-1}',
        b'{"height":-0}',
        b'{"height":1.0}',
        b'{"height":1e2}',
        b'{"height":65536}',
        b'{"width":"80"}',
        b'{"data":1}',
        b'{"data":{}}',
        b'{"data":true}',
        b'{"data":"\x01',
        b'{"data":"\\x',
        b'{"data":"\\u12g',
        b'{"a":01',
        b'{"a":-x',
        b'{"a":1.}',
        b'{"a" 1',
        b"{1",
        b'{"a":1,}',
        b'{"a":NaN',
        b"}",
        b"[" * 300,
    ],
)
def test_what_ends_the_connection(stream: bytes) -> None:
    decoder = InputDecoder()
    first, last = decoder.feed(b'{"data":"before"}' + stream)
    assert first == Typed("before")
    assert isinstance(last, Broken)
    assert decoder.feed(b'{"data":"after"}') == []


def test_a_value_without_end_is_bounded() -> None:
    decoder = InputDecoder(max_value=1000)
    assert decoder.feed(b'{"data":"' + b"x" * 500) == []
    assert isinstance(decoder.feed(b"x" * 600)[0], Broken)
