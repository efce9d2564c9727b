"""One life of an agent: from a manifest to its end, through any number of connections (contract: agent-side.md §12.1).

Scripts run for the first manifest of a life; a connection that is made again does not run them again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from functools import partial
from pathlib import Path

from agentdash import __version__
from agentdash.agent.outbox import Outbox
from agentdash.api import errors
from agentdash.api.agent_logs import LogEntry
from agentdash.api.agent_rpc import AgentRpc, metadata_seconds, open_agent_rpc
from agentdash.api.client import Client
from agentdash.api.tailnet import id_text
from agentdash.api.tailnet_errors import VersionRefused
from agentdash.local.clock import Clock
from agentdash.local.host_apps import check_app
from agentdash.local.host_cron import CronError, parse_cron
from agentdash.local.host_scripts import ScriptRoom, ScriptRun, ScriptRunner
from agentdash.local.processes import end_processes
from agentdash.local.records_agent import App
from agentdash.wire.proto import agent_pb2 as pb

FLUSH_WITHIN_S = 5.0
_DECISIVE = {"exit_failure": "start_error", "timed_out": "start_timeout"}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a life is given.

    Attributes:
        environment: Of every script; the manifest adds to it.
        home: Where `~` is, and where scripts run when the manifest's directory is not there.
        tell: Told of every step, for a person.
    """

    client: Client
    clock: Clock
    pauses: Callable[[], Iterator[float]]
    shell: str
    environment: Mapping[str, str] = field(repr=False)
    home: Path
    tell: Callable[[str], None]


