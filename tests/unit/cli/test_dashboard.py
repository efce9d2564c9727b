"""What the screens are given, and what becomes of a session that cannot be opened."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agentdash.cli import dashboard
from agentdash.cli.output import CliError, ExitCode
from agentdash.config.load import load
from agentdash.config.settings import Settings
from agentdash.local.handover import HandoverError
from agentdash.present.glyphs import ASCII
from agentdash.state.state import State
from agentdash.ui.session import Refusal
from agentdash.ui.widgets.glyphs import ASCII as ASCII_SIGNS

TOKEN = "AAAAAAAAAA-BBBBBBBBBBBBBBBBBBBBBB"


def test_the_first_frame_knows_where_it_is_before_the_network_answers(tmp_path: Path) -> None:
    settings = load({"url": "https://c.example.com", "token": TOKEN}, {}, tmp_path, "linux").settings
    server = dashboard.make_context(settings).state.server
    assert (server.host, server.is_embedded) == ("c.example.com", False)
    assert dashboard.make_context(Settings()).state.server.is_embedded


def test_ascii_is_for_words_and_widgets() -> None:
    context = dashboard.make_context(Settings(ascii=True))
    assert context.glyphs is ASCII
    assert context.signs is ASCII_SIGNS


def test_read_only_takes_away_what_writes() -> None:
    assert dashboard.make_context(Settings()).keys.get("restart") is not None
    assert dashboard.make_context(Settings(read_only=True)).keys.get("restart") is None


def test_the_leave_key_and_the_key_map_are_the_users() -> None:
    keys = dashboard.make_context(Settings(leave_key="f12", keymap={"quit": ("Q", "ctrl+q")})).keys
    assert keys.problems == []
    leave, leave_all = keys.get("terminal-leave"), keys.get("quit")
    assert leave is not None
    assert leave_all is not None
    assert (leave.keys, leave_all.keys) == (("f12",), ("Q", "ctrl+q"))


def test_a_theme_that_does_not_exist_is_said_with_where_it_was_named(tmp_path: Path) -> None:
    loaded = load({"theme": "nrod"}, {}, tmp_path, "linux")
    with pytest.raises(CliError) as caught:
        dashboard.need_theme(loaded.settings.theme, loaded.origins["theme"])
    assert caught.value.message == "--theme: there is no theme 'nrod'; did you mean nord?"
    assert caught.value.code is ExitCode.USAGE
    assert "agentdash-light" in caught.value.next_step
    dashboard.need_theme("nord", loaded.origins["theme"])


def test_the_first_frame_waits_for_nothing_it_does_not_show() -> None:
    code = """
import sys
from agentdash.cli import dashboard
from agentdash.cli.output import CliError, ExitCode
from agentdash.config.settings import Settings
import agentdash.ui.app
dashboard.make_front(Settings())
print(*(name for name in sys.modules if name.partition('.')[0] in ('pydantic', 'pyte', 'httpx', 'websockets')
        or name.startswith(('agentdash.state.', 'agentdash.triage.', 'agentdash.feed.', 'agentdash.api.'))))
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == []


class DeadChild:
    async def handover(self) -> Any:
        raise HandoverError("the embedded deployment did not start", "no free port")


def ignore(events: Sequence[Any]) -> None:
    del events


async def test_a_child_that_does_not_start_is_said_on_screen() -> None:
    connect = dashboard.session_opener(Settings(), {}, DeadChild())  # type: ignore[arg-type]
    with pytest.raises(Refusal) as raised:
        await connect(ignore, State)
    assert (raised.value.detail, raised.value.next_step) == (
        "no free port",
        "Start it with `agentdash local`",
    )


async def test_a_header_command_that_fails_is_said_on_screen(tmp_path: Path) -> None:
    flags = {"url": "https://c.example.com", "token": TOKEN, "header_command": "exit 3"}
    settings = load(flags, {}, tmp_path, "linux").settings
    with pytest.raises(Refusal, match="exit code 3") as raised:
        await dashboard.session_opener(settings, {"PATH": "/bin:/usr/bin"}, None)(ignore, State)
    assert TOKEN not in str(raised.value)


async def test_a_session_opens_without_asking_the_network(tmp_path: Path) -> None:
    flags = {"url": "http://127.0.0.1:9", "token": TOKEN}
    settings = load(flags, {}, tmp_path, "linux").settings
    session = await dashboard.session_opener(settings, {}, None)(ignore, State)
    await session.shells.aclose()
    await session.close()
