"""The way to the terminal: the answer to a key goes out at once, unless something is before it."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

import pytest
from textual import events
from textual.app import App
from textual.message import Message

from agentdash.ui import driver as module
from agentdash.ui.driver import ANSWERS_S, AT_ONCE, HANGUP_CODE, TerminalDriver, Vanishing

PIECE = "x" * 1000


@pytest.fixture
def ends() -> Iterator[tuple[int, IO[str]]]:
    """The outer end of a terminal, and its inner end as the program writes to it."""
    outer, inner = pty.openpty()
    os.set_blocking(outer, False)
    file = os.fdopen(inner, "w", encoding="utf-8")
    yield outer, file
    os.close(outer)
    file.close()


def read(outer: int) -> str:
    found = b""
    while True:
        try:
            found += os.read(outer, 65536)
        except BlockingIOError:
            return found.decode()


@dataclass
class Queue:
    """The thread that writes, at rest."""

    texts: list[str] = field(default_factory=list)

    def write(self, text: str) -> None:
        self.texts.append(text)


class Clock:
    """Monotonic seconds, told by the test."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "monotonic", clock)
    return clock


def driver_on(app: App[None], file: IO[str]) -> tuple[TerminalDriver, Queue]:
    """A driver that has been started on a terminal."""
    driver, queue = TerminalDriver(app), Queue()
    driver._file = Vanishing(file, lambda: None)
    driver._writer_thread = queue  # type: ignore[assignment]
    return driver, queue


async def test_the_answer_to_a_key_is_written_at_once(ends: tuple[int, IO[str]], clock: Clock) -> None:
    outer, file = ends
    app: App[None] = App()
    async with app.run_test():
        driver, queue = driver_on(app, file)
        driver.write("before")
        assert queue.texts == ["before"], "nobody has typed"
        driver._file.write("before")
        driver.process_message(events.Key("a", "a"))
        driver.write("answer")
        assert (read(outer), queue.texts) == ("beforeanswer", ["before"])
        clock.now += 2 * ANSWERS_S
        driver.write("later")
        assert queue.texts == ["before", "later"]


async def test_an_answer_does_not_overtake_what_waits(ends: tuple[int, IO[str]], clock: Clock) -> None:
    outer, file = ends
    app: App[None] = App()
    async with app.run_test():
        driver, queue = driver_on(app, file)
        driver.write("first")
        driver.process_message(events.Key("a", "a"))
        driver.write("second")
        assert (read(outer), queue.texts) == ("", ["first", "second"])


async def test_a_whole_screen_is_left_to_the_thread(ends: tuple[int, IO[str]], clock: Clock) -> None:
    outer, file = ends
    app: App[None] = App()
    async with app.run_test():
        driver, queue = driver_on(app, file)
        driver.process_message(events.Key("a", "a"))
        driver.write("x" * (AT_ONCE + 1))
        assert (read(outer), len(queue.texts)) == ("", 1)


def test_a_terminal_that_takes_no_more_is_not_waited_for(ends: tuple[int, IO[str]]) -> None:
    outer, file = ends
    os.set_blocking(file.fileno(), False)
    terminal = Vanishing(file, lambda: None)
    try:
        while True:
            os.write(file.fileno(), PIECE.encode())
    except BlockingIOError:
        assert not terminal.write_at_once("more")
    read(outer)
    assert terminal.write_at_once("more")


def test_the_thread_is_not_waited_for(ends: tuple[int, IO[str]]) -> None:
    _, file = ends
    terminal = Vanishing(file, lambda: None)
    with terminal._lock:
        found: list[bool] = []
        other = threading.Thread(target=lambda: found.append(terminal.write_at_once("more")))
        other.start()
        other.join()
    assert found == [False]


class Gone(io.StringIO):
    """A terminal that has vanished."""

    def write(self, text: str) -> int:
        raise OSError(5, text)


def test_a_terminal_that_has_gone_is_told_once() -> None:
    lost: list[str] = []
    terminal = Vanishing(Gone(), lambda: lost.append("lost"))
    terminal.write("text")
    terminal.flush()
    terminal.write("text")
    assert lost == ["lost"]
    assert not terminal.write_at_once("text")
    assert terminal.written == 2, "else an order would be waited for that nobody keeps"


async def typed(app: App[None], data: bytes) -> list[Message]:
    """What the thread that reads makes of bytes, after which the terminal goes away."""
    found: list[Message] = []
    outer, inner = os.pipe()
    driver = TerminalDriver(app)
    driver.fileno = outer
    driver.process_message = found.append  # type: ignore[method-assign]
    os.write(inner, data)
    os.close(inner)
    await asyncio.to_thread(driver.run_input_thread)
    os.close(outer)
    return found


async def test_a_byte_that_is_no_text_is_passed_over() -> None:
    app: App[None] = App()
    async with app.run_test():
        found = await typed(app, b"a\xffb\xc3")
        assert [event.key for event in found if isinstance(event, events.Key)] == ["a", "b"]


async def test_when_nobody_is_left_to_type_the_program_ends_as_if_hung_up() -> None:
    app: App[None] = App()
    async with app.run_test():
        await typed(app, b"a")
        await asyncio.sleep(0)
        assert app.return_code == HANGUP_CODE
