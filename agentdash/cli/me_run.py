"""`agentdash me run`: be the agent of this workspace, until a signal comes."""

from __future__ import annotations

import asyncio
import random
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from agentdash.cli import output
from agentdash.cli.output import ExitCode

if TYPE_CHECKING:
    from agentdash.api.agent_side import AgentSideApi
    from agentdash.cli.main import Call

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NOT_SERVED = (
    "terminals and ports of this agent do not work: they travel by tailnet, which it does not speak"
    " (`agentdash local` serves those of its own machine itself)"
)


async def run_agent_command(call: Call, api: AgentSideApi) -> int:
    """Act as the agent; a signal ends it in order, stop scripts included."""
    from agentdash.agent.life import Surroundings  # noqa: PLC0415 - an agent is a lot to import
    from agentdash.agent.process import run_agent  # noqa: PLC0415
    from agentdash.local.clock import RealClock  # noqa: PLC0415
    from agentdash.text import clean  # noqa: PLC0415
    from agentdash.wire.backoff import Backoff  # noqa: PLC0415

    def tell(text: str) -> None:
        output.say(clean(text))
        output.flush()

    def pauses() -> Backoff:
        return Backoff(random.random, first_s=0.1, largest_s=10.0)

    around = Surroundings(
        client=api.client,
        clock=RealClock(),
        pauses=pauses,
        shell=call.environ.get("SHELL", "") or "/bin/sh",
        environment=dict(call.environ),
        home=call.home if call.home.is_dir() else Path("/"),
        tell=tell,
    )
    tell(NOT_SERVED)
    acting = asyncio.create_task(run_agent(around, pauses()), name="agent")
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, acting.cancel)
    try:
        await acting
    except asyncio.CancelledError:
        if not acting.cancelled():
            raise
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
    return ExitCode.OK
