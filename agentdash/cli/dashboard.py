"""`agentdash`: the dashboard, on the configured deployment, or on this machine as one when none is configured."""

from __future__ import annotations

import asyncio
import importlib
import locale
import os
import random
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from agentdash.cli import output
from agentdash.cli.collector import imports_kept
from agentdash.cli.connect import load_settings, make_client, need_login, stored_token
from agentdash.cli.output import CliError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agentdash.api.client import Client
    from agentdash.api.exchange import Exchange
    from agentdash.cli.main import Call
    from agentdash.config.load import Loaded, Origin
    from agentdash.config.secret import Secret
    from agentdash.config.settings import Settings
    from agentdash.feed.supervisor import Feed
    from agentdash.local.handover import LocalChild
    from agentdash.state.events import Event
    from agentdash.state.state import State
    from agentdash.ui.context import Context
    from agentdash.ui.front import Opening
    from agentdash.ui.session import Connect, Post, Session

HEADLESS_STEP = "Use `agentdash fleet --json` or `agentdash agent NAME --json` without a terminal"


def run(call: Call) -> int:
    """Show the dashboard until it is left."""
    need_terminal(call.environ)
    loaded = load_settings(call, warn=False)
    settings = loaded.settings
    child = _start_child() if settings.url is None else None
    try:
        if child is None:
            need_login(settings)
        for text in loaded.warnings:
            # Seen again when the screen has been left; while it is up it is in the way.
            output.warn(text)
        return _show(call, loaded, child)
    finally:
        if child is not None:
            child.end()


