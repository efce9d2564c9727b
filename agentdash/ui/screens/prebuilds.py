"""Prebuilds: why nobody can claim one. A row a preset, its instances with their starts, and one start in full."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import events, on
from textual.widget import Widget

from agentdash.api.since import came_with
from agentdash.api.version import ServerVersion
from agentdash.present.cells import Cell, Tone
from agentdash.present.finding_filter import query_of_finding
from agentdash.present.findings import severity_kind, severity_tone
from agentdash.present.pools import (
    INSTANCE_HEADS,
    POOL_HEADS,
    Instance,
    PoolView,
    instance_cells,
    instances,
    pool_cells,
    pool_title,
)
from agentdash.present.tables import Head
from agentdash.present.waterfall import regression, step_lines, total_words
from agentdash.state.freshness import Freshness
from agentdash.state.state import Changes
from agentdash.triage.finding import Finding, Severity
from agentdash.ui.context import Context
from agentdash.ui.explain import explain_sections
from agentdash.ui.screens.base import BaseScreen
from agentdash.ui.widgets.columns import Column
from agentdash.ui.widgets.facts import Fact, Facts
from agentdash.ui.widgets.grid import Grid, GridRow
from agentdash.ui.widgets.help import Help
from agentdash.ui.widgets.statusbar import StatusLine

WAITING = "Prebuild pools would be here: the fleet is being read for the first time."
SINCE = (2, 22)
NONE = "Prebuild pools would be here: no preset of any template wants prebuilt workspaces."
UNSEEN = "Prebuild pools would be here: this account may not see prebuilds."
NO_INSTANCES = "Instances would be here: this pool has none."


class PrebuildsScreen(BaseScreen):
    """The pools."""

    SCOPE: ClassVar[str] = "prebuilds"
    VIEW: ClassVar[str] = "prebuilds"
    AUTO_FOCUS = "#pools-grid"
    CSS_PATH = "prebuilds.tcss"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._pools: dict[str, PoolView] = {}
        self._instances: dict[str, Instance] = {}
        self._axis_s = 0.0

    def compose_content(self) -> Iterable[Widget]:
        """Pools, the instances of the selected one, the start of the selected instance."""
        signs = self.context.signs
        yield StatusLine(id="pools-line", signs=signs)
        yield Grid(id="pools-grid", empty=WAITING, signs=signs)
        yield StatusLine(id="instances-title", signs=signs)
        yield Grid(id="instances-grid", empty=NO_INSTANCES, keeps_cursor=True, signs=signs)
        yield StatusLine(id="start-title", signs=signs)
        yield Facts(id="start-facts", signs=signs)

    @property
    def pools_grid(self) -> Grid:
        """The presets."""
        return self.query_one("#pools-grid", Grid)

    @property
    def instances_grid(self) -> Grid:
        """The instances of the selected preset."""
        return self.query_one("#instances-grid", Grid)

    def on_mount(self) -> None:
        """Set the columns."""
        self.pools_grid.set_columns(map(_column, POOL_HEADS))
        self.instances_grid.set_columns(map(_column, INSTANCE_HEADS))
        super().on_mount()

    def on_resize(self, event: events.Resize) -> None:
        """On a low screen the start in full gives way."""
        self.set_class(event.size.height < 20, "-low")
        self.call_after_refresh(self._refresh_start)

    # Rows

    def refresh_content(self, changes: Changes, touched: set[str]) -> None:
        """Pools change with the diagnosis; only ages change by themselves."""
        del touched
        if not changes:
            self._show_rows()

    def _show_rows(self) -> None:
        judge = self.context.judge
        view = None if judge is None else judge.view
        if view is None:
            return
        self._pools = {pool.key: pool for pool in view.pools}
        grid = self.pools_grid
        # Without rows a sentence stands there, of two lines on a narrow screen.
        least = 2 if self._pools else 4
        grid.styles.height = max(least, min(len(self._pools) + 1, self.size.height // 3))
        grid.set_empty(self._empty_words())
        self.set_class(not self._pools, "-empty")
        grid.set_rows(list(self._pools), self._pool_row)
        grid.update_rows(grid.visible_keys)
        self._refresh_line()
        self._show_instances()

    def _empty_words(self) -> str:
        state = self.context.state
        if state.fleet.value is None:
            return WAITING
        judge = self.context.judge
        if judge is not None and judge.view is not None and judge.view.facts.sees_prebuilds() is False:
            return UNSEEN
        settings = state.deployment.prebuilds
        is_missing = settings.problem is not None and settings.problem.kind == "RouteNotFound"
        if is_missing and not ServerVersion.parse(state.server.version).is_at_least(*SINCE):
            why = came_with("prebuilt workspaces", SINCE, state.server.version, is_sure=False)
            return f"Prebuild pools would be here: {why}"
        return NONE

    def _pool_row(self, key: str) -> GridRow:
        pool = self._pools.get(key)
        if pool is None:
            return GridRow(key, (Cell(""),) * len(POOL_HEADS))
        return GridRow(key, pool_cells(pool, self.context.now(), self.context.glyphs))

    def _refresh_line(self) -> None:
        settings = self.context.state.deployment.prebuilds
        pools = list(self._pools.values())
        short = sum(bool(p.pool.desired) and not p.pool.claimable for p in pools if p.pool.is_active)
        left = [Cell(f"{len(pools)} pool{'s' * (len(pools) != 1)}", Tone.DIM)]
        if short:
            left.append(Cell(f"{short} with nothing to claim", Tone.BROKEN))
        right = []
        if settings.value is not None:
            paused = settings.value.reconciliation_paused
            right.append(
                Cell("reconciliation PAUSED", Tone.WARN) if paused else Cell("reconciliation runs", Tone.DIM)
            )
        elif settings.freshness is Freshness.REFUSED:
            right.append(Cell("pause state unknown", Tone.DIM))
        self.query_one("#pools-line", StatusLine).show(left, right)

    # The selected pool

    @property
    def pool(self) -> PoolView | None:
        """The preset under the cursor."""
        return self._pools.get(self.pools_grid.cursor_key or "")

    def _show_instances(self) -> None:
        judge, pool = self.context.judge, self.pool
        view = None if judge is None else judge.view
        title = self.query_one("#instances-title", StatusLine)
        if view is None or pool is None:
            self._instances = {}
            title.show([])
        else:
            found = instances(view.facts, pool, self.context.now())
            self._instances = {instance.workspace.id: instance for instance in found}
            self._axis_s = max((i.fall.total_s for i in found), default=0.0)
            title.show([pool_title(pool, self.context.glyphs)])
        self.instances_grid.set_rows(list(self._instances), self._instance_row)
        self.instances_grid.update_rows(self.instances_grid.visible_keys)
        self._refresh_start()
        self._tell_visible()

    def _instance_row(self, key: str) -> GridRow:
        instance = self._instances.get(key)
        if instance is None:
            return GridRow(key, (Cell(""),) * len(INSTANCE_HEADS))
        context = self.context
        room = next((p.width for p in self.instances_grid.placed if p.column.id == "bars"), 0)
        cells = instance_cells(instance, context.now(), context.glyphs, axis_s=self._axis_s, room=room)
        return GridRow(key, cells)

    def _tell_visible(self) -> None:
        if self.context.feed is not None and self._instances:
            self.context.feed.set_visible(set(self.instances_grid.visible_keys))

    @on(Grid.RowHighlighted, "#pools-grid")
    def other_pool(self, message: Grid.RowHighlighted) -> None:
        """Another preset is under the cursor."""
        message.stop()
        self._show_instances()

    @on(Grid.RowHighlighted, "#instances-grid")
    def other_instance(self, message: Grid.RowHighlighted) -> None:
        """Another instance is under the cursor."""
        message.stop()
        self._refresh_start()
        self._tell_visible()

    # The selected instance

    @property
    def instance(self) -> Instance | None:
        """The instance under the cursor."""
        return self._instances.get(self.instances_grid.cursor_key or "")

    def _finding(self) -> Finding | None:
        """What is wrong with the selected instance, else with the pool."""
        pool, instance = self.pool, self.instance
        if pool is None:
            return None
        own = None if instance is None else instance.workspace.id
        mine = [f for f in pool.findings if f.subject.workspace_id == own]
        return next(iter((*mine, *pool.findings)), None)

    def _refresh_start(self) -> None:
        instance, glyphs = self.instance, self.context.glyphs
        title, facts = self.query_one("#start-title", StatusLine), self.query_one("#start-facts", Facts)
        finding = self._finding()
        if instance is None:
            title.show([])
            facts.set_facts(
                [] if finding is None else _advice(finding, glyphs.of(severity_kind(finding.severity)))
            )
            return
        title.show(
            [Cell(f"start of {instance.workspace.name}", Tone.PLAIN), glyphs.cell(total_words(instance.fall))]
        )
        width = max(30, self.size.width - 3)
        lines = list(step_lines(instance.fall, width, glyphs))
        words = regression(instance.fall, instance.workspace.template_name or "this template")
        said = [Fact("slow", "", glyphs.cell(words), is_wide=True)] if words.text else []
        if finding is not None and finding.severity >= Severity.DEGRADED:
            said = [*_advice(finding, glyphs.of(severity_kind(finding.severity))), *said]
        facts.set_facts(
            [*said, *(Fact(f"step{at}", "", line, is_wide=True) for at, line in enumerate(lines))]
        )

    # Actions

    @on(Grid.RowOpened, "#pools-grid")
    def into_pool(self, message: Grid.RowOpened) -> None:
        """Enter on a preset goes to its instances."""
        message.stop()
        self.instances_grid.focus()

    @on(Grid.RowOpened, "#instances-grid")
    def into_instance(self, message: Grid.RowOpened) -> None:
        """Enter on an instance opens it."""
        message.stop()
        self.do_open()

    def target_keys(self) -> list[str]:
        """The selected instance; a preset is no workspace, and never means all of its instances."""
        instance = self.instance
        if instance is None or self.focused is not self.instances_grid:
            return []
        return [instance.key]

    def do_open(self) -> None:
        """enter"""
        instance = self.instance
        if self.focused is not self.instances_grid:
            self.instances_grid.focus()
        elif instance is not None:
            self.dash.open_row(instance.key)

    def do_logs(self) -> None:
        """l: of what fails."""
        instance, finding = self.instance, self._finding()
        if instance is None:
            return
        if instance.agent is None or (finding is not None and finding.cause[:1] == "B"):
            self.dash.open_build_log(instance.key)
            return
        suspect = finding.suspect if finding is not None else ""
        self.dash.open_row(instance.key, f"logs:{suspect}" if suspect else "logs")

    def do_build_log(self) -> None:
        """b"""
        if self.instance is not None:
            self.dash.open_build_log(self.instance.key)

    def do_shell(self) -> None:
        """s"""
        if self.instance is not None:
            self.dash.open_row(self.instance.key, "shell")

    def do_copy_command(self) -> None:
        """y: what the next step says, else the command that enters the instance."""
        finding = self._finding()
        command = next((s.command for s in finding.next if s.command), "") if finding is not None else ""
        if command:
            self.copy_text(command, "command")
        else:
            super().do_copy_command()

    def do_explain(self) -> None:
        """e"""
        finding = self._finding()
        if finding is None:
            self.say("nothing is wrong here" if self._pools else "there is no pool here to explain")
            return
        rules = [finding.rule, finding.cause or finding.rule]
        self.app.push_screen(Help(explain_sections(rules), title="Catalogue", signs=self.context.signs))

    def do_show_in_fleet(self) -> None:
        """i: the instance, or all prebuilds of the template."""
        pool, instance = self.pool, self.instance
        if pool is None:
            return
        if instance is not None and self.focused is self.instances_grid:
            self.dash.show_fleet(f"name:={instance.workspace.name} is:prebuild")
        elif pool.findings and pool.findings[0].subject.kind == "preset":
            self.dash.show_fleet(query_of_finding(pool.findings[0]))
        else:
            self.dash.show_fleet(f"template:={pool.pool.template_name} is:prebuild")

    def do_pane_next(self) -> None:
        """tab: pools, instances, start."""
        self._step_focus(1)

    def do_pane_previous(self) -> None:
        """shift+tab"""
        self._step_focus(-1)

    def _step_focus(self, by: int) -> None:
        places: list[Widget] = [self.pools_grid, self.instances_grid]
        facts = self.query_one("#start-facts", Facts)
        if facts.display and facts.region:
            places.append(facts)
        at = places.index(self.focused) if self.focused in places else 0
        places[(at + by) % len(places)].focus()

    def do_back(self) -> None:
        """esc: to the presets, then to the fleet."""
        if self.focused is not self.pools_grid:
            self.pools_grid.focus()
        else:
            self.dash.show_view("fleet")

    def restore_focus(self) -> None:
        """To the presets."""
        self.pools_grid.focus()


def _advice(finding: Finding, sign: str) -> Sequence[Fact]:
    """The finding in a line, and its next step."""
    facts = [
        Fact(
            "finding",
            "",
            Cell(f"{sign} {finding.rule} {finding.title}", severity_tone(finding.severity)),
            is_wide=True,
        )
    ]
    step = finding.next[0] if finding.next else None
    if step is not None:
        words = f"  next: {step.text}" + (f"   {step.command}" if step.command else "")
        facts.append(Fact("next", "", Cell(words), is_wide=True))
    return facts


def _column(head: Head) -> Column:
    return Column(
        head.id, head.title, head.width, head.min_width, head.flex, head.align, head.priority, head.cut
    )
