"""Rules about what lies between the deployment and us, as somebody meets them who keeps streams and a session open."""

from __future__ import annotations

import json
import math

import pytest

from agentdash.api.errors import ApiError
from agentdash.local.deployment import SERVER_VERSION
from agentdash.local.faults import Answer, Fault
from agentdash.local.world import play, set_in_motion
from agentdash.state import convert
from agentdash.state import events as ev
from agentdash.state.freshness import Problem, StreamState
from tests.unit.triage.test_rule_world_matrix import MATRIX
from tests.unit.triage.world_reading import Reader, opened, told


def answer(status: int, message: str, **more: object) -> Answer:
    return Answer(status, json.dumps({"message": message, **more}))


async def test_a_refusal_is_told_and_is_no_finding() -> None:
    async with opened("p01") as reader:
        reader.faults.add(Fault("*/prebuilds/settings", answer=answer(403, "Forbidden.")))
        found = await reader.look()
        assert told(found, reader.world) == []
        rules = {told.rule for told in found.cannot_know}
        assert {"P01", "V04"} <= rules


async def test_logged_out() -> None:
    async with opened("v05") as reader:
        set_in_motion(reader.world)
        assert told(await reader.look(), reader.world) == []
        play(reader.world, reader.clock, 30)
        with pytest.raises(ApiError) as failed:
            await reader.look()
        reader.store.apply([ev.ServerFailed(convert.problem(failed.value))])
        assert told(reader.judge(), reader.world) == ["V05 deployment"]


async def test_a_right_that_is_missing_is_no_lost_session() -> None:
    async with opened("v05-near") as reader:
        found = await reader.look()
        assert told(found, reader.world) == []
        assert {"B12", "V04"} <= {unknown.rule for unknown in found.cannot_know}


@pytest.mark.parametrize("name", ["n04", "n04-near", "n05", "n05-near"])
async def test_streams(name: str) -> None:
    async with opened(name) as reader:
        await reader.look()
        reader.store.apply([ev.ServerAnswered(reader.clock.now(), SERVER_VERSION, 0.0, 0.01)])
        streams = Streams(reader)
        for _ in range(100):
            streams.go_on()
            found = reader.judge()
            play(reader.world, reader.clock, 1)
        assert told(found, reader.world) == [row for row in MATRIX[name].split(", ") if row]


async def test_refused_streams_are_remembered_where_nobody_wants_one() -> None:
    """On a screen without rows there are no streams, and the proxy is as it was."""
    async with opened("n04") as reader:
        await reader.look()
        reader.store.apply([ev.ServerAnswered(reader.clock.now(), SERVER_VERSION, 0.0, 0.01)])
        Streams(reader).go_on()
        reader.judge()
        reader.store.apply([ev.StreamForgotten(stream_id) for stream_id in reader.store.state.streams])
        assert told(reader.judge(), reader.world) == ["N04 deployment"]
        reader.store.apply([ev.StreamChanged("watch:x", StreamState.LIVE, reader.clock.now())])
        assert told(reader.judge(), reader.world) == []


class Streams:
    """What a client that keeps its streams open meets: they are refused or cut as the world's faults say."""

    PATHS = ("workspaces/{}/watch-ws", "workspaceagents/{}/watch-metadata-ws")
    RETRY_S = 3.0

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        ids = [w.id for w in reader.world.deployment.live_workspaces()]
        self._paths = [f"/api/v2/{path.format(one)}" for one in ids for path in self.PATHS]
        self._ends: dict[str, float] = {}
        self._tries: dict[str, float] = dict.fromkeys(self._paths, 0.0)

    def go_on(self) -> None:
        """Open what is closed, lose what has reached its age."""
        now_s = self._reader.clock.monotonic()
        for path in self._paths:
            if self._ends.get(path, math.inf) <= now_s:
                del self._ends[path]
                self._tries[path] = now_s + self.RETRY_S
                self._tell(path, StreamState.RETRYING)
            elif path not in self._ends and self._tries[path] <= now_s:
                self._open(path, now_s)

    def _open(self, path: str, now_s: float) -> None:
        fault = self._reader.faults.take("GET", path, is_websocket=True)
        if fault is not None and fault.answer is not None:
            self._tries[path] = now_s + self.RETRY_S
            problem = Problem("BadGateway", "No upgrade", "", "", fault.answer.status)
            self._tell(path, StreamState.RETRYING, problem)
            return
        age_s = None if fault is None else fault.cut_after_s
        self._ends[path] = math.inf if age_s is None else now_s + age_s
        self._tell(path, StreamState.LIVE)

    def _tell(self, path: str, state: StreamState, problem: Problem | None = None) -> None:
        event = ev.StreamChanged(f"watch:{path}", state, self._reader.clock.now(), problem=problem)
        self._reader.store.apply([event])
