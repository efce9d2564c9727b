"""Columns of a pane follow what stands in them while its rows come and go."""

from __future__ import annotations

from agentdash.state import events as ev
from agentdash.state.model import Port, PortShare
from tests.ui.dash import desk, workspace
from tests.ui.screen_text import widget_lines

HERE = workspace("w1", "go-7f3a")


async def test_rows_and_columns_may_change_together() -> None:
    async with desk(HERE) as it:
        screen = await it.open_agent()
        (agent,) = HERE.agents
        pane = screen.pane("ports")

        def shown() -> str:
            return "\n".join(widget_lines(pane))

        await it.tell(
            ev.AgentOpened(agent.id), ev.PortsRead(agent.id, (Port(8080, "tcp", "node"),), it.clock.now())
        )
        await it.until(lambda: "8080" in shown())
        await it.tell(
            ev.PortsRead(agent.id, (Port(13337, "tcp", "vite"),), it.clock.now()),
            ev.SharesRead(agent.id, (PortShare("main", 13337, "public", "http"),), it.clock.now()),
        )
        await it.until(lambda: "vite" in shown())
        assert "8080" not in shown()
        assert "public" in shown()
