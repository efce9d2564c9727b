"""The backend `screen`: a GNU screen session, and a screen of its own for each client (contract: pty.md §9.2)."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import psutil

from agentdash.local.processes import end_processes
from agentdash.local.pty_process import Program, PtyProcess
from agentdash.local.pty_sessions import BACKLOG_HIGH, BACKLOG_LOW, PtyClient

SETTINGS: Final = """startup_message off
escape ^Ss
altscreen on
defbce on
term xterm-256color
termcapinfo xterm* ti@:te@
"""
NAME: Final = "agentdash"
PROBES: Final = 50
PROBE_S: Final = 0.1


def screen_command() -> str | None:
    """Where GNU screen is, if this machine has it."""
    return shutil.which("screen")


class ScreenTerminal:
    """A program inside GNU screen; what a client sees and types goes through a process of its own.

    Args:
        program: What runs inside.
        screen: Path of GNU screen.
    """

    def __init__(self, program: Program, screen: str) -> None:
        self._screen = screen
        # The system allows a socket a path of a hundred letters, and screen wants a folder of nobody else's.
        self._folder = Path(tempfile.mkdtemp(prefix="agentdash-screen-"))
        self._settings = self._folder / "screenrc"
        self._settings.write_text(SETTINGS)
        sockets = self._folder / "sockets"
        sockets.mkdir(mode=0o700)
        self._sockets = sockets
        self._program = replace(program, environment={**program.environment, "SCREENDIR": str(sockets)})

    async def open(self, rows: int, columns: int) -> PtyProcess:
        """A client's screen; the first one starts the program.

        Raises:
            OSError: It could not be started.
        """
        argv = [self._screen, "-S", NAME, "-UxRRqc", str(self._settings), *self._program.argv]
        return await PtyProcess.start(replace(self._program, argv=argv), rows, columns)

    async def wait_until_it_runs(self) -> None:
        """As the real agent probes: by a command that flashes on the last line of every client's screen."""
        for _ in range(PROBES):
            if await self._tell("version"):
                return
            await asyncio.sleep(PROBE_S)

    @property
    def is_alive(self) -> bool:
        """Whether the program runs: screen takes its socket away with it."""
        return any(self._sockets.iterdir())

    async def end(self) -> None:
        """End the program, screen, and all that was started inside."""
        family = await asyncio.to_thread(self._family)
        await self._tell("quit")
        await end_processes(family)
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    def session(self, on_end: Callable[[], None]) -> ScreenSession:
        """Begin."""
        return ScreenSession(self, on_end)

    async def _tell(self, *words: str) -> bool:
        process = await asyncio.create_subprocess_exec(
            *(self._screen, "-S", NAME, "-X", *words),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=dict(self._program.environment),
        )
        return await process.wait() == 0

    def _family(self) -> list[psutil.Process]:
        found: list[psutil.Process] = []
        for socket in self._sockets.iterdir():
            with contextlib.suppress(ValueError, psutil.NoSuchProcess):
                daemon = psutil.Process(int(socket.name.partition(".")[0]))
                found += [daemon, *daemon.children(recursive=True)]
        return found


class ScreenSession:
    """The clients of one screen session. Each keeps its own pace; screen paints for each what is there now."""

    def __init__(self, terminal: ScreenTerminal, on_end: Callable[[], None]) -> None:
        self.clients: set[PtyClient] = set()
        self.has_ended = False
        self._terminal = terminal
        self._on_end = on_end
        self._screens: dict[PtyClient, PtyProcess] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    async def attach(self, rows: int, columns: int) -> PtyClient:
        """A new client with a screen of this size.

        Raises:
            OSError: It could not be started.
        """
        screen = await self._terminal.open(rows, columns)

        def pace() -> None:
            if client.backlog > BACKLOG_HIGH:
                screen.pause()
            elif client.backlog < BACKLOG_LOW:
                screen.resume()

        def output(data: bytes) -> None:
            client.feed(data)
            pace()

        client = PtyClient(pace, screen)
        self.clients.add(client)
        self._screens[client] = screen
        screen.connect(output, lambda: self._has_left(client))
        await self._terminal.wait_until_it_runs()
        return client

    def detach(self, client: PtyClient) -> None:
        """A client left: its screen ends, the program goes on."""
        self.clients.discard(client)
        screen = self._screens.pop(client, None)
        if screen is not None:
            task = asyncio.create_task(screen.end(), name="screen client")
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    def is_over(self) -> bool:
        """Whether the program has ended while no client was there to see it."""
        return not self.clients and not self._terminal.is_alive

    async def end(self) -> None:
        """End the program now; clients are not told."""
        self.has_ended = True
        await asyncio.gather(*(screen.end() for screen in self._screens.values()), *self._leaving)
        await self._terminal.end()

    async def leave(self) -> Sequence[psutil.Process]:
        """Clean up after the program's own end; nothing that ran inside is left behind."""
        await self.end()
        return ()

    def _has_left(self, client: PtyClient) -> None:
        """A client's screen has ended by itself, as all do when the program ends."""
        client.finish()
        self.detach(client)
        if not self.clients and not self.has_ended:
            self.has_ended = True
            self._on_end()
