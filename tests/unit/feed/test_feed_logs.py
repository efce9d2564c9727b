"""Logs: followed, resumed by id, gaps said, completed, and not reopened for an agent that has ended."""

from __future__ import annotations

from dataclasses import replace

from agentdash.api.errors import ConnectFailed, Forbidden, NotFound
from agentdash.feed.logs import AgentLog, BuildLog
from agentdash.state import events as ev
from agentdash.state.freshness import StreamState
from agentdash.state.model import Job
from tests.unit.feed.fakes import World, a_build, a_workspace, active, lines, settle

AGENT = "w1-main-1"


def a_log(world: World, asked: list[int] | None = None) -> AgentLog:
    return AgentLog(world.ctx, "w1", AGENT, lambda: None if asked is None else asked.append(1))


def shown(world: World) -> list[int]:
    return [line.id for line in world.state.logs[AGENT].lines]


def state_of(world: World) -> StreamState:
    return world.state.streams[f"logs:{AGENT}"].state


async def test_lines_arrive_and_the_stream_is_live() -> None:
    world = World()
    world.know(a_workspace())
    async with world.doing(a_log(world).run):
        stream = world.source.stream("follow", AGENT)
        assert stream.after == 0
        stream.send(())
        await settle()
        assert state_of(world) is StreamState.LIVE
        stream.send(lines(3, 7))
        stream.send(lines(7, 9))
        await settle()
        assert shown(world) == [3, 7, 9]
        assert [len(e.lines) for e in world.told(ev.LogLinesRead)] == [2, 1]


async def test_a_cut_leaves_a_gap_and_resumes_behind_the_last_line() -> None:
    world = World()
    world.know(a_workspace())
    async with world.doing(a_log(world).run):
        stream = world.source.stream("follow", AGENT)
        stream.send(lines(5, 9))
        world.source.log_lines[AGENT] = lines(5, 8, 9)
        stream.cut(ConnectFailed("cut"))
        await settle()
        assert state_of(world) is StreamState.RETRYING
        assert world.state.logs[AGENT].gaps[0].after_id == 9
        # Line 8 was committed late; the overlapping read has it.
        assert shown(world) == [5, 8, 9]
        assert world.source.asked("logs") == [(AGENT, 4)]
        await world.clock.advance(1)
        again = world.source.stream("follow", AGENT)
        assert again is not stream
        assert again.after == 9


async def test_a_connection_that_never_spoke_leaves_no_gap() -> None:
    world = World()
    world.know(a_workspace())
    world.source.errors["follow"] = ConnectFailed("away")
    async with world.doing(a_log(world).run):
        await world.clock.advance(10)
        assert world.told(ev.LogGapFound) == []


async def test_while_the_server_is_away_it_goes_on_trying() -> None:
    world = World()
    world.know(a_workspace())
    async with world.doing(a_log(world).run):
        world.source.stream("follow", AGENT).send(lines(1))
        await settle()
        world.source.errors |= {"follow": ConnectFailed("away"), "workspace": ConnectFailed("away")}
        world.source.stream("follow", AGENT).cut(ConnectFailed("cut"))
        await world.clock.advance(20)
        assert state_of(world) is StreamState.RETRYING
        world.source.errors.clear()
        await world.clock.advance(30)
        assert world.source.stream("follow", AGENT).after == 1
        assert len(world.state.logs[AGENT].gaps) == 1


async def test_a_stop_closes_the_stream_and_the_rest_is_read_until_the_build_ends() -> None:
    world = World()
    world.know(a_workspace())
    log = a_log(world)
    async with world.doing(log.run):
        stream = world.source.stream("follow", AGENT)
        stream.send(lines(1, 2))
        await settle()
        world.source.put(replace(a_workspace(), build=active(), agents=()))
        world.source.log_lines[AGENT] = lines(1, 2)
        stream.close()
        await settle()
        assert state_of(world) is StreamState.RETRYING
        assert world.told(ev.LogGapFound) == []
        world.source.log_lines[AGENT] = lines(1, 2, 3)
        await world.clock.advance(2)
        assert shown(world) == [1, 2, 3]
        # Following it would return the backlog and close at once, again and again.
        assert len(world.source.streams["follow", AGENT]) == 1
        world.source.errors["logs"] = NotFound("old agent", status=404)
        await world.clock.advance(2)
        assert state_of(world) is StreamState.STOPPED
        assert world.state.streams[f"logs:{AGENT}"].problem is not None
        asked = len(world.source.calls)
        await world.clock.advance(60)
        assert len(world.source.calls) == asked


async def test_a_rebuild_that_finished_meanwhile_ends_the_log_of_the_old_agent() -> None:
    world = World()
    world.know(a_workspace())
    async with world.doing(a_log(world).run):
        stream = world.source.stream("follow", AGENT)
        stream.send(lines(1))
        await settle()
        world.source.put(replace(a_workspace(), build=a_build("w1", 2), agents=()))
        stream.close()
        await settle()
        assert state_of(world) is StreamState.STOPPED
        assert len(world.source.streams["follow", AGENT]) == 1


async def test_a_queued_build_ends_following_though_the_agent_is_still_listed() -> None:
    world = World()
    world.know(a_workspace())
    async with world.doing(a_log(world).run):
        stream = world.source.stream("follow", AGENT)
        stream.send(lines(1))
        await settle()
        world.source.put(replace(a_workspace(), build=active(transition="delete")))
        stream.close()
        await world.clock.advance(10)
        assert len(world.source.streams["follow", AGENT]) == 1
        assert len(world.source.asked("logs")) >= 5


async def test_no_right_ends_it() -> None:
    world = World()
    world.know(a_workspace())
    world.source.errors["follow"] = Forbidden("no", status=403)
    async with world.doing(a_log(world).run):
        assert state_of(world) is StreamState.STOPPED


async def test_an_unknown_source_asks_for_the_agent() -> None:
    world = World()
    world.know(a_workspace())
    asked: list[int] = []
    async with world.doing(a_log(world, asked).run):
        stream = world.source.stream("follow", AGENT)
        stream.send(lines(1, source="s1"))
        await settle()
        assert asked == []
        stream.send(lines(2, source="new"))
        await settle()
        assert asked == [1]


async def test_a_log_opened_again_resumes_what_is_held() -> None:
    world = World()
    world.know(a_workspace())
    world.ctx.emit(ev.LogLinesRead(AGENT, lines(4, 6)))
    async with world.doing(a_log(world).run):
        assert world.source.stream("follow", AGENT).after == 6


async def test_a_build_log_is_followed_until_the_job_has_finished() -> None:
    world = World()
    world.source.known_builds["b1"] = a_build(job=Job("j", "running"))
    async with world.doing(BuildLog(world.ctx, "b1").run):
        stream = world.source.stream("follow_build", "b1")
        stream.send(())
        stream.send(lines(1))
        stream.send(lines(2))
        await settle()
        assert [line.id for line in world.state.build_logs["b1"].lines] == [1, 2]
        # A server that shuts down says "done" too.
        stream.close()
        await world.clock.advance(1)
        assert world.source.stream("follow_build", "b1").after == 2
        world.source.known_builds["b1"] = a_build(job=Job("j", "failed"))
        world.source.log_lines["b1"] = lines(1, 2, 3)
        world.source.stream("follow_build", "b1").close()
        await settle()
        assert [line.id for line in world.state.build_logs["b1"].lines] == [1, 2, 3]
        assert world.state.streams["build-logs:b1"].state is StreamState.STOPPED
        await world.clock.advance(60)
        assert len(world.source.streams["follow_build", "b1"]) == 2
