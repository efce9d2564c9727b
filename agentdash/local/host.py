"""This machine as a live workspace with one agent: real scripts, ports, containers, metadata and shell."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

from agentdash.local import bus as topics
from agentdash.local import queueing
from agentdash.local.errors import ApiError
from agentdash.local.host_agent import HostAgent
from agentdash.local.host_containers import SCAN_S, CommandError, Engine
from agentdash.local.host_devcontainers import Devcontainers
from agentdash.local.host_machine import PortScanner, gauges
from agentdash.local.host_records import AGENT_NAME, HostOptions, add_agent, add_workspace
from agentdash.local.host_scripts import ScriptRoom, ScriptRunner
from agentdash.local.processes import child_environment, login_shell
from agentdash.local.pty_process import Program, PtyProcess, shell_argv
from agentdash.local.pty_screen import ScreenTerminal, screen_command
from agentdash.local.records import Agent, Build, Containers, Providers
from agentdash.local.runtime import Runtime, ShellRequest

BOX_ICON = "/emojis/1f4e6.png"
STEP_S = 0.15
STOP_LIMIT_S = 3.0


@asynccontextmanager
async def live_host(runtime: Runtime, options: HostOptions | None = None) -> AsyncIterator[Host]:
    """Add this machine to a served deployment and start it; on the way out everything it started is ended."""
    directory = Path(tempfile.mkdtemp(prefix="agentdash-"))
    host = Host(runtime, directory, options or HostOptions())
    try:
        host.start()
        yield host
    finally:
        await host.close()
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)


class Host:
    """The workspace of this machine; plays its own builds."""

    def __init__(self, runtime: Runtime, directory: Path, options: HostOptions) -> None:
        self._runtime = runtime
        self._deployment = runtime.deployment
        self._options = options
        self._directory = directory
        self._folder = options.folder or Path.cwd()
        self._shell, self._user, self._home = login_shell()
        self._shell = options.shell or self._shell
        self._engine = Engine(options.container_command)
        self._ports = PortScanner()
        self._life: HostAgent | None = None
        self._devcontainers: Devcontainers | None = None
        self._scanned = Containers()
        self._tasks: set[asyncio.Task[None]] = set()
        self._playing = asyncio.Lock()
        self.workspace = add_workspace(runtime.deployment, runtime.viewer)

    @property
    def agent(self) -> Agent | None:
        """The agent of the current life, None while stopped or before the first build is done."""
        return self._life.agent if self._life is not None else None

    def start(self) -> None:
        """Begin the first build; returns at once."""
        self._runtime.shells[self.workspace.id] = self._open_shell
        self.workspace.player = self._play
        build = queueing.queue_build(self._deployment, self.workspace, "start", self._runtime.viewer.id)
        # It does not wait in the fleet's queue: whoever starts the program wants to see this machine.
        build.job.started_at = self._deployment.now()
        if self._deployment.daemons:
            build.job.worker_id = self._deployment.daemons[0].id
        self._play(build)

    async def close(self) -> None:
        """End the agent as a stop does, stop scripts included, and what is left after 3 s by force."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(STOP_LIMIT_S):
                await self._end_life()
        except TimeoutError:
            if self._life is not None:
                await self._life.kill()

    # builds

    def _play(self, build: Build) -> None:
        self._spawn(self._build(build), f"host build {build.number}")

    async def _build(self, build: Build) -> None:
        async with self._playing:
            self._say(build, "Setting up", "", by_daemon=True)
            await self._deployment.clock.sleep(STEP_S)
            if build.transition == "start":
                await self._end_life()
                await self._begin_life(build)
            else:
                self._say(build, "Stopping workspace", "", by_daemon=True)
                await self._end_life()
                self._say(build, "Stopping workspace", "this_machine.main: the agent has stopped")
                self._say(build, "Cleaning Up", "", by_daemon=True)
                queueing.finish_job(self._deployment, build, error=_cancel_error(build))

    async def _begin_life(self, build: Build) -> None:
        stage = "Starting workspace"
        self._say(build, stage, "", by_daemon=True)
        self._say(build, stage, "this_machine.main: Creating...")
        await self._deployment.clock.sleep(STEP_S)
        error = _cancel_error(build)
        if error:
            queueing.finish_job(self._deployment, build, error=error)
            return
        agent = add_agent(
            self._deployment,
            build,
            options=self._options,
            folder=self._folder,
            port=self._runtime.port,
            providers=Providers(self._ports, self._read_containers, self._recreate, self._delete),
        )
        self._say(build, stage, "this_machine.main: Creation complete after 0s")
        self._say(build, "Cleaning Up", "", by_daemon=True)
        queueing.finish_job(self._deployment, build)
        room = ScriptRoom(self._shell, self._directory, self._environment(), self._options.pipes_open_s)
        runner = ScriptRunner(room, self._deployment.clock)
        self._life = HostAgent(self._deployment, agent, runner, gauges(str(self._folder)))
        self._watch_containers(self._life)
        self._life.start()

    async def _end_life(self) -> None:
        life = self._life
        if life is None:
            return
        await self._runtime.sessions.end_agent(life.agent.id)
        await life.stop()
        self._life = None

    def _say(self, build: Build, stage: str, text: str, *, by_daemon: bool = False) -> None:
        source = "provisioner_daemon" if by_daemon else "provisioner"
        self._deployment.append_build_log(build, stage, text, source=source)

    def _spawn(self, work: Coroutine[object, object, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # the shell

    def _environment(self) -> dict[str, str]:
        environment = child_environment(
            os.environ,
            USER=self._user,
            LOGNAME=self._user,
            SHELL=self._shell,
            HOME=self._home,
            CODER="true",
            CODER_WORKSPACE_NAME=self.workspace.name,
            CODER_WORKSPACE_ID=self.workspace.id,
            CODER_WORKSPACE_AGENT_NAME=AGENT_NAME,
            CODER_WORKSPACE_OWNER_NAME=self._runtime.viewer.username,
            TERM="xterm-256color",
        )
        environment.pop("COLUMNS", None)
        environment.pop("LINES", None)
        locale = environment.get("LC_ALL") or environment.get("LC_CTYPE") or environment.get("LANG") or ""
        if "UTF-8" not in locale.upper().replace("UTF8", "UTF-8") and not environment.get("LC_ALL"):
            environment["LC_CTYPE"] = "C.UTF-8"
        return environment

    async def _open_shell(self, request: ShellRequest) -> PtyProcess | ScreenTerminal:
        argv = shell_argv(self._shell, request.command)
        if request.container:
            container = await self._engine.find(request.container)
            user = ("--user", request.container_user) if request.container_user else ()
            inner = ["sh", "-c", request.command] if request.command else ["sh", "-l"]
            argv = [self._engine.command, "exec", "--interactive", "--tty", *user]
            argv += ["--env", "TERM=xterm-256color", container, *inner]
        directory = self._folder if self._folder.is_dir() else Path(self._home)
        program = Program(argv, self._environment(), str(directory))
        if request.backend == "screen" and (screen := screen_command()) is not None:
            return ScreenTerminal(program, screen)
        return await PtyProcess.start(program, request.rows, request.columns)

    # containers

    def _watch_containers(self, life: HostAgent) -> None:
        def tell(name: str, level: str, text: str) -> None:
            source = self._deployment.add_log_source(life.agent, f"Dev Container ({name})", BOX_ICON)
            life.logs.add(source.id, level, text)

        self._devcontainers = Devcontainers(
            self._folder,
            self._engine,
            new_id=self._deployment.new_id,
            changed=lambda: self._publish_containers(life.agent),
            on_line=tell,
            environment=self._environment(),
        )
        life.agent.containers.devcontainers = self._devcontainers.items
        life.spawn(self._scan(life.agent), "host containers")

    async def _scan(self, agent: Agent) -> None:
        while True:
            self._scanned = await self._engine.scan()
            self._publish_containers(agent)
            await self._deployment.clock.sleep(SCAN_S)

    def _publish_containers(self, agent: Agent) -> None:
        if self._devcontainers is not None:
            agent.containers = self._devcontainers.merge(self._scanned)
            agent.containers.devcontainers = self._devcontainers.items
        self._deployment.bus.publish(topics.containers_topic(agent.id))

    async def _read_containers(self) -> Containers:
        scanned = await self._engine.scan()
        return self._devcontainers.merge(scanned) if self._devcontainers is not None else scanned

    async def _recreate(self, devcontainer_id: str) -> None:
        assert self._devcontainers is not None
        self._spawn(self._devcontainers.recreate(devcontainer_id), "host devcontainer")
        await asyncio.sleep(0)

    async def _delete(self, devcontainer_id: str) -> None:
        assert self._devcontainers is not None
        try:
            await self._devcontainers.delete(devcontainer_id)
        except CommandError as error:
            raise ApiError(500, "An error occurred stopping the container", str(error)) from None


def _cancel_error(build: Build) -> str:
    return "canceled" if build.job.canceled_at is not None else ""
