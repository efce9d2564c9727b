"""Health checks of this machine's apps: a GET on each interval, a threshold of failures (contract: agents.md §2.6)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from urllib.parse import urlsplit

from agentdash.local.clock import Clock
from agentdash.local.records import App

PROBE_TIMEOUT_S = 5.0


async def probe(url: str, timeout_s: float = PROBE_TIMEOUT_S) -> bool:
    """Whether a plain HTTP GET answers with a status below 500."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
            try:
                path = parts.path or "/"
                writer.write(
                    f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode()
                )
                line = await reader.readline()
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError, ValueError):
        return False
    words = line.split()
    return len(words) >= 2 and words[0].startswith(b"HTTP/") and words[1].isdigit() and int(words[1]) < 500


async def check_app(app: App, clock: Clock, changed: Callable[[], None]) -> None:
    """Keep `app.health` true until cancelled; `changed` is called when it moved."""
    app.health = "initializing"
    failures = 0
    while True:
        await clock.sleep(app.healthcheck_interval_s)
        failures = 0 if await probe(app.healthcheck_url) else failures + 1
        if failures == 0:
            health = "healthy"
        elif failures >= app.healthcheck_threshold:
            health = "unhealthy"
        else:
            health = app.health
        if health != app.health:
            app.health = health
            changed()
