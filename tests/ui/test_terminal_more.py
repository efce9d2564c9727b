"""Shells on screen, further: switching, options, recording, bell, clipboard, going back, what is odd."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input

from agentdash.config.settings import Settings, Terminal
from agentdash.feed.shell_book import Kept, ShellBook
from agentdash.feed.shells import ShellState, Target
from agentdash.state import events as ev
from agentdash.state.model import Container, Containers
from agentdash.term.emulator import Emulator
from agentdash.ui.screens.agent import AgentScreen
from agentdash.ui.widgets.form import Form
from tests.ui.dash import Desk, desk, workspace
from tests.ui.screen_text import widget_lines
from tests.unit.model_factory import make_agent

LEAVE = "ctrl+right_square_bracket"
HERE = workspace("w1", "go-7f3a")


async def shell_open(it: Desk) -> AgentScreen:
    """A shell of w1/main that echoes, its keys given back."""
    it.lines.echoes = True
    screen = await it.open_agent(start="shell")
    await it.until(lambda: it.lines.opened and it.shells.all()[0].status.state is ShellState.CONNECTED)
    await it.until(lambda: screen.terminal.term.is_typing)
    await it.press(LEAVE)
    return screen


def shown(screen: AgentScreen) -> str:
    return "\n".join(widget_lines(screen.terminal))


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "agentdash"


async def test_one_goes_from_shell_to_shell() -> None:
    async with desk(HERE) as it:
        screen = await shell_open(it)
        await it.press("greater_than_sign")
        assert any("no other shell" in said for said in it.said)
        await it.press("c")
        await it.until(lambda: len(it.lines.opened) == 2)
        it.lines.opened[0].say(b"first")
        it.lines.opened[1].say(b"second")
        await it.until(lambda: "second" in shown(screen))
        await it.press(LEAVE, "less_than_sign")
        await it.until(lambda: "first" in shown(screen))
        assert "1/2" in screen.terminal.title_text
        await it.press("less_than_sign")
        await it.until(lambda: "second" in shown(screen))


async def test_a_shell_with_a_command_in_a_container_as_a_user() -> None:
    box = Container("c0ffee123456", "db", "postgres:17", "running", running=True)
    async with desk(HERE, size=(120, 40)) as it:
        screen = await it.open_agent()
        agent_id = HERE.agents[0].id
        await it.tell(
            ev.AgentOpened(agent_id),
            ev.ContainersRead(agent_id, Containers((), (box,)), it.clock.now(), live=True),
        )
        await it.press("6", "o")
        await it.until(lambda: isinstance(it.app.screen, Form))
        assert "db" in it.text
        for name, value in (("command", "psql"), ("container", "db"), ("container_user", "ada")):
            it.app.screen.query_one(f"#field-{name}", Input).value = value
        await it.press("enter")
        await it.until(lambda: it.lines.opened)
        target = it.lines.targets[-1]
        assert (target.command, target.container, target.container_user) == ("psql", "db", "ada")
        assert screen.terminal.term.is_typing
        await it.until(lambda: "ada@db psql" in screen.terminal.title_text)
        await it.press(LEAVE, "o")
        await it.until(lambda: isinstance(it.app.screen, Form))
        await it.press("escape")
        await it.until(lambda: it.app.screen is screen)
        assert len(it.shells.all()) == 1


async def test_output_is_recorded_until_told_otherwise(state_folder: Path) -> None:
    async with desk(HERE) as it:
        screen = await shell_open(it)
        it.lines.last.say(b"\x1b[31mbefore\x1b[m\r\n")
        await it.until(lambda: "before" in shown(screen))
        await it.press("r")
        await it.until(lambda: "recording" in screen.terminal.title_text)
        it.lines.last.say("one ✓".encode()[:5])
        it.lines.last.say("one ✓".encode()[5:])
        await it.until(lambda: "one ✓" in shown(screen))
        await it.press("r")
        await it.until(lambda: "recording" not in screen.terminal.title_text)
        await it.until(lambda: any("recorded to" in said for said in it.said))
    (file,) = await asyncio.to_thread(lambda: list((state_folder / "saved").iterdir()))
    assert file.name == "ada-go-7f3a.main.cast"
    assert file.stat().st_mode & 0o777 == 0o600
    header, *events = [json.loads(line) for line in file.read_text().splitlines()]
    assert (header["version"], header["title"]) == (2, "ada/go-7f3a.main")
    played = Emulator(header["width"], header["height"])
    played.feed("".join(data for _, kind, data in events if kind == "o").encode())
    assert [line.rstrip() for line in played.display[:3]] == ["before", "one ✓", ""]


@pytest.mark.parametrize("allowed", [False, True])
async def test_a_program_writes_to_the_clipboard_only_if_allowed(
    monkeypatch: pytest.MonkeyPatch, allowed: bool
) -> None:
    copied: list[str] = []
    monkeypatch.setattr(AgentScreen, "copy_text", lambda _, text, what: copied.append(f"{what}: {text}"))
    async with desk(HERE, settings=Settings(terminal=Terminal(allow_clipboard=allowed))) as it:
        await it.until(lambda: it.context.shells is not None)
        it.shells._allow_clipboard = allowed
        screen = await shell_open(it)
        it.lines.last.say(b"\x1b]52;c;c2VjcmV0\x07done")
        await it.until(lambda: "done" in shown(screen))
        assert copied == (["the program's text: secret"] if allowed else [])


async def test_a_bell_is_noted_until_somebody_looks() -> None:
    async with desk(HERE) as it:
        screen = await shell_open(it)
        it.lines.last.say(b"\x07")
        await it.until(lambda: "bell" in screen.terminal.title_text)
        await it.press("enter")
        await it.until(lambda: "bell" not in screen.terminal.title_text)


async def test_keys_without_an_answer_are_said_without_moving_the_program() -> None:
    async with desk(HERE) as it:
        screen = await shell_open(it)
        it.lines.last.echoes = False
        it.lines.last.say(b"$ ")
        await it.until(lambda: "$" in shown(screen))
        size, sizes = screen.terminal.term.size, list(it.lines.last.sizes)
        await it.press("enter", "l")
        await it.clock.advance(6)
        await it.until(lambda: "no answer to the keys typed" in shown(screen))
        assert screen.terminal.term.size == size
        it.lines.last.say(b"l")
        await it.until(lambda: "no answer" not in shown(screen))
        assert it.lines.last.sizes == sizes


async def test_another_size_is_said_and_ours_is_set_with_a_key() -> None:
    async with desk(HERE) as it:
        screen = await shell_open(it)
        rows = screen.terminal.term.size.height
        await it.clock.advance(5)
        it.lines.last.say(b"\x1b[?1049h\x1b[%d;1Hbottom" % (rows + 20))
        await it.until(lambda: f"drawn for {rows + 20} rows or more" in shown(screen))
        await it.press("equals_sign")
        await it.clock.advance(1)
        await it.until(lambda: "drawn for" not in shown(screen))
        assert [size[0] for size in it.lines.last.sizes[-2:]] == [rows - 1, rows]


async def test_text_is_chosen_with_keys_and_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []
    monkeypatch.setattr(AgentScreen, "copy_text", lambda _, text, what: copied.append(f"{what}: {text}"))
    async with desk(HERE) as it:
        screen = await shell_open(it)
        it.lines.last.say(b"one two\r\n")
        await it.until(lambda: "one two" in shown(screen))
        await it.press("v")
        await it.until(lambda: "choosing: go where it begins" in screen.terminal.title_text)
        await it.press("k", "0", "v", "l", "l", "y")
        await it.until(lambda: copied)
        assert copied == ["selection: one"]
        await it.until(lambda: "choosing" not in screen.terminal.title_text)
        await it.press("y")
        assert copied[-1] == "screen: one two"


async def test_a_shell_of_the_last_start_waits_until_it_is_entered(tmp_path: Path) -> None:
    async with desk(HERE) as it:
        await it.until(lambda: it.context.shells is not None)
        target = Target("w1", "w1/main", "ada/go-7f3a.main")
        kept = Kept(str(uuid.uuid4()), target, it.clock.now(), "")
        await asyncio.to_thread(
            ShellBook(tmp_path, "d", f"{os.uname().nodename}:999999999").keep, [kept], it.clock.now()
        )
        await it.shells.remember(ShellBook(tmp_path, "d")).wait()
        screen = await it.open_agent()
        await it.until(lambda: "enter goes back to it" in shown(screen))
        assert it.lines.opened == []
        await it.press("6", "enter")
        await it.until(lambda: it.lines.opened)
        assert str(it.lines.last.reconnect) == kept.id
        assert replace(it.lines.targets[-1], probe="") == target


async def test_a_saved_line_that_was_wrapped_is_whole(state_folder: Path) -> None:
    async with desk(workspace("w1", "go-7f3a", make_agent())) as it:
        await shell_open(it)
        it.lines.last.say(b"x" * 300 + b"\r\nshort\r\n")
        await it.until(lambda: "short" in it.text)
        await it.press("ctrl+s")
        await it.until(lambda: any("saved to" in said for said in it.said))
    (file,) = await asyncio.to_thread(lambda: list((state_folder / "saved").iterdir()))
    assert file.read_text() == "x" * 300 + "\nshort\n"
