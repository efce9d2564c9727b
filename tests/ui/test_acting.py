"""Guard, question, outcome; read-only mode; help, palette, command line, views and history."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.command import CommandPalette
from textual.widgets import Input

from agentdash.actions.registry import REGISTRY
from agentdash.actions.target import Target
from agentdash.config.settings import Settings
from agentdash.state import events as ev
from agentdash.state.model import Containers, Devcontainer
from agentdash.ui.screens.agent import AgentScreen
from agentdash.ui.screens.shells import ShellsScreen
from agentdash.ui.widgets.confirm import Confirm
from agentdash.ui.widgets.help import Help
from tests.ui.dash import Desk, broken, desk, workspace
from tests.unit.model_factory import NOW, make_job

HERE = workspace("w1", "go-7f3a")
MAIN = Target("w1/main")
WRITING = {action.id for action in REGISTRY if action.writes}


async def asked(it: Desk) -> None:
    await it.until(lambda: isinstance(it.app.screen, Confirm))


# Acting


async def test_danger_asks_with_the_focus_on_cancel() -> None:
    async with desk(HERE) as it:
        await it.press("R")
        await asked(it)
        assert "Restart ada/go-7f3a?" in it.text
        assert "last used 10 minutes ago" in it.text
        assert "coder restart ada/go-7f3a" in it.text
        assert it.app.focused is not None
        assert it.app.focused.id == "cancel"
        await it.press("enter")
        await it.until(lambda: it.app.screen is it.fleet)
        await it.until(lambda: it.said == ["nothing was done"])
        assert it.ran == []


async def test_yes_does_it_and_the_outcome_is_said_and_kept() -> None:
    async with desk(HERE) as it:
        await it.press("R")
        await asked(it)
        await it.press("left", "enter")
        await it.until(lambda: it.ran)
        assert it.ran == [("restart", (MAIN,))]
        await it.until(lambda: "done" in it.line("footer"))
        assert it.line("footer") == " restart ada/go-7f3a: done. Build 4 is queued."
        await it.press("exclamation_mark")
        await it.until(lambda: isinstance(it.app.screen, Help))
        assert "restart ada/go-7f3a: done Build 4 is queued." in it.text


async def test_an_unknown_outcome_is_said_to_be_unknown() -> None:
    async with desk(HERE) as it:
        assert it.runner is not None
        it.runner.outcome = ("unknown", "The answer was lost.")
        await it.command("stop")
        await asked(it)
        await it.press("left", "enter")
        await it.until(lambda: any("outcome unknown. The answer was lost." in text for text in it.said))


async def test_what_cannot_work_is_refused_with_a_reason_and_nothing_is_asked() -> None:
    stopped = replace(workspace("w4", "idle", build={"status": "stopped", "transition": "stop"}), agents=())
    async with desk(stopped) as it:
        await it.press("H")
        await it.until(lambda: it.said)
        assert it.said == ["The workspace is already stopped."]
        await it.press("S")  # starting harms nobody: it is not asked about
        await it.until(lambda: it.ran)
        assert it.ran == [("start", (Target("w4"),))]


async def test_the_marked_rows_are_hit_and_their_number_has_to_be_typed() -> None:
    async with desk(HERE, workspace("w3", "api-3"), broken()) as it:
        await it.press("asterisk", "D")
        await asked(it)
        assert "Delete: 3 workspaces?" in it.text
        field = it.app.screen.query_one(Input)
        field.focus()
        await it.press("2", "enter")
        assert it.ran == []
        await it.press("backspace", "3", "enter", "enter")
        await it.until(lambda: it.ran)
        assert {target.key for target in it.ran[0][1]} == {"w1/main", "w2/main", "w3/main"}


async def test_a_devcontainer_is_hit_and_not_its_workspace() -> None:
    async with desk(HERE, size=(160, 50)) as it:
        await it.open_agent()
        agent_id = HERE.agents[0].id
        dev = Devcontainer("d1", "app", "/home/coder/app", "running")
        await it.tell(
            ev.AgentOpened(agent_id),
            ev.ContainersRead(agent_id, Containers((dev,)), it.clock.now(), live=True),
        )
        await it.press("5", "c")
        await asked(it)
        assert "Recreate app?" in it.text
        await it.press("left", "enter")
        await it.until(lambda: it.ran)
        assert it.ran == [("devcontainer-recreate", (Target("w1/main", devcontainer="d1"),))]


async def test_cancelling_a_build_from_inside_the_agent() -> None:
    building = workspace("w1", "go-7f3a", build={"status": "starting", "job": make_job("running")})
    async with desk(building) as it:
        await it.open_agent()
        await it.press("C")
        await asked(it)
        await it.press("escape")
        await it.until(lambda: isinstance(it.app.screen, AgentScreen))
        assert it.ran == []
        assert it.feed.agent == "w1/main"  # the question did not close its streams
        assert None not in it.feed.agents


async def test_before_there_is_a_connection_nothing_is_done() -> None:
    async with desk(HERE) as it:
        it.app.session = None
        await it.press("R")
        await it.until(lambda: it.said == ["not connected yet"])


# Read-only


async def test_read_only_mode_takes_everything_that_writes_away() -> None:
    async with desk(HERE, settings=Settings(read_only=True)) as it:
        assert "READ-ONLY" in it.line("views")
        offered = {action.id for action in it.context.keys.actions}
        assert not offered & WRITING
        assert "shell" not in it.line("footer")
        assert "restart" not in it.line("footer")
        await it.press("R", "s", "D", "H")
        assert it.app.screen is it.fleet
        assert it.ran == []
        assert not it.shells.all()
        await it.command("restart")
        assert "no command 'restart'" in it.said[-1]
        await it.press("question_mark")
        await it.until(lambda: isinstance(it.app.screen, Help))
        assert "Stop the workspace" not in it.text
        await it.press("escape", "ctrl+p")
        await it.until(lambda: isinstance(it.app.screen, CommandPalette))
        await it.type("restart")
        await it.pilot.pause()
        assert "Stop the workspace, then start it" not in it.text


async def test_read_only_mode_has_no_shell_in_the_agent_either() -> None:
    async with desk(HERE, settings=Settings(read_only=True)) as it:
        screen = await it.open_agent(start="shell")  # as a link from elsewhere would
        await it.press("6", "enter", "c")
        assert not it.shells.all()
        assert not screen.terminal.term.is_typing
        assert "type here" not in it.line("footer")
        screen.open_shell(container="c0ffee")
        assert not it.shells.all()
        assert any("read-only mode" in text for text in it.said)


# Help, palette, command line


async def test_help_lists_what_works_here_with_the_users_keys() -> None:
    async with desk(HERE, settings=Settings(keymap={"restart": ("ctrl+t",), "stop": ()})) as it:
        await it.press("R")
        assert it.app.screen is it.fleet
        await it.press("question_mark")
        await it.until(lambda: isinstance(it.app.screen, Help))
        assert "ctrl+t" in it.text
        opens = it.context.keys.get("open")
        assert opens is not None
        assert opens.help in it.text
        await it.press("escape", "ctrl+t")
        await asked(it)


async def test_the_palette_carries_out_what_is_chosen() -> None:
    async with desk(HERE) as it:
        await it.press("ctrl+p")
        await it.until(lambda: isinstance(it.app.screen, CommandPalette))
        await it.type("restart")
        await it.until(lambda: "Restart" in it.text)
        await it.press("enter")
        await asked(it)
        assert "Restart ada/go-7f3a?" in it.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "no command 'nonsense'"),
        ("theme nothing", "there is no theme 'nothing'; :theme tells which there are"),
        ("theme nrod", "there is no theme 'nrod'; did you mean nord?"),
        ("theme agentdash-light", "theme agentdash-light"),
        ("open ada/nothing", "no agent 'ada/nothing'"),
        ("refresh", "reading again"),
    ],
)
async def test_commands_say_what_came_of_them(text: str, said: str) -> None:
    async with desk(HERE) as it:
        await it.command(text)
        await it.until(lambda: it.said)
        assert said in it.said[-1]
        assert it.app.focused is it.fleet.grid


async def test_open_by_name_and_refresh() -> None:
    async with desk(HERE, broken()) as it:
        await it.command("open ada/gpu-12.main")
        await it.until(lambda: isinstance(it.app.screen, AgentScreen) and it.agent.key == "w2/main")
        await it.press("ctrl+r")
        assert it.feed.refreshed == 1


async def test_esc_leaves_the_command_line_and_changes_nothing() -> None:
    async with desk(HERE) as it:
        await it.press("colon")
        await it.type("stop")
        await it.press("escape")
        await it.until(lambda: it.app.focused is it.fleet.grid)
        assert it.app.screen is it.fleet
        assert it.said == []


# Views and history


async def test_a_view_keeps_its_place_when_it_is_left() -> None:
    async with desk(HERE, workspace("w3", "api-3"), broken()) as it:
        it.fleet.grid.move_to("w3/main")
        await it.press("X")
        await it.until(lambda: isinstance(it.app.screen, ShellsScreen))
        assert it.line("views").startswith(" F Fleet")
        await it.know(workspace("w0", "arrived"))
        await it.press("F")
        await it.until(lambda: it.app.screen is it.fleet)
        await it.until(lambda: "arrived" in it.text)
        assert it.fleet.grid.cursor_key == "w3/main"


async def test_history_walks_back_and_forward() -> None:
    async with desk(HERE, broken()) as it:
        await it.open_agent("w1/main")
        await it.press("escape")
        await it.until(lambda: it.app.screen is it.fleet)
        await it.open_agent("w2/main")
        await it.press("left_square_bracket")
        await it.until(lambda: it.app.screen is it.fleet)
        await it.press("left_square_bracket")
        await it.until(lambda: isinstance(it.app.screen, AgentScreen) and it.agent.key == "w1/main")
        await it.press("right_square_bracket", "right_square_bracket")
        await it.until(lambda: isinstance(it.app.screen, AgentScreen) and it.agent.key == "w2/main")
        await it.press("right_square_bracket")
        assert "there is nowhere further to go" in it.said


# Events


async def test_many_events_are_taken_in_at_once() -> None:
    async with desk(HERE) as it:
        taken: list[int] = []
        apply = it.context.store.apply

        def counting(events: list[ev.Event]) -> object:
            taken.append(len(events))
            return apply(events)

        it.context.store.apply = counting  # type: ignore[method-assign, assignment]
        for n in range(300):
            it.app.post([ev.CountRead("", n, it.clock.now())])
        await it.until(lambda: sum(taken) == 300)
        assert len(taken) <= 3


async def test_the_end_of_the_program_ends_the_session() -> None:
    async with desk(HERE) as it:
        assert it.feed.is_running
    assert it.is_closed
    assert not it.feed.is_running


async def test_theme_alone_tells_the_present_one_and_the_others() -> None:
    async with desk(HERE, settings=Settings(theme="nord")) as it:
        await it.command("theme")
        await it.until(lambda: isinstance(it.app.screen, Help))
        assert ":theme  nord" in it.text
        assert "agentdash-light" in it.text


async def test_notices_tell_when_they_were_said() -> None:
    async with desk(HERE) as it:
        await it.press("ctrl+r")
        await it.until(lambda: it.said == ["reading again"])
        await it.press("exclamation_mark")
        await it.until(lambda: isinstance(it.app.screen, Help))
        assert f"{NOW:%H:%M:%S}  reading again" in it.text
