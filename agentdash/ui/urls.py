"""Addresses of apps and ports in the browser, and the commands that stand in for them (contract: fleet.md §11)."""

from __future__ import annotations

import shlex
from urllib.parse import urlsplit

from textual.app import App

from agentdash.state.model import Agent, Server, Workspace
from agentdash.state.model import App as AgentApp

DNS_LABEL = 63


def dashboard(server: Server) -> str:
    """Base of the web dashboard."""
    return (server.dashboard_url or server.url).rstrip("/")


def workspace_url(server: Server, workspace: Workspace) -> str:
    """The workspace's page."""
    return f"{dashboard(server)}/@{workspace.owner_name}/{workspace.name}"


def port_url(server: Server, workspace: Workspace, agent: Agent, port: int) -> str:
    """Address of a port; empty when the deployment has no wildcard host or the name is too long for one."""
    label = f"{port}--{agent.name}--{workspace.name}--{workspace.owner_name}"
    return _wildcard(server, label)


def port_forward(workspace: Workspace, agent: Agent, port: int) -> str:
    """The command that brings a port here."""
    return shlex.join(
        ["coder", "port-forward", f"{workspace.full_name}.{agent.name}", "--tcp", f"{port}:{port}"]
    )


def app_url(server: Server, workspace: Workspace, agent: Agent, app: AgentApp) -> str:
    """Address of an app."""
    if app.external:
        # `$SESSION_TOKEN` in it stays as it is: no token is put into an address.
        return app.url
    base = f"{dashboard(server)}/@{workspace.owner_name}/{workspace.name}.{agent.name}"
    if app.command:
        return f"{base}/terminal?app={app.slug}"
    if app.subdomain and app.subdomain_name and (found := _wildcard(server, app.subdomain_name)):
        return found
    return f"{base}/apps/{app.slug}/"


def _wildcard(server: Server, label: str) -> str:
    if not server.wildcard_host or len(label) > DNS_LABEL:
        return ""
    scheme = urlsplit(server.url).scheme or "https"
    return f"{scheme}://{server.wildcard_host.replace('*', label, 1)}/"


def open_url(app: App[object], url: str) -> str:
    """Open an address in the browser where there is one; says what came of it."""
    scheme = urlsplit(url).scheme
    if scheme not in ("http", "https"):
        return (
            f"this address is for another program; copy it instead: {url}" if url else "there is no address"
        )
    app.open_url(url)
    return f"asked the browser to open {url}"