def need_terminal(environ: Mapping[str, str]) -> None:
    """A screen can be drawn.

    Raises:
        CliError: Input or output is no terminal, or one that cannot move its cursor.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise CliError("the dashboard needs a terminal for input and output", ExitCode.TROUBLE, HEADLESS_STEP)
    term = environ.get("TERM", "")
    if term in ("", "dumb", "unknown"):
        said = f"TERM is {term}" if term else "TERM is not set"
        raise CliError(f"{said}: such a terminal cannot show a screen", ExitCode.TROUBLE, HEADLESS_STEP)


def need_theme(name: str, origin: Origin) -> None:
    """The theme exists.

    Raises:
        CliError: It does not.
    """
    from agentdash.ui import themes  # noqa: PLC0415 - Textual knows the names of most

    problem = themes.unknown(name)
    if problem:
        there = f"There are {', '.join(themes.names())}"
        where = f"{origin.name}, theme" if origin.kind == "file" else origin.name or "theme"
        raise CliError(f"{where}: {problem}", ExitCode.USAGE, there)


def _start_child() -> LocalChild:
    from agentdash.local.handover import spawn_child  # noqa: PLC0415 - only when there is no deployment

    try:
        return spawn_child()
    except OSError as error:
        raise CliError(f"the embedded deployment cannot be started: {error.strerror}") from None


def _show(call: Call, loaded: Loaded, child: LocalChild | None) -> int:
    settings = loaded.settings
    with imports_kept():
        from agentdash.ui.app import AgentDash  # noqa: PLC0415 - the child starts while Textual is imported

        need_theme(settings.theme, loaded.origins["theme"])
        front = make_front(settings)
    if not sys.stderr.isatty():
        # Textual draws on stderr; `agentdash 2>errors` is meant to keep the errors, not the screen.
        sys.__stderr__ = sys.__stdout__  # type: ignore[misc]  # the one place Textual takes it from
    again = stored_token(call, settings)
    app = AgentDash(front, session_opener(settings, dict(call.environ), child, again))
    app.run()
    if app.failure:
        from agentdash.cli.logfile import where_the_trace_is  # noqa: PLC0415

        raise CliError(f"an error of this program ended it: {app.failure}", next_step=where_the_trace_is())
    return app.return_code or ExitCode.OK


def make_front(settings: Settings) -> Opening:
    """What the first frame is painted from; its `whole` loads the screens."""
    from agentdash.ui.front import Opening  # noqa: PLC0415
    from agentdash.ui.keys import KeyTable  # noqa: PLC0415
    from agentdash.ui.widgets import glyphs as signs  # noqa: PLC0415

    keymap = {action: ", ".join(keys) for action, keys in settings.keymap.items()}
    keymap.setdefault("terminal-leave", settings.leave_key)
    is_ascii = settings.ascii or not _is_utf8()
    keys = KeyTable(keymap, read_only=settings.read_only)
    return Opening(settings, keys, signs.ASCII if is_ascii else signs.UNICODE, _load)


def _load(front: Opening) -> Context:
    with imports_kept():
        importlib.import_module("agentdash.ui.screens.fleet")
        return _context(front)


def make_context(settings: Settings) -> Context:
    """State, rows, keys and signs for the screens. Nothing here asks the network."""
    return _context(make_front(settings))


def _context(front: Opening) -> Context:
    from agentdash.present import glyphs as words  # noqa: PLC0415
    from agentdash.present.columns import haystack  # noqa: PLC0415
    from agentdash.state.events import ServerNamed  # noqa: PLC0415
    from agentdash.state.store import Store  # noqa: PLC0415
    from agentdash.ui.context import Context  # noqa: PLC0415
    from agentdash.ui.fleet_rows import FleetRows  # noqa: PLC0415
    from agentdash.ui.widgets import glyphs as signs  # noqa: PLC0415

    settings = front.settings
    store = Store(settings.logs.lines_per_agent)
    host = urlsplit(settings.url or "").netloc
    store.apply([ServerNamed(settings.url or "", host, is_embedded=settings.url is None)])
    context = Context(
        settings=settings,
        store=store,
        fleet=FleetRows(lambda row, verdict: haystack(row, verdict, context.now())),
        keys=front.keys,
        glyphs=words.ASCII if front.signs is signs.ASCII else words.UNICODE,
        signs=front.signs,
    )
    return context


def _is_utf8() -> bool:
    return "utf" in (sys.stdout.encoding or locale.getpreferredencoding(do_setlocale=False)).lower()


def session_opener(
    settings: Settings,
    environ: dict[str, str],
    child: LocalChild | None = None,
    login_again: Callable[[], Secret | None] | None = None,
) -> Connect:
    """What opens the session once the first frame is painted."""

    async def connect(post: Post, state: Callable[[], State]) -> Session:
        from agentdash.config.errors import ConfigError  # noqa: PLC0415
        from agentdash.local.handover import HandoverError  # noqa: PLC0415
        from agentdash.ui.session import Refusal  # noqa: PLC0415

        feeds: list[Feed] = []

        def observe(exchange: Exchange) -> None:
            for feed in feeds:
                feed.answered(exchange)

        # Half a second of imports: not on the loop, which answers keys by now.
        await asyncio.to_thread(_load_libraries)
        try:
            if child is not None:
                client = await _client_of_child(child, settings, observe, post)
            else:
                # The header command may take seconds, and the libraries of the network a part of one.
                client = await asyncio.to_thread(make_client, settings, environ, observe, login_again)
        except HandoverError as error:
            raise Refusal(
                "the embedded deployment did not start", error.detail, "Start it with `agentdash local`"
            ) from None
        except ConfigError as error:
            raise Refusal(error.title, error.detail, error.next_step) from None
        # The shells of the embedded deployment end with it, and a read-only program goes back to none.
        keeps_shells = child is None and not settings.read_only
        return _session(client, settings, post, state, feeds, keeps_shells=keeps_shells)

    return connect


def _load_libraries() -> None:
    for name in ("actions.doer", "actions.run", "feed.deployment", "feed.supervisor", "feed.terminal_lines"):
        importlib.import_module(f"agentdash.{name}")


async def _client_of_child(
    child: LocalChild, settings: Settings, observe: Callable[[Exchange], None], post: Post
) -> Client:
    from agentdash.api.client import Client  # noqa: PLC0415
    from agentdash.cli import logfile  # noqa: PLC0415
    from agentdash.state.events import ServerNamed  # noqa: PLC0415
    from agentdash.wire.budget import RequestBudget  # noqa: PLC0415

    told = await child.handover()
    logfile.hide([told.token.reveal()])
    events: Sequence[Event] = [ServerNamed(told.url, urlsplit(told.url).netloc, is_embedded=True)]
    post(events)
    return Client(
        told.url,
        told.token,
        read_only=settings.read_only,
        budget=RequestBudget(settings.requests_per_minute),
        observe=observe,
    )


def _session(
    client: Client,
    settings: Settings,
    post: Post,
    state: Callable[[], State],
    feeds: list[Feed],
    *,
    keeps_shells: bool,
) -> Session:
    from platformdirs import user_state_path  # noqa: PLC0415

    from agentdash.actions.doer import ClientDoer  # noqa: PLC0415
    from agentdash.actions.run import Runner  # noqa: PLC0415
    from agentdash.feed.clock import SystemClock  # noqa: PLC0415
    from agentdash.feed.deployment import Deployment  # noqa: PLC0415
    from agentdash.feed.settings import feed_settings  # noqa: PLC0415
    from agentdash.feed.shell_book import remembering  # noqa: PLC0415
    from agentdash.feed.shells import Shells  # noqa: PLC0415
    from agentdash.feed.supervisor import Feed  # noqa: PLC0415
    from agentdash.feed.terminal_lines import TerminalLines  # noqa: PLC0415
    from agentdash.ui.session import Session  # noqa: PLC0415

    clock = SystemClock()
    rng = random.Random(os.urandom(16))  # noqa: S311 - jitter, not a secret
    backend = settings.terminal.backend or "buffered"
    shells = Shells(
        TerminalLines(client, backend),
        state,
        clock=clock,
        rng=rng,
        history=settings.terminal.scrollback,
        is_screen=backend == "screen",
        allow_clipboard=settings.terminal.allow_clipboard,
    )
    feed = Feed(
        Deployment(client, clock),
        remembering(post, shells.remember, user_state_path("agentdash") / "shells") if keeps_shells else post,
        state,
        settings=feed_settings(settings),
        clock=clock,
        random=rng.random,
    )
    feeds.append(feed)
    client.on_heard = feed.heard
    runner = Runner(
        ClientDoer(client),
        post,
        state,
        touch=feed.touch,
        now=lambda: datetime.now(UTC),
        read_only=settings.read_only,
    )

    async def close() -> None:
        await runner.close()
        await client.aclose()

    return Session(feed, runner, shells, close)
