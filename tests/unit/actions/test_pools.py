"""The switch of all prebuild pools: what it asks, what it refuses, what it sends."""

from __future__ import annotations

import pytest
from immutables import Map

from agentdash.actions.guard import check
from agentdash.actions.pools import POOLS
from agentdash.actions.registry import action
from agentdash.api import errors
from agentdash.state import events as ev
from agentdash.state.deployment import PrebuildsSettings
from agentdash.state.deployment_events import PrebuildsSettingsRead
from agentdash.state.model import User
from agentdash.state.state import State
from agentdash.state.store import Store
from tests.unit.actions.known import ADA, NOON, OWNER
from tests.unit.actions.test_run import Bench


def pools(user: User, *, paused: bool | None = None, licensed: bool = True) -> State:
    """A deployment of which the switch of all pools is known, unless it is None."""
    store = Store()
    store.apply(
        [
            ev.ServerNamed("https://c.example.com", "c.example.com", is_embedded=False),
            ev.UserRead(user),
            ev.EntitlementsRead(Map({"workspace_prebuilds": licensed})),
        ]
    )
    if paused is not None:
        store.apply([PrebuildsSettingsRead(PrebuildsSettings(reconciliation_paused=paused), NOON)])
    return store.state


async def test_pools_are_paused_and_resumed_without_a_row() -> None:
    bench = Bench()
    bench.state = pools(OWNER)
    (paused,) = await bench.runner.run(action("pause-prebuilds"), (POOLS,))
    (resumed,) = await bench.runner.run(action("resume-prebuilds"), (POOLS,))
    assert bench.doer.done == [("pause",), ("resume",)]
    assert (paused.outcome, paused.command) == ("done", "coder prebuilds pause")
    assert resumed.target == "all prebuild pools of c.example.com"
    assert bench.touched == []


@pytest.mark.parametrize(
    ("state", "action_id", "reason"),
    [
        (pools(ADA), "pause-prebuilds", "Only site owners"),
        (pools(OWNER, paused=True), "pause-prebuilds", "already paused"),
        (pools(OWNER, paused=False), "resume-prebuilds", "not paused"),
        (pools(OWNER, licensed=False), "pause-prebuilds", "no licence"),
    ],
)
async def test_what_is_known_against_it_is_not_sent(state: State, action_id: str, reason: str) -> None:
    guard = check(action(action_id), (POOLS,), state, read_only=False, now=NOON)
    assert not guard.allowed
    assert reason in guard.reason
    bench = Bench()
    bench.state = state
    (record,) = await bench.runner.run(action(action_id), (POOLS,))
    assert (record.outcome, bench.doer.done) == ("failed", [])
    assert reason in record.detail


def test_pausing_always_asks() -> None:
    state = pools(OWNER, paused=False)
    guard = check(action("pause-prebuilds"), (POOLS,), state, read_only=False, now=NOON)
    assert guard.allowed
    assert guard.confirm is not None
    assert guard.confirm.command == "coder prebuilds pause"
    assert "claims go on" in guard.confirm.lasting
    assert guard.confirm.typed is None
    strict = check(action("pause-prebuilds"), (POOLS,), state, read_only=False, now=NOON, strict=True)
    assert strict.confirm is not None
    assert strict.confirm.typed == "pause"


async def test_a_lost_answer_to_the_switch_is_unknown() -> None:
    bench = Bench()
    bench.state = pools(OWNER)
    bench.doer.errors["pause"] = [errors.TimedOut("no answer")]
    (record,) = await bench.runner.run(action("pause-prebuilds"), (POOLS,))
    assert record.outcome == "unknown"
