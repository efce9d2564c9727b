"""The dashboard as it is, with an ear inside: what changes in its rows and what it asks is told on a descriptor.

One JSON object a line: `{"id": workspace, "name": …, "text": verdict, "since": …, "at": …}`, times in seconds of the epoch,
or `{"path": …, "size": bytes}`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agentdash.api import client as api_client
from agentdash.api.exchange import Exchange
from agentdash.cli.arguments import parse
from agentdash.cli.collector import imports_kept
from agentdash.cli.connect import load_settings
from agentdash.cli.dashboard import make_context, session_opener
from agentdash.cli.main import Call
from agentdash.state.model import Agent, Workspace
from agentdash.state.state import Changes
from agentdash.ui.app import AgentDash


def _listen_to_rows(app: AgentDash, report: Callable[[Mapping[str, Any]], None]) -> None:
    tell = app.tell

    def both(changes: Changes) -> None:
        tell(changes)
        rows = app.context.fleet
        for workspace_id in changes.workspaces:
            for key in rows.rows_of_workspace(workspace_id):
                row, judged = rows.row(key), rows.verdict(key)
                if row is not None and judged is not None:
                    report(
                        {
                            "id": workspace_id,
                            "name": row.workspace.name,
                            "text": judged.text,
                            "since": _happened(row.workspace, row.agent),
                            "at": time.time(),
                        }
                    )

    app.tell = both  # type: ignore[method-assign]


def _happened(workspace: Workspace, agent: Agent | None) -> float:
    """When the last thing happened to it, by the server: the same clock as ours, on one machine."""
    moments = [workspace.build.job.completed_at, workspace.build.created_at]
    if agent is not None:
        moments += [agent.disconnected_at, agent.ready_at]
    return max((moment.timestamp() for moment in moments if moment is not None), default=0.0)


def run(report_fd: int, arguments: Sequence[str]) -> None:
    """Show the dashboard with these arguments."""
    # A pipe that is full must not hold up what is measured; the reader reads all the time.
    pipe = os.fdopen(report_fd, "w", buffering=1)

    def report(what: Mapping[str, Any]) -> None:
        pipe.write(json.dumps(what) + "\n")

    options = parse(arguments)
    loaded = load_settings(Call(options, os.environ, Path(os.environ["HOME"]), sys.platform))
    with imports_kept():
        context = make_context(loaded.settings)
    _listen_to_requests(report)
    app = AgentDash(context, session_opener(loaded.settings, dict(os.environ)))
    _listen_to_rows(app, report)
    app.run()


def _listen_to_requests(report: Callable[[Mapping[str, Any]], None]) -> None:
    made = api_client.Client.__init__

    def init(self: api_client.Client, *args: Any, observe: Any = None, **options: Any) -> None:
        def both(exchange: Exchange) -> None:
            report({"path": exchange.path, "size": exchange.size})
            if observe is not None:
                observe(exchange)

        made(self, *args, observe=both, **options)

    api_client.Client.__init__ = init  # type: ignore[method-assign]
