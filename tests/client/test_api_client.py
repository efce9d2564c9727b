"""The client sends the token to one origin only, and turns every answer that is not the hoped-for one into its name."""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from agentdash.api import errors, schema
from agentdash.api.agents import AgentApi
from agentdash.api.builds import BuildApi
from agentdash.api.client import Client
from agentdash.api.exchange import Exchange, TlsOptions, origin_of, segment, user_agent
from agentdash.api.fleet import FleetApi, Right
from agentdash.wire.budget import RequestBudget

TOKEN = "AAAAAAAAAA-BBBBBBBBBBBBBBBBBBBBBB"
NOW = datetime(2026, 8, 22, 12, 0, tzinfo=UTC)
Handler = Callable[[httpx.Request], httpx.Response]


class Hidden:
    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Hidden()"


class Server:
    """Answers from a handler; keeps the requests."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.handler(request)


def client_of(handler: Handler, **options: Any) -> tuple[Client, Server]:
    server = Server(handler)
    options.setdefault("now", lambda: NOW)
    client = Client("http://coder.test", Hidden(TOKEN), http_transport=httpx.MockTransport(server), **options)
    return client, server


def fixed(status: int = 200, **options: Any) -> Handler:
    return lambda _: httpx.Response(status, **options)


async def test_sends_header_login_and_keeps_no_cookie() -> None:
    answer = fixed(json={"username": "ada"}, headers={"Set-Cookie": "csrf_token=x; Path=/"})
    client, server = client_of(answer, headers={"X-Sso": Hidden("pass"), "X-Plain": "yes"})
    async with client:
        assert (await FleetApi(client).me()).username == "ada"
        await FleetApi(client).me()
    first, second = server.requests
    assert first.headers["Coder-Session-Token"] == TOKEN
    assert first.headers["User-Agent"] == user_agent()
    assert (first.headers["X-Sso"], first.headers["X-Plain"]) == ("pass", "yes")
    assert "cookie" not in second.headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_error_and_carries_the_token_nowhere(status: int) -> None:
    client, server = client_of(fixed(status, headers={"Location": "https://elsewhere.test:8443/login?x=1"}))
    async with client:
        with pytest.raises(errors.Redirected) as one:
            await FleetApi(client).me()
    assert [request.url.host for request in server.requests] == ["coder.test"]
    assert one.value.location == "https://elsewhere.test:8443"
    assert "elsewhere.test:8443" in one.value.next_step
    assert "login" not in str(one.value)


@pytest.mark.parametrize(
    ("location", "origin"),
    [
        ("", "http://coder.test"),
        ("/login", "http://coder.test"),
        ("javascript://x", ""),
        ("https://[::1]:3000/", "https://[::1]:3000"),
        ("https://user:pass@evil.test/", "https://evil.test"),
        ("https://a b/", ""),
        ("https://x:99999/", ""),
    ],
)
async def test_redirect_names_an_origin_or_nothing(location: str, origin: str) -> None:
    client, _ = client_of(fixed(307, headers={"Location": location}))
    async with client:
        with pytest.raises(errors.Redirected) as one:
            await FleetApi(client).buildinfo()
    assert one.value.location == origin


@pytest.mark.parametrize("page", ["<!doctype html><title>Dashboard</title>", "Coder without a dashboard."])
async def test_html_with_200_is_not_coder(page: str) -> None:
    client, _ = client_of(fixed(html=page))
    async with client:
        with pytest.raises(errors.NotCoder) as one:
            await FleetApi(client).workspaces()
    assert "<" not in one.value.detail
    assert "--header-command" in one.value.next_step


@pytest.mark.parametrize("before", [0, 262, 270])
async def test_the_token_is_in_no_text(before: int) -> None:
    client, _ = client_of(fixed(500, json={"message": "x" * before + f" bad token {TOKEN}", "detail": TOKEN}))
    seen: list[Exchange] = []
    client._observe = seen.append
    async with client:
        with pytest.raises(errors.ServerError) as one:
            await FleetApi(client).me()
    for text in (str(one.value), repr(one.value), one.value.detail, repr(client), repr(seen)):
        assert TOKEN[:6] not in text
    assert repr(one.value.args) == repr((str(one.value),))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(401, json={"message": "You are signed out"}), errors.NotLoggedIn),
        (httpx.Response(403, json={"message": "Forbidden."}), errors.Forbidden),
        (
            httpx.Response(403, json={"message": "X is a Premium feature. Contact sales!"}),
            errors.FeatureNotLicensed,
        ),
        (httpx.Response(404, json={"message": "Route not found."}), errors.RouteNotFound),
        (httpx.Response(404, json={"message": "Resource not found or …"}), errors.NotFound),
        (httpx.Response(404, html="<title>nginx</title>"), errors.NotCoder),
        (httpx.Response(405), errors.RouteNotFound),
        (
            httpx.Response(400, json={"message": 'Agent state is "timeout", it must be …'}),
            errors.AgentNotConnected,
        ),
        (httpx.Response(400, text="CSRF token"), errors.BadRequest),
        (httpx.Response(408, json={"message": "x"}), errors.TimedOut),
        (httpx.Response(409, json={"message": "A workspace build is already active."}), errors.Conflict),
        (httpx.Response(410, json={"message": "deleted"}), errors.Gone),
        (httpx.Response(428, text="no"), errors.BadRequest),
        (
            httpx.Response(500, json={"message": "Internal error dialing workspace agent."}),
            errors.AgentUnreachable,
        ),
        (
            httpx.Response(
                500,
                json={
                    "message": "Internal error fetching listening ports.",
                    "detail": "context deadline exceeded",
                },
            ),
            errors.AgentUnreachable,
        ),
        (
            httpx.Response(500, json={"message": "Could not get containers", "detail": "docker"}),
            errors.ServerError,
        ),
        (httpx.Response(502, html="<html><title>Bad Gateway</title>"), errors.ServerError),
        (httpx.Response(200, text="ok"), errors.MalformedAnswer),
        (httpx.Response(200, json=[]), errors.MalformedAnswer),
        (httpx.Response(204), errors.MalformedAnswer),
    ],
)
async def test_each_answer_has_its_error(answer: httpx.Response, kind: type[errors.ApiError]) -> None:
    answer.headers["X-Coder-Request-Id"] = "r-1"
    client, _ = client_of(lambda _: answer)
    async with client:
        with pytest.raises(errors.ApiError) as one:
            await AgentApi(client).get("a")
    assert type(one.value) is kind
    assert one.value.title
    assert one.value.path == "/api/v2/workspaceagents/a"
    assert one.value.request_id == "r-1"
    assert "<" not in one.value.detail


@pytest.mark.parametrize(
    ("raised", "kind", "word"),
    [
        (httpx.ConnectTimeout("x"), errors.TimedOut, "connecting"),
        (httpx.ReadTimeout("x"), errors.TimedOut, "answer"),
        (httpx.ConnectError("x"), errors.ConnectFailed, "made"),
        (httpx.ReadError("x"), errors.ConnectFailed, "cut"),
        (httpx.RemoteProtocolError("x"), errors.ConnectFailed, "cut"),
        (httpx.ProxyError("x"), errors.ConnectFailed, "proxy"),
        (httpx.DecodingError("x"), errors.MalformedAnswer, "protocol"),
        (ConnectionRefusedError(111, "refused"), errors.ConnectFailed, "listens"),
        (ssl.SSLError(1, "WRONG_VERSION_NUMBER"), errors.TlsFailure, ""),
    ],
)
async def test_each_failure_of_the_libraries_has_its_error(
    raised: Exception, kind: type[errors.ApiError], word: str
) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise raised

    client, _ = client_of(fail)
    async with client:
        with pytest.raises(errors.ApiError) as one:
            await FleetApi(client).buildinfo()
    assert type(one.value) is kind
    assert word in one.value.detail


def test_a_certificate_that_is_not_trusted_says_why() -> None:
    from agentdash.api.mapping import error_from_exception

    inner = ssl.SSLCertVerificationError(1, "certificate verify failed")
    inner.verify_message = "self-signed certificate"
    outer = httpx.ConnectError("x")
    outer.__cause__ = inner
    found = error_from_exception(outer)
    assert isinstance(found, errors.TlsFailure)
    assert found.detail == "self-signed certificate"
    assert "--client-tls-ca-file" in found.next_step


async def test_a_missing_certificate_file_is_named_as_such(tmp_path: Any) -> None:
    client = Client("https://coder.test", Hidden(TOKEN), tls=TlsOptions(ca_file=tmp_path / "none.pem"))
    async with client:
        with pytest.raises(errors.TlsFailure, match="certificate files"):
            await FleetApi(client).me()


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "gopher://x"])
async def test_a_proxy_that_cannot_be_used_is_named(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    async with Client("http://coder.test", Hidden(TOKEN)) as client:
        with pytest.raises(errors.ConnectFailed, match="proxy"):
            await FleetApi(client).me()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("Sat, 22 Aug 2026 12:00:30 GMT", 30.0),
        ("soon", 60.0),
        (None, 60.0),
        ("999999999", 3600.0),
    ],
)
async def test_a_429_bars_its_path_for_the_time_the_server_names(header: str | None, seconds: float) -> None:
    headers = {"Date": "Sat, 22 Aug 2026 12:00:00 GMT"} | ({"Retry-After": header} if header else {})
    client, _ = client_of(fixed(429, json={"message": "slow"}, headers=headers), clock=lambda: 100.0)
    async with client:
        with pytest.raises(errors.RateLimited) as one:
            await FleetApi(client).me()
        assert one.value.retry_after_s == seconds
        assert client._budget.barred_s("/api/v2/users/me", 100.0) == seconds
        assert client._budget.barred_s("/api/v2/buildinfo", 100.0) == 0.0


async def test_the_budget_is_waited_for() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    client, _ = client_of(fixed(json={}), budget=RequestBudget(per_minute=1), sleep=sleep, clock=lambda: 5.0)
    async with client:
        await FleetApi(client).me()
        await FleetApi(client).me()
        await FleetApi(client).buildinfo()
    assert waits == [60.0]


async def test_read_only_sends_nothing_that_changes() -> None:
    client, server = client_of(fixed(json={}), read_only=True)
    async with client:
        agents, builds, fleet = AgentApi(client), BuildApi(client), FleetApi(client)
        changes = [
            lambda: builds.start("w"),
            lambda: builds.stop("w"),
            lambda: builds.delete("w"),
            lambda: builds.cancel("b"),
            lambda: builds.extend("w", NOW),
            lambda: agents.recreate_devcontainer("a", "d", "c"),
            lambda: agents.delete_devcontainer("a", "d"),
            lambda: agents.share_port("w", "main", 80, "public"),
            lambda: agents.unshare_port("w", "main", 80),
            lambda: fleet.pause_prebuilds(True),
            lambda: fleet.invalidate_prebuilds("t"),
            lambda: fleet.report_usage("w", "a", "x"),
        ]
        for change in changes:
            with pytest.raises(errors.ReadOnly):
                await change()
        assert server.requests == []
        assert await fleet.check_rights({"k": Right("workspace", "stop")}) == {"k": False}
    assert len(server.requests) == 1


async def test_the_observer_hears_of_each_exchange() -> None:
    seen: list[Exchange] = []
    headers = {
        "Date": "Sat, 22 Aug 2026 12:00:05 GMT",
        "X-Coder-Build-Version": "v2.36.1+abc",
        "X-Coder-Request-Id": "r",
    }
    client, _ = client_of(fixed(json={"name": ["x"]}, headers=headers), observe=seen.append)
    async with client:
        await AgentApi(client).get("a")
    exchange, notes = seen
    assert (exchange.status, exchange.request_id, exchange.server_version) == (200, "r", "v2.36.1+abc")
    assert exchange.clock_offset_s == timedelta(seconds=5).total_seconds()
    assert [note.field for note in notes.notes] == ["name"]
    assert client.server_version.is_at_least(2, 36)
    assert not client.server_version.is_at_least(2, 37)


async def test_an_endless_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentdash.api.client.MAX_BODY", 10)

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 8

    client, _ = client_of(lambda _: httpx.Response(200, content=endless()))
    async with client:
        with pytest.raises(errors.MalformedAnswer, match="too large"):
            await FleetApi(client).me()


async def test_a_big_page_is_decoded_off_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    from agentdash.api import client as module

    offered: list[Any] = []
    real = module.asyncio.to_thread

    async def to_thread(function: Any, *values: Any) -> Any:
        offered.append(function)
        return await real(function, *values)

    monkeypatch.setattr(module.asyncio, "to_thread", to_thread)
    body = {"workspaces": [{"id": str(n), "name": "x" * 1000} for n in range(100)], "count": 100}
    client, _ = client_of(fixed(json=body))
    async with client:
        assert (await FleetApi(client).workspaces()).count == 100
    assert schema.decode in offered


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://coder.test", "https://coder.test"),
        ("https://coder.test/path?x#y", "https://coder.test"),
        ("http://u:p@coder.test:3000/", "http://coder.test:3000"),
        ("https://[::1]:7080/", "https://[::1]:7080"),
    ],
)
def test_origin_keeps_scheme_host_and_port(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize("url", ["coder.test", "ftp://x", "", "https://", "https://x:y"])
def test_a_url_that_is_none_is_named(url: str) -> None:
    with pytest.raises(errors.ConnectFailed, match="URL"):
        origin_of(url)


def test_paths_stay_below_the_api() -> None:
    client, _ = client_of(fixed())
    assert client.url("/api/v2/x", {"q": "a b&c", "n": None}) == "http://coder.test/api/v2/x?q=a%20b%26c"
    for path in ("//evil.test/api", "http://evil.test/api/", "@evil.test"):
        with pytest.raises(ValueError, match="not a path"):
            client.url(path)
    assert segment("../x?y") == "..%2Fx%3Fy"
    assert segment("..") == "%2E%2E"


def test_every_error_is_drawn_in_the_tree_and_has_a_title() -> None:
    def leaves(kind: type[errors.ApiError]) -> list[type[errors.ApiError]]:
        return [kind] + [leaf for child in kind.__subclasses__() for leaf in leaves(child)]

    for kind in leaves(errors.ApiError):
        assert kind.__name__ in (sys.modules[kind.__module__].__doc__ or "")
        assert kind.title


# A login that has been replaced


def only(token: str) -> Handler:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers["Coder-Session-Token"] == token:
            return httpx.Response(200, json={})
        return httpx.Response(
            401, json={"message": f"{request.headers['Coder-Session-Token']} is signed out"}
        )

    return answer


async def test_a_refused_token_is_read_again_and_the_request_sent_once_more() -> None:
    stored = iter([Hidden("new-token-of-elsewhere")])
    client, server = client_of(only("new-token-of-elsewhere"), login_again=lambda: next(stored))
    await client.request("POST", "/api/v2/things", body={"a": 1})
    await client.request("GET", "/api/v2/things")
    sent = [(r.method, r.headers["Coder-Session-Token"]) for r in server.requests]
    new = "new-token-of-elsewhere"
    assert sent == [("POST", TOKEN), ("POST", new), ("GET", new)]


async def test_the_same_token_is_not_tried_again() -> None:
    client, server = client_of(only("another"), login_again=lambda: Hidden(TOKEN))
    with pytest.raises(errors.NotLoggedIn):
        await client.request("GET", "/api/v2/things")
    assert len(server.requests) == 1


async def test_a_token_that_is_gone_leaves_the_refusal_as_it_was() -> None:
    client, _ = client_of(only("another"), login_again=lambda: None)
    with pytest.raises(errors.NotLoggedIn):
        await client.request("GET", "/api/v2/things")


async def test_many_refusals_at_once_read_the_place_once() -> None:
    reads = []

    def again() -> Hidden:
        reads.append(1)
        return Hidden("still-not-the-right-one")

    client, _ = client_of(only("another"), login_again=again, clock=lambda: 5.0)
    asked = [client.request("GET", "/api/v2/things") for _ in range(5)]
    ended = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(error) for error in ended} == {errors.NotLoggedIn}
    assert len(reads) == 1
    assert all("still-not" not in str(error) and TOKEN not in str(error) for error in ended)
