"""Tokens, budgets and handshakes, judged without a socket."""

from __future__ import annotations

import pytest

from agentdash.local.auth import Credentials, Gate, Token
from agentdash.local.rates import RateLimiter
from agentdash.local.websocket import handshake_fault

GOOD = "A" * 10 + "-" + "b" * 22
OTHER = "C" * 10 + "-" + "d" * 22
KEY = "MDEyMzQ1Njc4OWFiY2RlZg=="


@pytest.mark.parametrize(
    ("headers", "query", "expected"),
    [
        ({}, "", ""),
        ({"coder-session-token": GOOD}, "", GOOD),
        ({"authorization": f"Bearer {GOOD}"}, "", GOOD),
        ({"authorization": f"Basic {GOOD}"}, "", ""),
        ({"coder-session-token": OTHER}, f"coder_session_token={GOOD}", GOOD),
        ({"coder-session-token": GOOD}, f"access_token={OTHER}", GOOD),
        ({}, f"access_token={GOOD}", GOOD),
        ({"cookie": f"a=b; coder_session_token={GOOD}"}, f"coder_session_token={OTHER}", GOOD),
        ({"cookie": "coder_session_token="}, f"coder_session_token={OTHER}", OTHER),
    ],
)
def test_the_first_non_empty_token_counts(headers: dict[str, str], query: str, expected: str) -> None:
    assert Credentials.of(headers, query).token() == expected


def test_terminals_have_a_cookie_of_their_own() -> None:
    headers = {"cookie": f"coder_path_app_session_token={GOOD}", "coder-session-token": OTHER}
    assert Credentials.of(headers, "").token(is_pty=True) == GOOD
    assert Credentials.of(headers, "").token() == OTHER


@pytest.mark.parametrize(
    ("token", "detail"),
    [
        ("", 'Cookie "coder_session_token" or query parameter must be provided.'),
        ("a-b-c", "Invalid API key format: incorrect amount of API key parts, expected 2 got 3"),
        ("a-b", "Invalid API key format: incorrect API key ID length, expected 10 got 1"),
        (OTHER, "API key is invalid."),
    ],
)
def test_the_reason_of_a_401(token: str, detail: str) -> None:
    gate = Gate(Token(GOOD), 1234)
    credentials = Credentials.of({"coder-session-token": token}, "")
    assert not gate.is_signed_in(credentials)
    assert gate.signed_out_error(credentials).detail == detail


def test_a_revoked_token_opens_nothing() -> None:
    gate = Gate(Token(GOOD), 1234)
    credentials = Credentials.of({"coder-session-token": GOOD}, "")
    assert gate.is_signed_in(credentials)
    gate.revoke()
    assert not gate.is_signed_in(credentials)
    gate.replace(Token(GOOD))
    assert gate.is_signed_in(credentials)


@pytest.mark.parametrize("host", ["127.0.0.1:1234", "LOCALHOST:1234", "[::1]:1234"])
def test_loopback_names_with_our_port_may_ask(host: str) -> None:
    gate = Gate(Token(GOOD), 1234)
    assert gate.host_error({"host": host}) is None
    assert not gate.is_foreign_origin({"host": host})
    assert not gate.is_foreign_origin({"host": host, "origin": f"http://{host}"})


@pytest.mark.parametrize(
    "host", ["", "127.0.0.1", "127.0.0.1:80", "localhost.evil.example:1234", "evil:1234"]
)
def test_no_other_name_may(host: str) -> None:
    assert Gate(Token(GOOD), 1234).host_error({"host": host}) is not None


@pytest.mark.parametrize("origin", ["null", "", "http://evil", "http://127.0.0.1:1", "http://[", "file://"])
def test_foreign_origins(origin: str) -> None:
    assert Gate(Token(GOOD), 1234).is_foreign_origin({"host": "127.0.0.1:1234", "origin": origin})


def test_the_window_slides() -> None:
    limiter = RateLimiter(10)
    assert [limiter.count("/a", 59.0).is_exceeded for _ in range(11)] == [False] * 10 + [True]
    assert limiter.count("/b", 59.0).remaining == 9
    # At the start of the next minute the last one still weighs nearly whole, in its middle by half.
    assert limiter.count("/a", 60.0).is_exceeded
    assert limiter.count("/a", 90.0).remaining == 4
    assert limiter.count("/a", 240.0).remaining == 9


GOOD_SHAKE = {
    "connection": "keep-alive, Upgrade",
    "upgrade": "WebSocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": KEY,
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, None),
        ({"connection": "keep-alive"}, 426),
        ({"upgrade": "h2c"}, 426),
        ({"sec-websocket-version": "8"}, 400),
        ({"sec-websocket-key": "short"}, 400),
    ],
)
def test_handshakes(change: dict[str, str], expected: int | None) -> None:
    fault = handshake_fault({**GOOD_SHAKE, **change})
    assert (fault[0] if fault is not None else None) == expected
