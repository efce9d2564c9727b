"""Every action of the registry that is offered does something somewhere."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import pytest

from agentdash.actions.action import PARENTS, Action
from agentdash.actions.registry import REGISTRY
from agentdash.actions.run import Runner
from agentdash.state.state import State
from agentdash.ui import panes, screens
from agentdash.ui.app import AgentDash
from agentdash.ui.context import utc_now
from agentdash.ui.panes import base
from agentdash.ui.panes.terminal import TerminalPane
from agentdash.ui.screens import agent
from agentdash.ui.screens.base import BaseScreen


def classes_in(package: ModuleType, kind: type[Any]) -> tuple[type[Any], ...]:
    """Classes of a kind with a scope of their own, from all modules of a package."""
    modules = [import_module(f"{package.__name__}.{m.name}") for m in iter_modules(package.__path__)]
    found = {value for module in modules for value in vars(module).values() if isinstance(value, type)}
    return tuple(
        sorted(
            (c for c in found if issubclass(c, kind) and "SCOPE" in vars(c) and c.SCOPE),
            key=lambda c: c.SCOPE,
        )
    )


PANES = classes_in(panes, base.AgentPane)
SCREENS = tuple(c for c in classes_in(screens, BaseScreen) if c is not BaseScreen)
PLACES: dict[str, tuple[type[Any], ...]] = {
    "global": (*SCREENS, AgentDash),
    **{screen.SCOPE: (screen, AgentDash) for screen in SCREENS},
    **{pane.SCOPE: (pane, agent.AgentScreen, AgentDash) for pane in PANES},
    "choosing": (TerminalPane, agent.AgentScreen, AgentDash),
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


def test_the_places_are_found() -> None:
    assert len(PANES) == 9
    assert {"fleet", "agent", "shells", "build"} <= {screen.SCOPE for screen in SCREENS}


def test_every_scope_has_a_place() -> None:
    assert set(PLACES) | {"shell"} == set(PARENTS)
