"""Everything that describes one agent, under one name: each pane's words live in a module of the pane's name."""

from __future__ import annotations

from agentdash.present.agent_title import TwoSided, agent_title, row_freshness, server_state, top_line
from agentdash.present.apps import app_lines, apps_state
from agentdash.present.devcontainers import container_lines, containers_state
from agentdash.present.empty import empty_fleet, empty_place
from agentdash.present.evidence import Evidence, change_words, evidence
from agentdash.present.health import health_facts, warnings
from agentdash.present.links import RelayRow, link_sentence, relay_rows
from agentdash.present.metadata import metadata_lines, metadata_state, spark_cell
from agentdash.present.network import network_facts, node_facts, relay_table
from agentdash.present.nextstep import NextStep, enter_command, locator, next_step
from agentdash.present.panes import NAMES, pane_heads
from agentdash.present.ports import new_ports, port_lines
from agentdash.present.scripts import script_lines, scripts_state
from agentdash.present.tables import Head, LabelledFact, Line, PaneHead
from agentdash.present.timeline import Bar, Timeline, bar_lines, startup

__all__ = [
    "NAMES",
    "Bar",
    "Evidence",
    "Head",
    "LabelledFact",
    "Line",
    "NextStep",
    "PaneHead",
    "RelayRow",
    "Timeline",
    "TwoSided",
    "agent_title",
    "app_lines",
    "apps_state",
    "bar_lines",
    "change_words",
    "container_lines",
    "containers_state",
    "empty_fleet",
    "empty_place",
    "enter_command",
    "evidence",
    "health_facts",
    "link_sentence",
    "locator",
    "metadata_lines",
    "metadata_state",
    "network_facts",
    "new_ports",
    "next_step",
    "node_facts",
    "pane_heads",
    "port_lines",
    "relay_rows",
    "relay_table",
    "row_freshness",
    "script_lines",
    "scripts_state",
    "server_state",
    "spark_cell",
    "startup",
    "top_line",
    "warnings",
]
