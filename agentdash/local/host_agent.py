"""One life of this machine as an agent: connected, start scripts, cron, metadata, apps, stop scripts.

It belongs to one start build; a later start makes another one. Everything it starts is owned here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import UTC

from agentdash.local import bus as topics
from agentdash.local import startup
from agentdash.local.deployment import AGENT_API_VERSION, Deployment
from agentdash.local.host_apps import check_app
from agentdash.local.host_cron import CronError, parse_cron
from agentdash.local.host_machine import Gauge
from agentdash.local.host_scripts import ScriptRun, ScriptRunner
from agentdash.local.processes import end_processes
from agentdash.local.records import Agent, Script, ScriptTiming

FLUSH_S = 0.25
_DECISIVE = {"exit_failure": "start_error", "timed_out": "start_timeout"}


class LogBatch:
    """Lines of the agent on their way to the server, sent in batches every 250 ms as agents do."""

    def __init__(self, deployment: Deployment, agent: Agent) -> None:
        self._deployment = deployment
        self._agent = agent
        self._lines: list[tuple[str, str, str]] = []
        self._news = asyncio.Event()

    def add(self, source_id: str, level: str, text: str) -> None:
        """Take a line."""
        self._lines.append((source_id, level, text))
        self._news.set()

    def flush(self) -> None:
        """Send what is there, one batch for each run of lines of the same source."""
        lines, self._lines = self._lines, []
        start = 0
        for end in range(1, len(lines) + 1):
            if end == len(lines) or lines[end][0] != lines[start][0]:
                batch = [(level, text) for _, level, text in lines[start:end]]
                self._deployment.append_logs(self._agent, lines[start][0], batch)
                start = end

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            self.flush()
            await self._deployment.clock.sleep(FLUSH_S)


class HostAgent:
    """The agent process on this machine."""

    def __init__(
        self, deployment: Deployment, agent: Agent, runner: ScriptRunner, gauges: Sequence[Gauge]
    ) -> None:
        self.agent = agent
        self.logs = LogBatch(deployment, agent)
        self._deployment = deployment
        self._runner = runner
        self._gauges = gauges
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Connect and begin; returns at once."""
        self.agent.step_aside = self._step_aside
        self._connect()
        self.spawn(self.logs.run(), "host logs")
        for gauge in self._gauges:
            self.spawn(self._measure(gauge), f"host metadata {gauge.key}")
        self.spawn(self._live(), "host scripts")
        for app in self.agent.apps:
            if app.healthcheck_url:
                self.spawn(check_app(app, self._deployment.clock, self._touch), f"host app {app.slug}")

    async def stop(self) -> None:
        """Stop in order: `shutting_down`, stop scripts, `off`, disconnected. Ends all that still runs."""
        startup.set_lifecycle(self._deployment, self.agent, "shutting_down")
        await self._cancel_tasks()
        self.spawn(self.logs.run(), "host logs")
        scripts = [script for script in self.agent.scripts if script.run_on_stop]
        runs = await asyncio.gather(*(self._run_script(script, "stop") for script in scripts))
        await self._cancel_tasks()
        self.logs.flush()
        await end_processes(self._runner.leftovers)
        is_ok = all(run.status == "ok" for run in runs)
        startup.set_lifecycle(self._deployment, self.agent, "off" if is_ok else "shutdown_error")
        startup.disconnect(self._deployment, self.agent)

    async def kill(self) -> None:
        """End at once, without stop scripts: the server goes down."""
        await self._cancel_tasks()
        await end_processes(self._runner.leftovers)

    def _step_aside(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _cancel_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def spawn(self, work: Coroutine[object, object, None], name: str) -> None:
        """Run `work` as long as this agent lives."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)

    def _touch(self) -> None:
        self._deployment.touch_agent(self.agent)

    def _connect(self) -> None:
        now = self._deployment.now()
        agent = self.agent
        agent.first_connected_at = agent.last_connected_at = now
        agent.is_beating = True
        agent.owner_id_at_connect = self._deployment.workspaces[agent.workspace_id].owner_id
        agent.version, agent.api_version = self._deployment.version, AGENT_API_VERSION
        agent.expanded_directory = agent.directory
        self._touch()

    async def _live(self) -> None:
        """Start scripts side by side, the lifecycle that follows from them, then cron."""
        startup.set_lifecycle(self._deployment, self.agent, "starting")
        scripts = [script for script in self.agent.scripts if script.run_on_start]
        state = ""
        for ended in asyncio.as_completed([self._run_script(script, "start") for script in scripts]):
            run = await ended
            # Of several failures the first decides (contract: agents.md §2.3).
            state = state or _DECISIVE.get(run.status, "")
        if not state:
            is_open = any(script.status == "pipes_left_open" for script in scripts)
            state = "start_error" if is_open else "ready"
        self.logs.flush()
        startup.set_lifecycle(self._deployment, self.agent, state)
        await asyncio.gather(*(self._cron(script) for script in self.agent.scripts if script.cron))

    async def _cron(self, script: Script) -> None:
        try:
            cron = parse_cron(script.cron)
        except CronError as error:
            self.logs.add(script.log_source_id, "error", f"cron {script.cron!r}: {error}")
            return
        clock = self._deployment.clock
        while True:
            now = clock.now()
            due = cron.next_after(now.astimezone())
            if due is None:
                return
            await clock.sleep((due.astimezone(UTC) - now).total_seconds())
            await self._run_script(script, "cron")

    async def _run_script(self, script: Script, stage: str) -> ScriptRun:
        source = script.log_source_id
        run = await self._runner.run(
            script.script, script.timeout_s, lambda level, text: self.logs.add(source, level, text)
        )
        script.exit_code, script.status = run.exit_code, run.status
        timings = self.agent.script_timings
        if all(timing.display_name != script.display_name for timing in timings):
            name = script.display_name
            timings.append(ScriptTiming(name, run.started_at, run.ended_at, run.exit_code, run.status, stage))
        return run

    async def _measure(self, gauge: Gauge) -> None:
        item = next(item for item in self.agent.metadata if item.key == gauge.key)
        while True:
            try:
                item.value, item.error = await asyncio.to_thread(gauge.read), ""
            except OSError as error:
                item.value, item.error = "", f"run cmd: {error.strerror}"
            item.collected_at = self._deployment.now()
            self._deployment.bus.publish(topics.metadata_topic(self.agent.id))
            if gauge.interval_s == 0:
                return
            await self._deployment.clock.sleep(gauge.interval_s)
