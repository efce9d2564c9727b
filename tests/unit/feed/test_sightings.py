"""What updates say of workspaces, against what is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agentdash.feed.sightings import Sightings
from agentdash.feed.source import OwnerUpdate, WorkspaceSighting
from agentdash.state.model import Workspace
from tests.unit.feed.fakes import a_workspace, active, an_agent

AGENT = "w1-main-1"


def seen(workspace_id: str = "w1", status: str = "running", name: str = "") -> WorkspaceSighting:
    return WorkspaceSighting(workspace_id, name or workspace_id, status)


def snapshot(
    *workspaces: WorkspaceSighting, owner: str = "u1", agents: tuple[tuple[str, str], ...] = ()
) -> OwnerUpdate:
    return OwnerUpdate(owner, is_snapshot=True, workspaces=workspaces, agents=agents)


@pytest.mark.parametrize(
    ("told", "known", "is_known"),
    [
        (seen(), a_workspace(), True),
        (seen(status="starting"), a_workspace(), False),
        (seen(name="renamed"), a_workspace(), False),
        (seen(), None, False),
        (seen(), a_workspace(owner_id="prebuilds"), False),
        (seen(), replace(a_workspace(), agents=()), False),
        (seen(), replace(a_workspace(), agents=(an_agent(id="of another build"),)), False),
        (seen(), replace(a_workspace(), agents=(an_agent(), an_agent(name="sub"))), False),
    ],
)
def test_what_differs(told: WorkspaceSighting, known: Workspace | None, is_known: bool) -> None:
    sightings = Sightings()
    assert sightings.take(snapshot(told, agents=((AGENT, "w1"),))) == {"w1"}
    assert sightings.is_known("w1", known) is is_known


def test_agents_that_a_build_took_away_may_stay_on_screen() -> None:
    sightings = Sightings()
    sightings.take(snapshot(seen(), agents=((AGENT, "w1"),)))
    change = OwnerUpdate(
        "u1", is_snapshot=False, workspaces=(seen(status="stopping"),), deleted_agents=(AGENT,)
    )
    assert sightings.take(change) == {"w1"}
    assert sightings.is_known("w1", a_workspace(build=active(), agents_are_previous=True))
    assert not sightings.is_known("w1", a_workspace(build=active()))


def test_a_second_snapshot_voids_the_first_of_that_owner_alone() -> None:
    sightings = Sightings()
    sightings.take(snapshot(seen("a"), seen("b"), agents=(("x", "a"),)))
    sightings.take(snapshot(seen("c"), owner="u2"))
    assert sightings.take(snapshot(seen("b"))) == {"a", "b"}
    assert [w in sightings for w in "abc"] == [False, True, True]
    # Of its agents nothing is left that could touch it again.
    assert sightings.take(OwnerUpdate("u1", is_snapshot=False, deleted_agents=("x",))) == set()


@pytest.mark.parametrize("claimed_first", [True, False])
def test_a_claim_moves_it_from_one_owner_to_the_other_in_either_order(claimed_first: bool) -> None:
    sightings = Sightings()
    sightings.take(snapshot(seen(), owner="prebuilds", agents=((AGENT, "w1"),)))
    sightings.take(snapshot(owner="u1"))
    told = [
        OwnerUpdate("u1", is_snapshot=False, workspaces=(seen(),), agents=(("new", "w1"),)),
        OwnerUpdate("prebuilds", is_snapshot=False, deleted_workspaces=("w1",), deleted_agents=(AGENT,)),
    ]
    for update in told if claimed_first else reversed(told):
        assert sightings.take(update) == {"w1"}
    assert sightings.is_known("w1", a_workspace(agents=(an_agent(id="new"),)))


def test_what_is_deleted_is_known_once_it_is_gone() -> None:
    sightings = Sightings()
    sightings.take(snapshot(seen()))
    sightings.take(OwnerUpdate("u1", is_snapshot=False, deleted_workspaces=("w1", "never seen")))
    assert not sightings.is_known("w1", a_workspace())
    assert sightings.is_known("w1", None)


def test_an_owner_of_whom_nothing_is_told_leaves_nothing() -> None:
    sightings = Sightings()
    sightings.take(snapshot(seen("a")))
    sightings.take(snapshot(seen("b"), owner="u2"))
    assert sightings.forget("u1") == {"a"}
    sightings.clear()
    assert "b" not in sightings
