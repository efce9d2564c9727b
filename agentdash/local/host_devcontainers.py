"""Devcontainers of the working folder, if the `devcontainer` command is there (contract: agents.md §5.2, §5.5)."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from agentdash.local.host_containers import CommandError, Engine, run_command
from agentdash.local.processes import end_session
from agentdash.local.records import Container, Containers, Devcontainer

COMMAND = "devcontainer"
UP_TIMEOUT_S = 1800.0
FOLDER_LABEL = "devcontainer.local_folder"
_LONGEST_LINE = 1 << 20
_CONFIGS = (".devcontainer/devcontainer.json", ".devcontainer.json")

OnLine = Callable[[str, str, str], None]
"""Called with (devcontainer name, level, text) for the output of the command."""


class Devcontainers:
    """The devcontainers of one folder and its direct children, merged into what the engine tells."""

    def __init__(
        self,
        folder: Path,
        engine: Engine,
        *,
        new_id: Callable[[], str],
        changed: Callable[[], None],
        on_line: OnLine,
        environment: Mapping[str, str],
    ) -> None:
        self._engine = engine
        self._changed = changed
        self._on_line = on_line
        self._environment = dict(environment)
        self._items: dict[str, Devcontainer] = {}
        self._command = shutil.which(COMMAND)
        if self._command is not None:
            for root in (folder, *_folders(folder)):
                config = next((root / name for name in _CONFIGS if (root / name).is_file()), None)
                if config is not None:
                    item = Devcontainer(new_id(), root.name, str(root), str(config))
                    self._items[item.id] = item

    @property
    def items(self) -> list[Devcontainer]:
        """All of them, as last seen."""
        return list(self._items.values())

    def merge(self, scanned: Containers) -> Containers:
        """Put the devcontainers into the engine's answer, each with its container."""
        if scanned.failure is not None:
            return scanned
        by_folder = {(row.labels or {}).get(FOLDER_LABEL, ""): row for row in scanned.containers}
        for item in self._items.values():
            self._settle(item, by_folder.get(item.workspace_folder))
        scanned.devcontainers = self.items
        return scanned

    async def recreate(self, devcontainer_id: str) -> None:
        """Build the devcontainer anew; returns when the command has ended. Errors become its `error`."""
        item = self._items[devcontainer_id]
        item.status, item.error, item.container = "starting", "", None
        self._changed()
        try:
            await self._up(item)
        except CommandError as error:
            item.status, item.error = "error", str(error)
        else:
            item.status = "stopped"
        self._changed()

    async def delete(self, devcontainer_id: str) -> None:
        """Stop and remove the container, and forget the entry."""
        item = self._items[devcontainer_id]
        for status, words in (("stopping", ("stop",)), ("deleting", ("rm", "--force"))):
            item.status = status
            self._changed()
            if item.container is not None:
                try:
                    await run_command(self._engine.command, *words, item.container.id)
                except CommandError as error:
                    item.status, item.error = "error", str(error)
                    self._changed()
                    raise
        del self._items[devcontainer_id]
        self._changed()

    def _settle(self, item: Devcontainer, container: Container | None) -> None:
        if item.status in {"starting", "stopping", "deleting", "error"}:
            return
        item.container = container if container is not None and container.running else None
        item.status = "running" if item.container is not None else "stopped"

    async def _up(self, item: Devcontainer) -> None:
        assert self._command is not None
        process = await asyncio.create_subprocess_exec(
            self._command,
            *("up", "--workspace-folder", item.workspace_folder, "--remove-existing-container"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
            limit=_LONGEST_LINE,
            start_new_session=True,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            async with asyncio.timeout(UP_TIMEOUT_S):
                # The command writes its progress to stderr, hence as errors (contract: agents.md §3.2).
                await asyncio.gather(
                    self._tell(item, "info", process.stdout),
                    self._tell(item, "error", process.stderr),
                    process.wait(),
                )
        except TimeoutError:
            raise CommandError("context deadline exceeded") from None
        finally:
            if process.returncode is None:
                await asyncio.shield(end_session(process.pid))
                await process.wait()
        if process.returncode:
            raise CommandError(f"exit status {process.returncode}")

    async def _tell(self, item: Devcontainer, level: str, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            self._on_line(item.name, level, line.decode(errors="replace").rstrip("\r\n"))


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.is_symlink())
    except OSError:
        return []
