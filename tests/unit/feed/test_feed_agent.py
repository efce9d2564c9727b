"""The opened agent: what is read for what is on screen, and what its status forbids."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agentdash.api.errors import AgentNotConnected, ConnectFailed, Forbidden, NotFound, ServerError
from agentdash.state import events as ev
from agentdash.state.detail import AgentDetail
from agentdash.state.freshness import Freshness, StreamState
from agentdash.state.model import Agent, Container, Containers, MetadataItem, Port
from tests.unit.feed.fakes import World, a_build, a_workspace, active, an_agent, lines, settle

KEY, AGENT = "w1/main", "w1-main-1"
ALL = frozenset({"health", "scripts", "ports", "logs", "devcontainers", "metadata", "network"})


async def opened(world: World, *panes: str, key: str = KEY) -> None:
    world.feed.open_agent(key, frozenset(panes))
    await settle()


def detail(world: World, agent_id: str = AGENT) -> AgentDetail:
    return world.state.details[agent_id]


async def test_only_what_is_on_screen_is_read() -> None:
    world = World()
    world.know(a_workspace())
    async with world.running():
        await opened(world, "health")
        await world.clock.advance(20)
        dialled = {"ports", "containers", "metadata", "connection", "timings", "follow", "watch_containers"}
        assert not {name for name, _ in world.source.calls} & dialled
        await opened(world, "ports")
        await world.clock.advance(16)
        assert 3 <= len(world.source.asked("ports")) <= 5
        assert len(world.source.asked("shares")) == 1
        assert detail(world).ports.freshness is Freshness.POLLED
        await opened(world, "health")
        asked = len(world.source.asked("ports"))
        await world.clock.advance(60)
        assert len(world.source.asked("ports")) == asked


async def test_network_once_and_timings_once_when_nothing_starts() -> None:
    world = World()
    world.know(a_workspace())
    async with world.running():
        await opened(world, "network")
        await world.clock.advance(60)
        assert world.source.asked("connection") == [AGENT]
        assert world.source.asked("timings") == ["w1-b1"]
        world.feed.refresh()
        await world.clock.advance(1)
        assert world.source.asked("connection") == [AGENT, AGENT]


async def test_timings_are_read_during_a_start_and_once_after_it() -> None:
    world = World()
    world.know(a_workspace(agents=(an_agent(lifecycle="starting"),)))
    async with world.running():
        await opened(world, "scripts")
        await world.clock.advance(12)
        assert len(world.source.asked("timings")) == 3
        world.know(a_workspace())
        await world.clock.advance(60)
        assert len(world.source.asked("timings")) == 4


async def test_an_agent_that_starts_is_read_again_and_once_when_it_is_ready() -> None:
    world = World(reread_s=1e6, reread_moving_s=1e6, sweep_interval_s=1e6)
    world.source.put(a_workspace(agents=(an_agent(lifecycle="starting"),)))
    async with world.running():
        await opened(world, "health")
        await world.clock.advance(10.5)
        assert 2 <= len(world.source.asked("agent")) <= 3
        world.source.put(a_workspace())
        await world.clock.advance(5)
        assert world.state.workspaces["w1"].agents[0].lifecycle == "ready"
        await world.clock.advance(6)
        asked = len(world.source.asked("agent"))
        await world.clock.advance(60)
        assert len(world.source.asked("agent")) == asked


async def test_a_refused_fact_is_not_asked_again_and_a_failed_one_is() -> None:
    world = World()
    world.know(a_workspace())
    world.source.errors |= {"shares": Forbidden("no", status=403), "ports": ConnectFailed("cut")}
    async with world.running():
        await opened(world, "ports")
        assert detail(world).shares.freshness is Freshness.REFUSED
        assert detail(world).ports.freshness is Freshness.STALE
        assert detail(world).ports.retry_at is not None
        world.source.errors.clear()
        world.source.found_ports = (Port(8080, "tcp", "node"),)
        await world.clock.advance(10)
        assert detail(world).ports.value == world.source.found_ports
        assert len(world.source.asked("shares")) == 1
        world.feed.refresh()
        await world.clock.advance(1)
        assert detail(world).shares.freshness is Freshness.POLLED


async def test_not_connected_by_the_servers_word_has_the_workspace_read_again() -> None:
    world = World()
    world.know(a_workspace())
    world.source.errors["ports"] = AgentNotConnected("disconnected", state="disconnected", status=400)
    async with world.running():
        await opened(world, "ports")
        asked = len(world.source.asked("workspace"))
        await world.clock.advance(1)
        assert len(world.source.asked("workspace")) > asked


async def test_containers_are_watched_only_after_an_answer() -> None:
    world = World()
    world.know(a_workspace())
    world.source.errors["containers"] = ServerError("no docker", status=500)
    async with world.running():
        await opened(world, "devcontainers")
        await world.clock.advance(30)
        assert world.source.asked("containers") == [AGENT]
        assert world.source.asked("watch_containers") == []
        assert detail(world).containers.freshness is Freshness.STALE
        del world.source.errors["containers"]
        await world.clock.advance(40)
        assert world.source.asked("watch_containers") == [AGENT]
        assert detail(world).containers.freshness is Freshness.POLLED
        pushed = Containers(containers=(Container("c", "db", "postgres", "up", True),))
        world.source.stream("watch_containers", AGENT).send(pushed)
        await settle()
        assert detail(world).containers.freshness is Freshness.LIVE
        assert detail(world).containers.value == pushed
        world.source.found_containers = pushed
        await world.clock.advance(13)
        # Ordinary containers are not pushed: read again, and still kept by the watch.
        assert len(world.source.asked("containers")) == 3
        assert detail(world).containers.freshness is Freshness.LIVE


async def test_a_watch_that_closed_before_its_first_word_is_not_opened_in_a_loop() -> None:
    world = World()
    world.know(a_workspace())
    async with world.running():
        await opened(world, "devcontainers")
        world.source.stream("watch_containers", AGENT).close()
        await world.clock.advance(120)
        assert len(world.source.asked("watch_containers")) == 1
        assert world.state.streams[f"containers:{AGENT}"].state is StreamState.STOPPED
        assert len(world.source.asked("containers")) >= 9


async def test_a_lost_containers_watch_is_opened_again() -> None:
    world = World()
    world.know(a_workspace())
    async with world.running():
        await opened(world, "devcontainers")
        stream = world.source.stream("watch_containers", AGENT)
        stream.send(Containers())
        await settle()
        stream.close()
        await settle()
        assert detail(world).containers.freshness is Freshness.POLLED
        await world.clock.advance(1)
        assert len(world.source.asked("watch_containers")) == 2


@pytest.mark.parametrize("error", [Forbidden("off", status=403), NotFound("old", status=404)])
async def test_containers_switched_off_are_refused(error: Forbidden) -> None:
    world = World()
    world.know(a_workspace())
    world.source.errors["containers"] = error
    async with world.running():
        await opened(world, "devcontainers")
        await world.clock.advance(120)
        assert world.source.asked("containers") == [AGENT]
        assert detail(world).containers.freshness is Freshness.REFUSED


async def test_containers_wait_for_the_start_scripts() -> None:
    world = World()
    world.know(a_workspace(agents=(an_agent(lifecycle="starting"),)))
    async with world.running():
        await opened(world, "devcontainers")
        await world.clock.advance(5)
        assert world.source.asked("containers") == []
        problem = detail(world).containers.problem
        assert problem is not None
        assert "start scripts" in problem.title
        world.know(a_workspace())
        await world.clock.advance(1)
        assert world.source.asked("containers") == [AGENT]


async def test_when_the_agent_is_lost_its_tunnels_are_closed_and_their_facts_refused() -> None:
    world = World()
    world.know(a_workspace())
    world.source.found_ports = (Port(8080, "tcp", "node"),)
    async with world.running():
        await opened(world, *ALL)
        world.source.stream("watch_containers", AGENT).send(Containers())
        world.source.stream("metadata", AGENT).send((MetadataItem("cpu", "CPU", "3%", age_s=1),))
        await settle()
        watch, metadata = (world.source.stream(kind, AGENT) for kind in ("watch_containers", "metadata"))
        world.know(a_workspace(agents=(an_agent(status="disconnected"),)))
        await world.clock.advance(1)
        assert not watch.is_open
        assert not metadata.is_open
        facts = detail(world)
        assert facts.ports.value == world.source.found_ports
        for fact in (facts.ports, facts.containers):
            assert fact.freshness is Freshness.REFUSED
            assert fact.problem is not None
            assert fact.problem.title == "Agent disconnected"
        # The server repeats old values for ever; they are read once and said to be old.
        again = world.source.stream("metadata", AGENT)
        assert again is not metadata
        again.send((MetadataItem("cpu", "CPU", "3%", age_s=60),))
        await settle()
        assert not again.is_open
        assert facts.metadata.value is not None
        assert detail(world).metadata.freshness is Freshness.STALE
        asked = len(world.source.asked("ports"))
        await world.clock.advance(30)
        assert len(world.source.asked("ports")) == asked
        # The log stream stays: the server goes on with it when the agent is back.
        assert world.source.stream("follow", AGENT).is_open
        world.know(a_workspace())
        await world.clock.advance(1)
        assert len(world.source.asked("ports")) == asked + 1
        assert detail(world).ports.freshness is Freshness.POLLED


async def test_metadata_streams_while_on_screen_and_pauses_when_hidden() -> None:
    world = World()
    world.know(a_workspace())
    async with world.running():
        await opened(world, "metadata")
        world.source.stream("metadata", AGENT).send((MetadataItem("cpu", "CPU", "3%", age_s=1),))
        await settle()
        assert detail(world).metadata.freshness is Freshness.LIVE
        assert f"metadata:{AGENT}" in world.state.streams
        await opened(world, "ports")
        assert not world.source.stream("metadata", AGENT).is_open
        assert detail(world).metadata.freshness is Freshness.STALE
        assert f"metadata:{AGENT}" not in world.state.streams
        await opened(world, "metadata")
        world.source.stream("metadata", AGENT).cut(ConnectFailed("cut"))
        await settle()
        assert detail(world).metadata.freshness is Freshness.STALE
        assert detail(world).metadata.retry_at is not None


async def test_a_rebuild_is_followed_to_the_new_id() -> None:
    world = World()
    world.know(a_workspace())
    async with world.running():
        await opened(world, *ALL)
        world.source.stream("follow", AGENT).send(lines(1))
        await settle()
        world.know(replace(a_workspace(), build=active(), agents=()))
        await world.clock.advance(1)
        assert world.state.workspaces["w1"].agents_are_previous
        problem = detail(world).ports.problem
        assert problem is not None
        assert problem.title == "A build is under way"
        assert not world.source.stream("watch_containers", AGENT).is_open
        world.know(a_workspace(build=a_build("w1", 3), agents=(an_agent(id="new"),)))
        await world.clock.advance(1)
        assert set(world.state.details) == {"new"}
        assert AGENT not in world.state.logs
        assert world.source.stream("follow", "new").is_open
        assert not world.source.stream("follow", AGENT).is_open
        assert world.source.asked("ports")[-1] == "new"
        assert not [s for s in world.state.streams if AGENT in s]


async def test_an_agent_that_is_gone_keeps_its_log_on_screen() -> None:
    world = World()
    world.know(a_workspace())
    async with world.running():
        await opened(world, *ALL)
        world.source.stream("follow", AGENT).send(lines(1))
        await settle()
        world.know(a_workspace(build=a_build("w1", 2, transition="stop", status="stopped"), agents=()))
        await world.clock.advance(1)
        assert AGENT in world.state.logs
        assert detail(world).ports.freshness is Freshness.REFUSED
        world.source.stream("follow", AGENT).close()
        await settle()
        assert world.state.streams[f"logs:{AGENT}"].state is StreamState.STOPPED


async def test_closing_lets_everything_go() -> None:
    world = World()
    world.know(a_workspace())
    async with world.running():
        await opened(world, *ALL)
        world.feed.open_agent(None)
        await settle()
        assert world.state.details[AGENT].closed_at is not None
        assert world.state.details[AGENT].metadata.freshness is not Freshness.LIVE
        assert [s for s in world.state.streams if AGENT in s] == []
        kinds = ("follow", "metadata", "watch_containers")
        assert not [k for k in kinds if world.source.stream(k, AGENT).is_open]
        assert len(world.told(ev.AgentClosed)) == 1


async def test_an_unknown_log_source_has_the_agent_read_but_not_too_often() -> None:
    world = World(reread_s=1e6)
    world.know(a_workspace())
    async with world.running():
        await opened(world, "logs")
        for number in range(20):
            world.source.stream("follow", AGENT).send(lines(number + 1, source="new"))
            await world.clock.advance(1)
        assert 2 <= len(world.source.asked("agent")) <= 3


async def test_a_slow_answer_does_not_undo_what_was_pushed_meanwhile() -> None:
    world = World()
    world.know(a_workspace())
    pushed = Containers(containers=(Container("c", "db", "postgres", "up", True),))
    async with world.running():
        await opened(world, "devcontainers")
        world.source.stream("watch_containers", AGENT).send(Containers())
        await settle()
        real = world.source.containers

        async def slow(agent_id: str) -> Containers:
            found = await real(agent_id)
            await world.clock.sleep(5)
            return found

        world.source.containers = slow  # type: ignore[method-assign]
        await world.clock.advance(13)
        world.source.stream("watch_containers", AGENT).send(pushed)
        await world.clock.advance(6)
        assert detail(world).containers.value == pushed


async def test_a_slow_answer_about_the_agent_does_not_undo_what_its_watch_said() -> None:
    world = World()
    world.know(a_workspace(agents=(an_agent(lifecycle="starting"),)))
    real = world.source.agent

    async def slow(known: Agent) -> Agent:
        found = await real(known)
        await world.clock.sleep(2)
        return found

    world.source.agent = slow  # type: ignore[method-assign]
    async with world.running():
        await opened(world, "health")
        await world.clock.advance(1)
        world.source.put(a_workspace())
        world.ctx.emit(ev.WorkspacesRead((a_workspace(),), world.clock.now(), "watch"))
        await world.clock.advance(1.5)
        assert world.told(ev.AgentRead) == []
        assert world.state.workspaces["w1"].agents[0].lifecycle == "ready"
