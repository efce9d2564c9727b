"""How far relays are: against the embedded server, sockets of all kinds, and an injected clock (contract: tailnet.md §2)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import httpx
import pytest

from agentdash.api import errors
from agentdash.api.client import Client
from agentdash.api.exchange import TlsOptions
from agentdash.api.relays import CHECK_PATH, RegionLatency, Relay, RelayProbe, relays_of
from agentdash.api.schema import DerpMap
from agentdash.api.schema.base import decode
from agentdash.config.secret import Secret
from agentdash.local.faults import Answer, Fault
from agentdash.local.server import Served

TOKEN = "secret-token-of-a-person"


def the_map(*regions: dict[str, Any]) -> DerpMap:
    """Regions 1, 2, … with what is given of their nodes and of themselves."""
    body = {
        str(number): {"RegionID": number, "RegionName": f"r{number}", **region}
        for number, region in enumerate(regions, 1)
    }
    return decode(DerpMap, json.dumps({"Regions": body}).encode()).value


def node(host: str = "127.0.0.1", port: int = 0, **fields: Any) -> dict[str, Any]:
    return {"Name": "n", "HostName": host, "DERPPort": port, **fields}


def relay(*nodes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Nodes": list(nodes), **fields}


async def measure(client: Client, found: DerpMap, **options: Any) -> dict[int, RegionLatency]:
    async with asyncio.timeout(20):
        return {one.region_id: one async for one in RelayProbe(client, **options).latencies(found)}


@asynccontextmanager
async def listening(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """A server of bytes; its port."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def saying(body: bytes, seen: list[bytes] | None = None) -> Callable[..., Awaitable[None]]:
    """Answers each question on a connection with these bytes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while question := await reader.readuntil(b"\r\n\r\n"):
                if seen is not None:
                    seen.append(question)
                writer.write(body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    return answer


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


@pytest.fixture
async def client(served: Served) -> AsyncIterator[Client]:
    async with Client(served.url, Secret(TOKEN)) as made:
        yield made


# Where


def first_region(found: DerpMap) -> Any:
    return next(iter(found.regions.values()))


@pytest.mark.parametrize(
    ("region", "wanted"),
    [
        (relay(node("fra.example")), [Relay("https", "fra.example", 443)]),
        (relay(node("fra.example", 8443)), [Relay("https", "fra.example", 8443)]),
        (relay(node("fra.example", 80, ForceHTTP=True)), [Relay("http", "fra.example", 80)]),
        (
            relay(node("a.example", 1), node("s.example", STUNOnly=True), node("b.example", 2)),
            [Relay("https", "a.example", 1), Relay("https", "b.example", 2)],
        ),
        (
            relay(node("fra.example", IPv4="192.0.2.1", IPv6="2001:db8::1")),
            [
                Relay("https", "192.0.2.1", 443, name="fra.example"),
                Relay("https", "2001:db8::1", 443, name="fra.example"),
            ],
        ),
        (relay(node("fra.example", IPv4="none")), [Relay("https", "fra.example", 443)]),
        (
            relay(node("fra.example", CertName="*.example", InsecureForTests=True)),
            [Relay("https", "fra.example", 443, cert_name="*.example", is_checked=False)],
        ),
        (relay(node("stun.example", STUNOnly=True)), []),
        (relay(node("fra.example", 70000)), []),
        (relay(node("fra.example", -1)), []),
        # The deployment's own is where the deployment is, whatever the map says.
        (
            relay(node("inside.example", 99), EmbeddedRelay=True),
            [Relay("http", "coder.example", 3000, is_own=True)],
        ),
        (relay(EmbeddedRelay=True), []),
    ],
)
def test_where_a_region_is_asked(region: dict[str, Any], wanted: list[Relay]) -> None:
    assert list(relays_of(first_region(the_map(region)), "http://coder.example:3000")) == wanted


def test_a_proxy_looks_names_up_itself() -> None:
    region = first_region(the_map(relay(node("fra.example", IPv4="192.0.2.1"))))
    assert relays_of(region, "https://coder.example", by_name=True) == (Relay("https", "fra.example", 443),)


def test_addresses_of_the_check() -> None:
    assert Relay("https", "fra.example", 443).url == f"https://fra.example:443{CHECK_PATH}"
    six = Relay("https", "2001:db8::1", 8443, name="fra.example")
    assert (six.url, six.headers["Host"]) == (f"https://[2001:db8::1]:8443{CHECK_PATH}", "fra.example:8443")
    assert Relay("https", "192.0.2.1", 443, name="fra.example").headers["Host"] == "fra.example"
    assert relays_of(first_region(the_map(relay(node("x"), EmbeddedRelay=True))), "https://c.example") == (
        Relay("https", "c.example", 443, is_own=True),
    )


# How far


async def test_the_embedded_relay_is_measured_without_login(served: Served, client: Client) -> None:
    found = await measure(client, the_map(relay(node("nowhere.invalid"), EmbeddedRelay=True)))
    assert found[1].trouble == ""
    assert found[1].seconds is not None
    assert 0 <= found[1].seconds < 5


def ticking(steps: Iterable[float]) -> Callable[[], float]:
    """A clock that moves by these steps, one at each look."""
    now, moves = 0.0, iter(steps)

    def look() -> float:
        nonlocal now
        now += next(moves)
        return now

    return look


async def test_the_best_of_some_samples_by_the_clock_that_was_handed_in(client: Client) -> None:
    # Each sample looks three times: before all, when the question has gone, when the answer begins.
    steps = [step for answer in (0.4, 0.1, 0.3) for step in (0.0, 9.0, answer)]
    found = await measure(client, the_map(relay(node("x"), EmbeddedRelay=True)), monotonic=ticking(steps))
    assert found[1].seconds == pytest.approx(0.1)


async def test_no_relay_ever_sees_the_token(served: Served) -> None:
    seen: list[bytes] = []
    headers = {"X-Proxy-Key": "key-of-a-proxy"}
    async with listening(saying(OK, seen)) as port:
        async with Client(served.url, Secret(TOKEN), headers=headers) as client:
            await measure(client, the_map(relay(node("127.0.0.1", port, ForceHTTP=True))))
        assert len(seen) == 3
        foreign, seen[:] = b"".join(seen), []
        async with Client(f"http://127.0.0.1:{port}", Secret(TOKEN), headers=headers) as client:
            await measure(client, the_map(relay(node("x"), EmbeddedRelay=True)))
    own = b"".join(seen)
    assert f"GET {CHECK_PATH} HTTP/1.1".encode() in foreign
    for question in (foreign, own):
        assert TOKEN.encode() not in question
        assert b"cookie" not in question.lower()
    assert b"key-of-a-proxy" not in foreign
    assert b"key-of-a-proxy" in own


async def test_a_name_with_an_address_is_asked_by_its_name(client: Client) -> None:
    seen: list[bytes] = []
    async with listening(saying(OK, seen)) as port:
        found = await measure(
            client, the_map(relay(node("fra.example", port, IPv4="127.0.0.1", ForceHTTP=True)))
        )
    assert found[1].seconds is not None
    assert f"Host: fra.example:{port}".lower().encode() in seen[0].lower()


async def test_the_next_node_is_asked_when_one_is_down(client: Client, unused_port: int) -> None:
    async with listening(saying(OK)) as port:
        found = await measure(
            client, the_map(relay(node("127.0.0.1", unused_port), node("127.0.0.1", port, ForceHTTP=True)))
        )
    assert found[1].seconds is not None


@pytest.fixture
async def unused_port() -> int:
    """A port at which nobody listens."""
    async with listening(saying(OK)) as port:
        pass
    return port


# Troubles


async def test_every_trouble_is_a_word_and_none_disturbs_the_others(client: Client, unused_port: int) -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def speak_first(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await writer.drain()
        writer.close()

    redirect = b"HTTP/1.1 302 Found\r\nlocation: https://login.example/\r\ncontent-length: 0\r\n\r\n"
    async with (
        listening(hang_up) as cut,
        listening(saying(b"220 mail.example ESMTP\r\n\r\n")) as mail,
        listening(saying(redirect)) as login,
        listening(speak_first) as plain,
    ):
        found = await measure(
            client,
            the_map(
                relay(node("127.0.0.1", unused_port)),
                relay(node("127.0.0.1", cut, ForceHTTP=True)),
                relay(node("127.0.0.1", mail, ForceHTTP=True)),
                relay(node("127.0.0.1", login, ForceHTTP=True)),
                relay(node("127.0.0.1", plain)),
                relay(node("a b/c@d", plain)),
                relay(node("127.0.0.1", 99999)),
                relay(node("stun.example", STUNOnly=True)),
                relay(),
                relay(node("x"), EmbeddedRelay=True),
            ),
        )
    assert {number: one.trouble for number, one in found.items()} == {
        1: "refused",
        2: "cut",
        3: "cut",
        4: "HTTP 302",
        5: "no TLS",
        6: found[6].trouble,
        7: "bad name",
        8: "STUN only",
        10: "",
    }
    assert found[6].trouble in {"no name", "bad name"}
    assert all(len(one.trouble) <= 9 for one in found.values())
    assert found[10].seconds is not None


@pytest.mark.parametrize(("status", "word"), [(404, "HTTP 404"), (503, "HTTP 503")])
async def test_an_answer_that_is_not_a_relays(served: Served, client: Client, status: int, word: str) -> None:
    served.faults.add(Fault(CHECK_PATH, answer=Answer(status, "x")))
    found = await measure(client, the_map(relay(node("x"), EmbeddedRelay=True)))
    assert found[1] == RegionLatency(1, None, word)


async def test_a_long_answer_is_not_read_to_its_end(client: Client) -> None:
    endless = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n" + b"x" * 100_000
    async with listening(saying(endless)) as port:
        found = await measure(client, the_map(relay(node("127.0.0.1", port, ForceHTTP=True))))
    assert found[1].seconds is not None


class Patience:
    """A sleep that ends when the test says so."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.over = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        await self.over.wait()


