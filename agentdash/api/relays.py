"""How far the relays of a deployment are from here, measured over HTTP (contract: tailnet.md §2).

`GET /derp/latency-check` is what official clients ask where UDP does not pass; agents measure in the same way, so the
two can be compared. No relay gets the token: it may be anybody's host. Headers that a person has configured for the
deployment go to its own relay alone, which stands behind the same proxy.

The latency is the time from the last byte of the question to the first of the answer, so that looking up the name,
connecting and TLS do not count.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies

from agentdash.api import transport
from agentdash.api.client import Client
from agentdash.api.exchange import user_agent
from agentdash.api.limits import Sleep, cancelled, within
from agentdash.api.mapping import causes
from agentdash.api.schema import DerpMap, DerpNode, DerpRegion

if TYPE_CHECKING:
    import httpx

CHECK_PATH: Final = "/derp/latency-check"
SAMPLES: Final = 3
AT_ONCE: Final = 6
LIMIT_S: Final = 5.0
"""For one region, all its nodes and samples: as long as official clients try."""
_MAX_BODY: Final = 8192
STUN_ONLY: Final = "STUN only"
BAD_ADDRESS: Final = "bad name"


@dataclass(frozen=True, slots=True)
class RegionLatency:
    """One region as it is seen from here.

    Attributes:
        seconds: The best of some samples; None where there is none.
        trouble: Why not, in a word or two of ours: `refused`, `timed out`, `HTTP 404`; empty when measured.
    """

    region_id: int
    seconds: float | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Relay:
    """Where one node is asked.

    Attributes:
        host: Name or address that is connected to.
        name: Name for the header `Host` where `host` is an address.
        cert_name: Name the certificate has to bear, if it is another one.
        is_own: It is the deployment itself.
    """

    scheme: str
    host: str
    port: int
    name: str = ""
    cert_name: str = ""
    is_checked: bool = True
    is_own: bool = False

    @property
    def url(self) -> str:
        """Absolute URL of the check."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{CHECK_PATH}"

    @property
    def headers(self) -> dict[str, str]:
        """All headers that are sent besides the library's own."""
        found = {"User-Agent": user_agent()}
        if self.name:
            is_usual = self.port == (443 if self.scheme == "https" else 80)
            found["Host"] = self.name if is_usual else f"{self.name}:{self.port}"
        return found


def relays_of(region: DerpRegion, origin: str, *, by_name: bool = False) -> tuple[Relay, ...]:
    """Nodes of a region that relay, in the order of the map.

    Args:
        region: Of the map.
        origin: Of the deployment: its own relay is asked there, whatever the map says (contract: tailnet.md §2).
        by_name: Connect to the names even of nodes whose addresses are given: a proxy looks them up itself.
    """
    nodes = [node for node in region.nodes if not node.stun_only]
    if region.embedded_relay:
        parts = urlsplit(origin)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return (Relay(parts.scheme, parts.hostname or "", port, is_own=True),) if nodes else ()
    # One node without TLS makes the whole region one, as with official clients.
    scheme = "http" if any(node.force_http for node in nodes) else "https"
    return tuple(relay for node in nodes for relay in _places(node, scheme, by_name=by_name))


def _places(node: DerpNode, scheme: str, *, by_name: bool) -> list[Relay]:
    port = node.derp_port or 443
    if not 0 < port < 65536:
        return []
    rest = {"cert_name": node.cert_name, "is_checked": not node.insecure_for_tests}
    given = [a for a in (_address(node.ipv4, 4), _address(node.ipv6, 6)) if a]
    if not node.host_name or (given and not by_name):
        named = {**rest, "name": node.host_name}
        return [Relay(scheme, address, port, **named) for address in given]  # type: ignore[arg-type]
    return [Relay(scheme, node.host_name, port, **rest)]  # type: ignore[arg-type]


