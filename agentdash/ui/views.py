"""The screens by name, each loaded when it is wanted: none of them is needed for the first frame."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from agentdash.ui.trail import Place

if TYPE_CHECKING:
    from agentdash.ui.context import Context
    from agentdash.ui.screens.base import BaseScreen


def view_named(name: str, context: Context) -> BaseScreen:
    """A view by its name: `fleet`, `triage`, `shells`, …"""
    module = importlib.import_module(f"agentdash.ui.screens.{name}")
    screen: BaseScreen = getattr(module, f"{name.capitalize()}Screen")(context)
    return screen


def screen_at(place: Place, context: Context) -> BaseScreen:
    """The screen over a view: an agent, or the log of a build."""
    from agentdash.ui.screens.agent import AgentScreen  # noqa: PLC0415
    from agentdash.ui.screens.build import BuildScreen  # noqa: PLC0415

    return BuildScreen(context, place.key) if place.is_build else AgentScreen(context, place.key)
