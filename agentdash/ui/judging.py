"""Runs the diagnosis beside the screens: loaded after the first paint, ended with the program."""

from __future__ import annotations

import asyncio
import importlib
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentdash.ui.app import AgentDash

log = logging.getLogger(__name__)


def start(app: AgentDash) -> asyncio.Task[None]:
    """Begin to judge; the task ends only by being cancelled."""
    task = asyncio.create_task(_run(app), name="diagnosis")
    task.add_done_callback(_tell_failure)
    return task


async def _run(app: AgentDash) -> None:
    # A hundred rules are not loaded on the loop that answers keys.
    await asyncio.to_thread(importlib.import_module, "agentdash.ui.diagnosis")
    from agentdash.triage.thresholds import Thresholds  # noqa: PLC0415
    from agentdash.ui.diagnosis import Eyes, Judge  # noqa: PLC0415

    context = app.context
    try:
        thresholds = Thresholds().with_settings(context.settings.triage)
    except ValueError as error:
        log.warning("settings, triage: %s", error)
        thresholds = Thresholds()
    context.judge = judge = Judge(
        Eyes(thresholds), directory=context.state_dir, every_s=context.judge_every_s
    )
    await judge.run(lambda: context.state, context.now, app.judged)


def _tell_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("the diagnosis has stopped", exc_info=task.exception())
