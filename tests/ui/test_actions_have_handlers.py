"""Every action of the registry that is offered does something somewhere."""

from __future__ import annotations

from typing import Any

import pytest

from agentdash.actions.action import PARENTS, Action
from agentdash.actions.registry import REGISTRY
from agentdash.actions.run import Runner
from agentdash.state.store import State
from agentdash.ui.app import AgentDash
from agentdash.ui.context import utc_now
from agentdash.ui.panes.apps import AppsPane
from agentdash.ui.panes.base import AgentPane
from agentdash.ui.panes.devcontainers import DevcontainersPane
from agentdash.ui.panes.health import HealthPane
from agentdash.ui.panes.logs import LogsPane
from agentdash.ui.panes.metadata import MetadataPane
from agentdash.ui.panes.network import NetworkPane
from agentdash.ui.panes.ports import PortsPane
from agentdash.ui.panes.scripts import ScriptsPane
from agentdash.ui.panes.terminal import TerminalPane
from agentdash.ui.screens.agent import AgentScreen
from agentdash.ui.screens.base import BaseScreen
from agentdash.ui.screens.build import BuildScreen
from agentdash.ui.screens.fleet import FleetScreen
from agentdash.ui.screens.shells import ShellsScreen

PANES: tuple[type[AgentPane], ...] = (
    HealthPane, ScriptsPane, PortsPane, LogsPane, DevcontainersPane, TerminalPane, AppsPane, MetadataPane, NetworkPane
)  # fmt: skip
SCREENS: tuple[type[BaseScreen], ...] = (FleetScreen, AgentScreen, ShellsScreen, BuildScreen)
PLACES: dict[str, tuple[type[Any], ...]] = {
    "global": (*SCREENS, AgentDash),
    **{screen.SCOPE: (screen, AgentDash) for screen in SCREENS},
    **{pane.SCOPE: (pane, AgentScreen, AgentDash) for pane in PANES},
}
"""Scope → the classes that `AgentDash.act` asks there, in its order."""
BY_THE_WIDGET = {"terminal-leave"}
"""Taken by the terminal widget itself: while one types, no key comes further."""
OFFERED = [action for action in REGISTRY if action.available]


def method_of(action: Action) -> str:
    return "do_" + action.id.replace("-", "_")


def runs_on_targets(action: Action) -> bool:
    """What has no handler goes to `act_on_targets`: the runner has to know it."""
    nothing: Any = None
    return Runner(nothing, lambda _: None, State, touch=lambda _: None, now=utc_now).can(action)


@pytest.mark.parametrize("action", OFFERED, ids=lambda a: a.id)
def test_every_action_is_answered_for_in_each_of_its_scopes(action: Action) -> None:
    if action.id in BY_THE_WIDGET:
        return
    name = method_of(action)
    for scope in action.scopes:
        if scope == "global":  # on every screen, by itself or by the app
            answered = all(hasattr(screen, name) or hasattr(AgentDash, name) for screen in SCREENS)
        else:
            answered = any(hasattr(place, name) for place in PLACES[scope])
        assert answered or runs_on_targets(action), f"nothing answers for {action.id} in {scope}"


def test_what_writes_and_is_no_shell_is_never_done_by_a_screen() -> None:
    """It goes through the guard, the question and the runner."""
    for action in OFFERED:
        if action.writes and action.right != "ssh":
            assert not any(
                hasattr(place, method_of(action)) for places in PLACES.values() for place in places
            )


def test_every_handler_belongs_to_an_action() -> None:
    known = {method_of(action) for action in OFFERED}
    for place in {place for places in PLACES.values() for place in places}:
        own = {name for name in dir(place) if name.startswith("do_")}
        assert own <= known, place


def test_every_scope_has_a_place() -> None:
    assert set(PLACES) | {"shell"} == set(PARENTS)
