"""Whatever a server sends, every word of the screens can be made, on one line."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentdash.present import describe
from agentdash.present.cells import Cell
from agentdash.present.columns import COLUMNS, columns_of, haystack, row_cells
from agentdash.present.export import agent_json, fleet_json
from agentdash.present.glyphs import ASCII, UNICODE
from agentdash.state import events as ev
from agentdash.state.model import Transition, Workspace
from agentdash.state.store import Store
from agentdash.state.views import rows_of
from agentdash.triage.verdict import verdict
from tests.unit.any_model import HISTORY, WORKSPACES
from tests.unit.model_factory import NOW

RELAXED = settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow], deadline=None)


def check(cells: object) -> None:
    """Every cell is one line, its spans lie within it."""
    for cell in cells if isinstance(cells, (list, tuple)) else [cells]:
        if not isinstance(cell, Cell):
            check(cell)
            continue
        assert "\n" not in cell.text
        assert all(0 <= span.start <= span.end <= len(cell.text) for span in cell.spans), cell


@RELAXED
@given(WORKSPACES, HISTORY, st.sampled_from([UNICODE, ASCII]))
def test_any_row_of_the_fleet_can_be_drawn(
    workspace: Workspace, history: list[Transition], glyphs: object
) -> None:
    assert glyphs in (UNICODE, ASCII)
    signs = ASCII if glyphs is ASCII else UNICODE
    store = Store()
    store.apply([ev.WorkspacesRead((workspace,), NOW, "page")])
    for row in rows_of(workspace):
        judged = verdict(workspace, row.agent, NOW, history)
        cells = row_cells(row, columns_of(COLUMNS), judged, NOW, signs)
        check(cells)
        assert all(cell.text for cell in cells)
        told = describe.evidence(store.state, row, judged, NOW, glyphs=signs)
        check([told.title, *told.facts, told.next])
        assert haystack(row, judged, NOW) == haystack(row, judged, NOW).lower()
        for column in COLUMNS.values():
            if column.sort_key is not None:
                column.sort_key(workspace, row.agent)
    json.dumps(fleet_json(store.state, NOW), allow_nan=False)


@RELAXED
@given(WORKSPACES, HISTORY)
def test_any_agent_can_be_described(workspace: Workspace, history: list[Transition]) -> None:
    store = Store()
    store.apply([ev.WorkspacesRead((workspace,), NOW, "page")])
    for row in rows_of(workspace):
        agent = row.agent
        if agent is None:
            continue
        judged = verdict(workspace, agent, NOW, history)
        store.apply([ev.AgentOpened(agent.id), ev.MetadataRead(agent.id, agent.metadata, NOW)])
        facts = describe.health_facts(workspace, agent, judged, NOW, history=history)
        check([cell for fact in facts for cell in (fact.value, fact.extra)])
        lines = [
            *describe.script_lines(agent, None, NOW, history=history),
            *describe.app_lines(agent, NOW),
            *describe.metadata_lines(agent.metadata, store.state.details[agent.id].readings),
        ]
        check([list(line.cells) for line in lines])
        rows = describe.relay_rows(agent, None)
        check([describe.link_sentence(rows, is_connected=agent.is_connected, is_measuring=False)])
        check(list(describe.relay_table(rows, 40)))
        heads = describe.pane_heads(store.state, row, judged, NOW)
        check([cell for head in heads for cell in (head.state, head.freshness)])
        title = describe.agent_title(store.state, row, judged, NOW)
        check([*title.left, *title.right])
        timeline = describe.startup(workspace.build, agent, None, NOW, history)
        check([list(line) for line in describe.bar_lines(timeline, 40)])
        json.dumps(agent_json(store.state, workspace, agent, NOW), allow_nan=False)