def _address(text: str, version: int) -> str:
    """An address of this family; "" for none, and for the words that forbid a family."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return ""
    return text if found.version == version else ""


class RelayProbe:
    """Measures regions side by side, a few at a time.

    Args:
        client: Of the deployment; lends its TLS files and proxies, and nothing else.
        monotonic: What latencies are measured by, in seconds.
        sleep: Lets the time limit pass.
        samples: Of each region.
        at_once: Regions.
        limit_s: For each of them.
    """

    def __init__(
        self,
        client: Client,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        samples: int = SAMPLES,
        at_once: int = AT_ONCE,
        limit_s: float = LIMIT_S,
    ) -> None:
        self._client = client
        self._now = monotonic
        self._sleep = sleep
        self._samples = samples
        self._limit_s = limit_s
        self._turn = asyncio.Semaphore(at_once)
        self._pools: dict[bool, httpx.AsyncClient] = {}
        self._opening = asyncio.Lock()

    async def latencies(self, derp_map: DerpMap) -> AsyncGenerator[RegionLatency, None]:
        """Each region as soon as it is known; whatever is wrong with one is its `trouble`.

        Raises:
            ConnectFailed, TlsFailure: the proxy or the certificate files of this program cannot be used.
        """
        regions = [region for region in derp_map.regions.values() if region.nodes]
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._close)
            tasks = [asyncio.create_task(self._region(region)) for region in regions]
            stack.push_async_callback(cancelled, tasks)
            for done in asyncio.as_completed(tasks):
                yield await done

    async def _region(self, region: DerpRegion) -> RegionLatency:
        relays = relays_of(region, self._client.origin, by_name=bool(getproxies()))
        if not relays:
            trouble = STUN_ONLY if any(node.stun_only for node in region.nodes) else BAD_ADDRESS
            return RegionLatency(region.region_id, trouble=trouble)
        found = _Found()
        async with self._turn:
            try:
                await within(self._sleep, self._limit_s, self._ask(relays, found))
            except TimeoutError:
                found.trouble = found.trouble or "timed out"
        if found.samples:
            return RegionLatency(region.region_id, min(found.samples))
        return RegionLatency(region.region_id, trouble=found.trouble)

    async def _ask(self, relays: Sequence[Relay], found: _Found) -> None:
        """Samples of the first relay that answers; the first trouble is the one that is told."""
        for relay in relays:
            pool = await self._pool(is_checked=relay.is_checked)
            try:
                for _ in range(self._samples):
                    found.samples.append(await self._sample(pool, relay))
            except transport.failures() as error:
                found.trouble = found.trouble or trouble_of(error)
            except _Answered as answer:
                found.trouble = found.trouble or f"HTTP {answer.status}"
            if found.samples:
                return

    async def _sample(self, pool: httpx.AsyncClient, relay: Relay) -> float:
        now = self._now
        sent, came = now(), None

        async def note(event: str, _facts: Any) -> None:
            nonlocal sent, came
            if event.endswith(".send_request_body.complete"):
                sent = now()
            elif event.endswith(".receive_response_headers.complete"):
                came = now()

        extensions: dict[str, Any] = {"trace": note}
        if relay.cert_name or relay.name:
            extensions["sni_hostname"] = relay.cert_name or relay.name
        # The limit is one for all samples and kept by `within`.
        question = pool.build_request(
            "GET",
            relay.url,
            headers=self._client.headers(with_login=False) if relay.is_own else relay.headers,
            extensions=extensions | {"timeout": dict.fromkeys(("connect", "read", "write", "pool"))},
        )
        answer = await pool.send(question, stream=True)
        try:
            came = now() if came is None else came
            if answer.status_code > 299:
                # By a proxy or a log-in page in between: how long that took says nothing of the relay.
                raise _Answered(answer.status_code)
            size = 0
            async for chunk in answer.aiter_raw():
                size += len(chunk)
                if size > _MAX_BODY:
                    break
        finally:
            await answer.aclose()
        return max(0.0, came - sent)

    async def _pool(self, *, is_checked: bool) -> httpx.AsyncClient:
        async with self._opening:
            if is_checked not in self._pools:
                self._pools[is_checked] = await self._client.pool_for_others(is_checked=is_checked)
        return self._pools[is_checked]

    async def _close(self) -> None:
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            await pool.aclose()


@dataclass(slots=True)
class _Found:
    """What is known of a region while it is asked: of use when the time is over."""

    samples: list[float] = field(default_factory=list)
    trouble: str = ""


class _Answered(Exception):  # noqa: N818 - named by what happened
    """An answer came, and not from a relay."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def trouble_of(error: Exception) -> str:
    """A failure in a word or two, at most nine letters."""
    import httpx  # noqa: PLC0415 - 130 ms, not before the first request

    chain = causes(error)
    if any(isinstance(one, ssl.SSLCertVerificationError) for one in chain):
        return "untrusted"
    if any(isinstance(one, ssl.SSLError) for one in chain):
        return "no TLS"
    if any(isinstance(one, socket.gaierror) for one in chain):
        return "no name"
    if any(isinstance(one, ConnectionRefusedError) for one in chain):
        return "refused"
    if any(isinstance(one, TimeoutError | httpx.TimeoutException) for one in chain):
        return "timed out"
    if any(isinstance(one, OSError) and one.errno in _NO_WAY for one in chain):
        return "no route"
    if isinstance(error, httpx.ProxyError):
        return "no proxy"
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return BAD_ADDRESS
    if isinstance(error, httpx.ConnectError):
        return "no way"
    return "cut"


_NO_WAY: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN})