class Life:
    """Runs until `stop`; `run` is its connection."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._outbox = Outbox(lambda error: around.tell(f"refused: {error.detail}"))
        self._tasks: set[asyncio.Task[None]] = set()
        self._manifest: pb.Manifest | None = None
        self._runner: ScriptRunner | None = None

    async def run(self) -> None:
        """Connect, and connect again, until cancelled.

        Raises:
            VersionRefused, RouteNotFound: The server is too old for this agent.
        """
        pauses = self._around.pauses()
        while True:
            try:
                async with open_agent_rpc(self._around.client) as rpc:
                    await self._serve(rpc)
            except (VersionRefused, errors.RouteNotFound):
                raise
            except errors.ApiError as trouble:
                # While a claim is under way even the token is refused for a moment (contract: agent-side.md §9.3).
                self._around.tell(f"not connected: {trouble.title}")
            await self._around.clock.sleep(next(pauses))

    async def stop(self) -> None:
        """End in order: `shutting_down`, stop scripts, `off`. What still runs afterwards is ended."""
        await self._cancel_tasks()
        manifest, runner = self._manifest, self._runner
        if manifest is None or runner is None:
            return
        self._set_lifecycle("shutting_down")
        scripts = [script for script in manifest.scripts if script.run_on_stop]
        runs = await asyncio.gather(*(self._run_script(runner, script, "stop") for script in scripts))
        await end_processes(runner.leftovers)
        is_ok = all(run.status == "ok" for run in runs)
        self._set_lifecycle("off" if is_ok else "shutdown_error")
        try:
            async with asyncio.timeout(FLUSH_WITHIN_S):
                await self._outbox.wait_empty()
        except TimeoutError:
            self._around.tell("the end could not be told to the server")

    async def _serve(self, rpc: AgentRpc) -> None:
        manifest = await rpc.manifest()
        directory = self._directory(manifest)
        await rpc.report_startup(f"v{__version__.split('+')[0]}-agentdash", str(directory))
        self._around.tell(
            f"connected as {manifest.owner_username}/{manifest.workspace_name}.{manifest.agent_name}"
        )
        if self._manifest is None:
            self._begin(manifest, directory)
        jobs = (self._outbox.send(rpc), self._report_stats(rpc), _wait_ended(rpc))
        tasks = [asyncio.create_task(job) for job in jobs]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _report_stats(self, rpc: AgentRpc) -> None:
        interval_s = await rpc.report_stats()
        while True:
            await self._around.clock.sleep(max(1.0, interval_s))
            interval_s = await rpc.report_stats(pb.Stats())

    def _begin(self, manifest: pb.Manifest, directory: Path) -> None:
        self._manifest = manifest
        environment = {
            **self._around.environment,
            **manifest.environment_variables,
            "CODER": "true",
            "CODER_WORKSPACE_NAME": manifest.workspace_name,
            "CODER_WORKSPACE_OWNER_NAME": manifest.owner_username,
            "CODER_WORKSPACE_AGENT_NAME": manifest.agent_name,
        }
        room = ScriptRoom(self._around.shell, directory, environment)
        runner = self._runner = ScriptRunner(room, self._around.clock)
        self._spawn(self._start(runner, manifest), "agent scripts")
        for description in manifest.metadata:
            self._spawn(self._measure(runner, description), f"agent metadata {description.key}")
        for app in manifest.apps:
            if app.healthcheck.url:
                self._spawn(self._check(app), f"agent app {app.slug}")

    async def _start(self, runner: ScriptRunner, manifest: pb.Manifest) -> None:
        self._set_lifecycle("starting")
        scripts = [script for script in manifest.scripts if script.run_on_start]
        state, is_open = "", False
        for ended in asyncio.as_completed([self._run_script(runner, script, "start") for script in scripts]):
            status = (await ended).status
            # Of several failures the first decides (contract: agents.md §2.3).
            state = state or _DECISIVE.get(status, "")
            is_open |= status == "pipes_left_open"
        self._set_lifecycle(state or ("start_error" if is_open else "ready"))
        await asyncio.gather(*(self._cron(runner, script) for script in manifest.scripts if script.cron))

    async def _run_script(
        self, runner: ScriptRunner, script: pb.WorkspaceAgentScript, stage: str
    ) -> ScriptRun:
        source = id_text(script.log_source_id)

        def on_line(level: str, text: str) -> None:
            self._outbox.add_line(source, LogEntry(text, level, self._around.clock.now()))

        timeout_s = script.timeout.seconds + script.timeout.nanos / 1e9
        run = await runner.run(script.script, timeout_s, on_line)
        self._outbox.add(
            lambda rpc: rpc.report_script(
                id_text(script.id),
                run.started_at,
                run.ended_at,
                run.exit_code,
                stage=stage,
                status=run.status,
            )
        )
        return run

    async def _cron(self, runner: ScriptRunner, script: pb.WorkspaceAgentScript) -> None:
        try:
            cron = parse_cron(script.cron)
        except CronError as error:
            self._around.tell(f"cron {script.cron!r}: {error}")
            return
        clock = self._around.clock
        while (due := cron.next_after(clock.now().astimezone())) is not None:
            await clock.sleep((due.astimezone(UTC) - clock.now()).total_seconds())
            await self._run_script(runner, script, "cron")

    async def _measure(
        self, runner: ScriptRunner, description: pb.WorkspaceAgentMetadata.Description
    ) -> None:
        interval_s, timeout_s = metadata_seconds(description)
        while True:
            lines: list[str] = []
            run = await runner.run(description.script, timeout_s or interval_s, partial(_keep, lines))
            error = "" if run.status == "ok" else f"{run.status}: exit code {run.exit_code}"
            result = {description.key: ("\n".join(lines), error)}
            self._outbox.add(partial(_report_metadata, result, run))
            if interval_s <= 0:
                return
            await self._around.clock.sleep(interval_s)

    async def _check(self, app: pb.WorkspaceApp) -> None:
        record = App(
            id_text(app.id),
            app.slug,
            healthcheck_url=app.healthcheck.url,
            healthcheck_interval_s=app.healthcheck.interval.seconds,
            healthcheck_threshold=app.healthcheck.threshold,
            health="initializing",
        )

        def changed() -> None:
            healths = {record.id: record.health}
            self._outbox.add(lambda rpc: rpc.report_app_healths(healths))

        await check_app(record, self._around.clock, changed)

    def _set_lifecycle(self, state: str) -> None:
        moment = self._around.clock.now()
        self._around.tell(state)
        self._outbox.add(lambda rpc: rpc.report_lifecycle(state, moment))

    def _directory(self, manifest: pb.Manifest) -> Path:
        text = manifest.directory
        path = self._around.home / text[2:] if text.startswith("~/") else Path(text or self._around.home)
        return path if path.is_dir() else self._around.home

    def _spawn(self, work: Coroutine[object, object, None], name: str) -> None:
        self._tasks.add(asyncio.create_task(work, name=name))

    async def _cancel_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()


async def _wait_ended(rpc: AgentRpc) -> None:
    await rpc.connection.mux.wait_ended()


def _keep(lines: list[str], level: str, text: str) -> None:
    if level == "info":
        lines.append(text)


async def _report_metadata(result: Mapping[str, tuple[str, str]], run: ScriptRun, rpc: AgentRpc) -> None:
    await rpc.report_metadata(result, run.ended_at)
