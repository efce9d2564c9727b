"""Addresses of workspaces, ports and apps; what is opened and what is only copied."""

from __future__ import annotations

from typing import Any

import pytest

from agentdash.state.model import Server
from agentdash.ui.urls import app_url, open_url, port_forward, port_url, workspace_url
from tests.unit.model_factory import make_agent, make_app, make_workspace

AGENT = make_agent()
HERE = make_workspace(AGENT)
PLAIN = Server(url="https://coder.example.com")
WILD = Server(url="https://coder.example.com", wildcard_host="*.apps.example.com")


class Browser:
    def __init__(self) -> None:
        self.opened: list[str] = []

    def open_url(self, url: str) -> None:
        self.opened.append(url)


def test_the_workspaces_page_is_on_the_dashboards_address() -> None:
    assert workspace_url(PLAIN, HERE) == "https://coder.example.com/@ada/go-7f3a"
    elsewhere = Server(url="http://10.0.0.1:3000", dashboard_url="https://coder.example.com/")
    assert workspace_url(elsewhere, HERE) == "https://coder.example.com/@ada/go-7f3a"


def test_a_port_needs_a_wildcard_host_and_a_name_that_fits() -> None:
    assert port_url(WILD, HERE, AGENT, 8080) == "https://8080--main--go-7f3a--ada.apps.example.com/"
    assert port_url(PLAIN, HERE, AGENT, 8080) == ""
    assert port_url(WILD, make_workspace(AGENT, name="x" * 60), AGENT, 8080) == ""


def test_the_command_that_brings_a_port_here_is_quoted() -> None:
    assert port_forward(HERE, AGENT, 8080) == "coder port-forward ada/go-7f3a.main --tcp 8080:8080"
    assert "'ada/x; rm.main'" in port_forward(make_workspace(AGENT, name="x; rm"), AGENT, 1)


@pytest.mark.parametrize(
    ("app", "url"),
    [
        ({"url": "https://docs.example.com", "external": True}, "https://docs.example.com"),
        ({"url": "vscode://x?token=$SESSION_TOKEN", "external": True}, "vscode://x?token=$SESSION_TOKEN"),
        ({"command": "htop"}, "https://coder.example.com/@ada/go-7f3a.main/terminal?app=web"),
        (
            {"subdomain": True, "subdomain_name": "web--main--go-7f3a--ada"},
            "https://web--main--go-7f3a--ada.apps.example.com/",
        ),
        ({"subdomain": True}, "https://coder.example.com/@ada/go-7f3a.main/apps/web/"),
        ({}, "https://coder.example.com/@ada/go-7f3a.main/apps/web/"),
    ],
)
def test_app_addresses(app: dict[str, Any], url: str) -> None:
    assert app_url(WILD, HERE, AGENT, make_app(**app)) == url


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "file:///etc/passwd", "vscode://x", "ssh://host", "", "//x"]
)
def test_only_pages_are_opened(url: str) -> None:
    browser = Browser()
    said = open_url(browser, url)  # type: ignore[arg-type]
    assert browser.opened == []
    assert said == (
        f"this address is for another program; copy it instead: {url}" if url else "there is no address"
    )


def test_a_page_is_opened() -> None:
    browser = Browser()
    assert open_url(browser, "https://x/") == "asked the browser to open https://x/"  # type: ignore[arg-type]
    assert browser.opened == ["https://x/"]
