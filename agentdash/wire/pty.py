"""The terminal websocket: what the client sends, and what a refused upgrade says (contract: pty.md §2, §4,
§6).

The server's side of the same frames is in `wire.pty_input`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from urllib.parse import quote, urlencode
from uuid import UUID

from agentdash.wire import jsontext
from agentdash.wire.errors import CommandTooLongError, MessageError, SizeError

MAX_COMMAND = 1000
"""Bytes of a command that an agent reads without fail (contract: pty.md §2)."""
PASTE_PIECE = 4096
"""Bytes of text in one message: a program that reads slowly must not hold up the whole paste (pty.md §12)."""
MAX_SIZE = 65535

_PAGE = 65536
_SENTENCE = 500
_TAG = re.compile(r"<[^<>]*>")
_PARAGRAPH = re.compile(r"<p(?=[\s>])", re.IGNORECASE)
_TITLE = re.compile(r"<title(?=[\s>])", re.IGNORECASE)


def input_frame(text: str) -> bytes:
    """Write one message that types text. Send it as a binary message: text messages are refused with 1003."""
    return jsontext.dumps({"data": jsontext.well_formed(text)}).encode()


def input_frames(text: str, piece: int = PASTE_PIECE) -> Iterator[bytes]:
    """Write a long text as several messages of at most `piece` bytes of text each, never inside a character."""
    text = jsontext.well_formed(text)
    step = max(1, piece if text.isascii() else piece // 4)
    for start in range(0, len(text), step):
        yield input_frame(text[start : start + step])


def resize_frame(height: int, width: int) -> bytes:
    """Write one message that changes the size, in rows and columns.

    Raises:
        SizeError: Either is outside 1…65535.
    """
    _check_size(height, width)
    return jsontext.dumps({"height": height, "width": width}).encode()


def query(
    reconnect: UUID,
    height: int,
    width: int,
    *,
    command: str = "",
    container: str = "",
    container_user: str = "",
    backend_type: str = "",
) -> str:
    """Build the query of the terminal's URL, without `?`; everything but letters and digits is
    percent-encoded.

    Empty options are left out. A raw `;` would make the server drop the command without a word.

    Raises:
        SizeError: The size is outside 1…65535.
        CommandTooLongError: The command has more than 1000 bytes.
    """
    _check_size(height, width)
    size = len(jsontext.well_formed(command).encode())
    if size > MAX_COMMAND:
        raise CommandTooLongError(f"the command has {size} bytes, an agent takes {MAX_COMMAND}")
    options = {
        "command": command,
        "container": container,
        "container_user": container_user,
        "backend_type": backend_type,
    }
    pairs = [("reconnect", str(reconnect)), ("height", str(height)), ("width", str(width))]
    pairs += [(name, jsontext.well_formed(value)) for name, value in options.items() if value]
    return urlencode(pairs, quote_via=quote, safe="")


def refusal_sentence(content_type: str, body: str) -> str:
    """Say in one sentence why an upgrade was refused; empty if the body says nothing.

    HTML gives its title and first paragraph, JSON its message and what it found invalid, text its first line.
    The result is one line of at most 500 characters, without tags, and not yet cleaned for the screen.
    """
    body = body[:_PAGE]
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "text/html" or body.lstrip()[:9].lower().startswith(("<!doctype", "<html")):
        sentence = ": ".join(
            filter(None, (_element(body, _TITLE, "</title"), _element(body, _PARAGRAPH, "</p")))
        )
    else:
        sentence = _json_sentence(body)
    sentence = " ".join(sentence.split())
    return sentence if len(sentence) <= _SENTENCE else sentence[: _SENTENCE - 1] + "…"


def _element(page: str, opening: re.Pattern[str], closing: str) -> str:
    """Take the text of the first element that begins with `opening`."""
    match = opening.search(page)
    if match is None:
        return ""
    start = page.find(">", match.end())
    if start < 0:
        return ""
    end = page.lower().find(closing, start)
    inner = page[start + 1 : end if end >= 0 else start + 1 + _SENTENCE]
    return " ".join(html.unescape(_TAG.sub(" ", inner)).split())


def _json_sentence(body: str) -> str:
    try:
        value = jsontext.loads(body)
    except MessageError:
        value = None
    if not isinstance(value, dict):
        return next((line for line in body.splitlines() if line.strip()), "")
    validations = value.get("validations")
    details = [
        str(item["detail"])
        for item in (validations if isinstance(validations, list) else [])
        if isinstance(item, dict) and item.get("detail")
    ]
    message = str(value.get("message") or "")
    return " ".join([message, *details])


def _check_size(height: int, width: int) -> None:
    if not (1 <= height <= MAX_SIZE and 1 <= width <= MAX_SIZE):
        raise SizeError(f"{height} rows and {width} columns: each must be 1 to {MAX_SIZE}")