async def test_silence_ends_with_the_time_that_was_handed_in(client: Client) -> None:
    patience, asked = Patience(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        writer.close()

    async with listening(silent) as port:
        task = asyncio.create_task(
            measure(client, the_map(relay(node("127.0.0.1", port, ForceHTTP=True))), sleep=patience.sleep)
        )
        await asyncio.wait_for(asked.wait(), 10)
        assert patience.asked == [5.0]
        patience.over.set()
        assert await task == {1: RegionLatency(1, None, "timed out")}


async def test_one_sample_is_enough_when_the_time_is_over(client: Client) -> None:
    patience, numbers = Patience(), count()
    second = asyncio.Event()

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                if next(numbers):
                    second.set()
                    continue
                writer.write(OK)
        except asyncio.IncompleteReadError:
            writer.close()

    async with listening(once) as port:
        task = asyncio.create_task(
            measure(client, the_map(relay(node("127.0.0.1", port, ForceHTTP=True))), sleep=patience.sleep)
        )
        await asyncio.wait_for(second.wait(), 10)
        patience.over.set()
        found = await task
    assert found[1].trouble == ""
    assert found[1].seconds is not None


async def test_only_some_are_asked_at_once(client: Client) -> None:
    at_once, most, go = 0, 0, asyncio.Event()

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        if at_once == 2:
            go.set()
        await go.wait()
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(OK)
        except asyncio.IncompleteReadError:
            at_once -= 1
            writer.close()

    async with listening(counted) as port:
        regions = [relay(node(f"127.0.0.{number}", port, ForceHTTP=True)) for number in [1] * 6]
        found = await measure(client, the_map(*regions), at_once=2)
    assert [one.trouble for one in found.values()] == [""] * 6
    # A connection is kept for the next region at the same address, so there are never more.
    assert most == 2


async def test_leaving_early_leaves_nothing_behind(client: Client) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with listening(silent) as port:
        regions = the_map(
            relay(node("x"), EmbeddedRelay=True), relay(node("127.0.0.1", port, ForceHTTP=True))
        )
        found = RelayProbe(client).latencies(regions)
        assert (await anext(found)).region_id == 1
        await found.aclose()
    own = {asyncio.current_task()}
    assert not [task for task in asyncio.all_tasks() - own if "_region" in repr(task)]


async def test_files_that_cannot_be_used_are_an_error_of_this_program(served: Served, tmp_path: Any) -> None:
    tls = TlsOptions(ca_file=tmp_path / "none.pem")
    async with Client(served.url, Secret(TOKEN), tls=tls) as client:
        with pytest.raises(errors.TlsFailure):
            await measure(client, the_map(relay(node("127.0.0.1", 1))))


async def test_the_settings_of_the_client_are_used_for_others_too() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(b""))

    transport = httpx.MockTransport(answer)
    async with Client("https://coder.example", Secret(TOKEN), http_transport=transport) as client:
        found = await measure(
            client, the_map(relay(node("fra.example", CertName="relay.example"))), samples=1
        )
    assert found[1].seconds is not None
    (request,) = asked
    assert str(request.url) == f"https://fra.example{CHECK_PATH}"
    assert request.extensions["sni_hostname"] == "relay.example"
    assert "coder-session-token" not in request.headers


async def test_a_proxy_is_used_as_for_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with listening(saying(OK, seen)) as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        async with Client("https://coder.example", Secret(TOKEN)) as client:
            region = relay(node("fra.example", 8080, IPv4="192.0.2.1", ForceHTTP=True))
            found = await measure(client, the_map(region))
    assert found[1].seconds is not None
    assert seen[0].startswith(f"GET http://fra.example:8080{CHECK_PATH} ".encode())
