"""Metadata that only the list tells along stays when a watch speaks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agentdash.state import events as ev
from agentdash.state.model import Agent, Build, Job, MetadataItem, Workspace
from agentdash.state.store import Store

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
CPU = MetadataItem("cpu", "CPU", "12%", age_s=3, interval_s=10)


def workspace(*metadata: MetadataItem, lifecycle: str = "ready") -> Workspace:
    build = Build("b", "w", 1, "start", "running", Job("j", "succeeded"))
    agent = Agent("a", "w/main", "w", "main", "connected", lifecycle, metadata=metadata)
    return Workspace("w", "web", "o", "ada", build, (agent,))


@pytest.mark.parametrize(("via", "kept"), [("watch", (CPU,)), ("get", (CPU,)), ("page", ()), ("query", ())])
def test_what_a_watch_leaves_out_is_not_gone(via: ev.Via, kept: tuple[MetadataItem, ...]) -> None:
    store = Store()
    store.apply([ev.WorkspacesRead((workspace(CPU),), AT, "page")])
    later = AT + timedelta(seconds=5)
    store.apply([ev.WorkspacesRead((workspace(lifecycle="starting"),), later, via)])
    agent = store.state.workspaces["w"].agents[0]
    assert agent.lifecycle == "starting"
    assert agent.metadata == kept


def test_a_new_agent_of_a_new_build_starts_without_the_old_values() -> None:
    store = Store()
    store.apply([ev.WorkspacesRead((workspace(CPU),), AT, "page")])
    fresh = workspace()
    renewed = replace(fresh, agents=(replace(fresh.agents[0], id="a2"),))
    store.apply([ev.WorkspacesRead((renewed,), AT + timedelta(seconds=5), "watch")])
    assert store.state.workspaces["w"].agents[0].metadata == ()
