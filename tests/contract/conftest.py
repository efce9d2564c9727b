"""The recorded exchanges and streams, one test each: fixtures by how they ended."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Exchange:
    name: str
    method: str
    path: str
    status: int
    headers: dict[str, str]
    body: Any

    @property
    def route(self) -> str:
        return self.path.partition("?")[0]

    @property
    def raw(self) -> bytes:
        if self.is_json:
            return json.dumps(self.body).encode()
        return (self.body or "").encode()

    @property
    def is_json(self) -> bool:
        return self.body is not None and not isinstance(self.body, str)


@dataclass(frozen=True, slots=True)
class Stream:
    name: str
    kind: str
    path: str
    rows: tuple[dict[str, Any], ...]

    @property
    def route(self) -> str:
        return self.path.partition("?")[0]

    def received(self) -> Iterator[bytes]:
        """Payloads of the frames that came in, or the SSE bytes."""
        for row in self.rows:
            if "chunk" in row:
                yield _bytes(row["chunk"])
            elif row.get("dir") == "in":
                yield _bytes(row["data"])

    def refusal(self) -> dict[str, Any] | None:
        return next((row["refused"] for row in self.rows if "refused" in row), None)


def _bytes(value: Any) -> bytes:
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else str(value).encode()


def exchanges() -> list[Exchange]:
    found = []
    for file in sorted(DATA.rglob("*.json")):
        document = json.loads(file.read_text())
        request, response = document["request"], document["response"]
        found.append(
            Exchange(
                str(file.relative_to(DATA)),
                request["method"],
                request["path"],
                response["status"],
                {str(name).lower(): str(value) for name, value in response.get("headers", {}).items()},
                response.get("body"),
            )
        )
    return found


def streams() -> list[Stream]:
    found = []
    for file in sorted(DATA.rglob("*.jsonl")):
        first, *rows = [json.loads(line) for line in file.read_text().splitlines()]
        ((kind, path),) = first["request"].items()
        found.append(Stream(str(file.relative_to(DATA)), kind, path, tuple(rows)))
    return found


EXCHANGES = exchanges()
STREAMS = streams()
ANSWERS = [one for one in EXCHANGES if 200 <= one.status < 300 and one.status != 204]
REFUSALS = [one for one in EXCHANGES if one.status >= 400]
OPENED = [one for one in STREAMS if one.refusal() is None]
REFUSED_STREAMS = [one for one in STREAMS if one.refusal() is not None]


def _name(one: Exchange | Stream) -> str:
    return one.name


@pytest.fixture(params=ANSWERS, ids=_name)
def answer(request: pytest.FixtureRequest) -> Exchange:
    """An exchange that went well and has a body."""
    found: Exchange = request.param
    return found


@pytest.fixture(params=REFUSALS, ids=_name)
def refusal(request: pytest.FixtureRequest) -> Exchange:
    found: Exchange = request.param
    return found


@pytest.fixture(params=OPENED, ids=_name)
def stream(request: pytest.FixtureRequest) -> Stream:
    """A stream that was opened."""
    found: Stream = request.param
    return found


@pytest.fixture(params=REFUSED_STREAMS, ids=_name)
def refused_stream(request: pytest.FixtureRequest) -> Stream:
    found: Stream = request.param
    return found
