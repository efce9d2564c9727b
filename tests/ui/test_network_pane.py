"""Pane 9: both links side by side, a key that measures, a key that asks the agent after telling what that leaves behind."""

from __future__ import annotations

from dataclasses import replace

import pytest
from immutables import Map

from agentdash.actions.target import Target
from agentdash.config.settings import Settings
from agentdash.state import events as ev
from agentdash.state.freshness import Problem
from agentdash.state.model import AgentNode, Connection, DerpRegion, Links, RegionLatency, RegionLink
from agentdash.ui.panes.network import NetworkPane
from agentdash.ui.widgets.confirm import Confirm
from tests.ui.dash import Desk, desk, workspace
from tests.ui.screen_text import widget_lines
from tests.unit.model_factory import make_agent

FRA = DerpRegion(1, "fra", "Frankfurt", embedded=True)
SYD = DerpRegion(2, "syd", "Sydney", embedded=False)
STUN = DerpRegion(3, "stun", "Coder STUN 3", embedded=False, stun_only=True)
MAP = Connection((FRA, SYD, STUN), force_websockets=False, disable_direct=False, hostname_suffix="coder")
AGENT = make_agent(latency=(RegionLatency("Frankfurt", 12.0, True), RegionLatency("Sydney", 290.0, False)))
HERE = workspace("w1", "go-7f3a", AGENT)
BOTH = Links(Map({1: RegionLink(1, 310.0), 2: RegionLink(2, None, "refused")}), is_complete=True)


def pane(it: Desk) -> NetworkPane:
    found = it.agent.pane("network")
    assert isinstance(found, NetworkPane)
    return found


def shown(it: Desk) -> list[str]:
    """Lines of the pane's list."""
    return [text.rstrip() for text in widget_lines(pane(it).facts)]


async def network(it: Desk, *events: ev.Event) -> None:
    await it.open_agent("w1/main", "network")
    await it.tell(ev.AgentOpened(AGENT.id), ev.ConnectionRead(AGENT.id, MAP, it.clock.now()), *events)


async def test_both_links_side_by_side() -> None:
    async with desk(HERE, size=(80, 24)) as it:
        await network(it)
        assert "network" in it.feed.panes
        lines = shown(it)
        said = " ".join(line.strip(" ▐▄▀") for line in lines[:2])
        assert said == "The agent's link is well: Frankfurt is 12 ms from it. Yours is being measured."
        assert [line.strip("▐▄▀ ").split() for line in lines[2:6]] == [
            ["relay", "from", "here", "from", "agent"],
            ["●", "Frankfurt", "…", "12", "ms", "home", "·", "embedded"],
            ["·", "Sydney", "…", "290", "ms"],
            ["·", "Coder", "STUN", "3", "–", "–", "STUN", "only"],
        ]
        await it.tell(ev.LinksRead(AGENT.id, BOTH, it.clock.now()))
        lines = shown(it)
        assert "Your link is the slow one: Frankfurt is 310 ms from here" in lines[0]
        table = {line.split()[1]: line.split() for line in lines if line[1:2] in "●✗·" and line[1:2]}
        assert table["Frankfurt"][2:6] == ["310", "ms", "12", "ms"]
        assert table["Sydney"][2:5] == ["refused", "290", "ms"]
        assert all(len(line) <= 78 for line in lines)


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 36), (60, 20), (200, 50)])
async def test_nothing_is_cut_at_any_size(size: tuple[int, int]) -> None:
    async with desk(HERE, size=size) as it:
        await network(it, ev.LinksRead(AGENT.id, BOTH, it.clock.now()))
        text = "\n".join(shown(it))
        for piece in ("310 ms", "12 ms", "refused", "290 ms", "home"):
            assert piece in text


async def test_a_wider_pane_has_wider_columns_at_once() -> None:
    async with desk(HERE, size=(120, 36)) as it:
        await network(it)
        assert "from here" not in "\n".join(shown(it))
        await it.press("z")
        assert "from here" in "\n".join(shown(it))


async def test_a_key_measures_anew() -> None:
    async with desk(HERE) as it:
        await network(it)
        assert "m measure" in it.line("footer") or "measure" in it.text
        await it.press("m")
        assert it.feed.measured == 1
        assert "measuring" in it.said[-1]


async def test_asking_the_agent_says_first_what_it_leaves_behind() -> None:
    async with desk(HERE) as it:
        await network(it)
        assert any("n asks; leaves a" in line for line in shown(it))
        await it.press("n")
        await it.until(lambda: isinstance(it.app.screen, Confirm))
        assert "connection log" in it.text
        assert it.ran == []
        await it.press("escape")
        await it.until(lambda: not isinstance(it.app.screen, Confirm))
        assert it.ran == []
        await it.press("n")
        await it.until(lambda: isinstance(it.app.screen, Confirm))
        await it.press("tab", "enter")
        await it.until(lambda: it.ran)
        assert it.ran == [("network-node", (Target("w1/main"),))]


async def test_what_the_agent_says_of_itself() -> None:
    async with desk(HERE, size=(90, 40)) as it:
        node = AgentNode(2, Map({2: 3.0}), Map({1: "a proxy"}), ("10.0.0.5:41641",))
        await network(it, ev.NodeRead(AGENT.id, node, it.clock.now()))
        text = "\n".join(shown(it))
        assert "home Sydney" in text
        assert "10.0.0.5:41641" in text
        assert "direct over 1 endpoint" in text
        assert "to Frankfurt: a proxy" in text
        assert "n asks" not in text


async def test_why_the_agent_says_nothing() -> None:
    problem = Problem("NotFound", "Not found", "Resource not found", "Ask for the right to connect.", 404)
    async with desk(HERE, size=(90, 40)) as it:
        await network(it, ev.FactFailed(AGENT.id, "node", problem, refused=True))
        assert any("Not found: Resource not found. Ask for the right" in line for line in shown(it))


async def test_read_only_does_not_ask_and_says_why() -> None:
    async with desk(HERE, settings=Settings(read_only=True)) as it:
        await network(it)
        assert "read-only" in " ".join(" ".join(shown(it)).split())
        assert "its node" not in it.line("footer")
        await it.press("n")
        assert it.ran == []
        await it.press("m")
        assert it.feed.measured == 1


async def test_an_agent_that_is_away_cannot_be_asked() -> None:
    lost = replace(AGENT, status="disconnected")
    async with desk(workspace("w1", "go-7f3a", lost), size=(90, 40)) as it:
        await network(it, ev.LinksRead(AGENT.id, BOTH, it.clock.now()))
        text = " ".join(" ".join(shown(it)).split())
        assert "Your link is slow: Frankfurt is 310 ms from here. The agent is not connected." in text
        assert "only a connected one says" in text
        await it.press("n")
        assert "only a connected one says" in it.said[-1]


async def test_an_old_server_that_does_not_say_is_shown_as_not_saying() -> None:
    async with desk(HERE, size=(90, 40)) as it:
        await it.open_agent("w1/main", "network")
        await it.tell(
            ev.AgentOpened(AGENT.id), ev.ConnectionRead(AGENT.id, Connection((FRA,)), it.clock.now())
        )
        assert any("not told by this server" in line for line in shown(it))


async def test_in_ascii() -> None:
    async with desk(HERE, size=(80, 24), settings=Settings(ascii=True)) as it:
        await network(it, ev.LinksRead(AGENT.id, BOTH, it.clock.now()))
        table = [line for line in shown(it) if "Frankfurt  " in line or "Sydney " in line]
        assert all(line.isascii() for line in table)
