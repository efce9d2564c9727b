"""Triage: what needs a person, by common cause, worst first; evidence and next step of the selected one below."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import events, on
from textual.widget import Widget

from agentdash.present.cells import Cell, Tone
from agentdash.present.finding_filter import matcher, query_of_finding, query_of_group
from agentdash.present.findings import (
    Item,
    commands_of,
    item_cells,
    item_facts,
    item_title,
    items_of,
    need_a_person,
    next_cells,
    subject_words,
)
from agentdash.state.query import Query, QueryError, parse
from agentdash.state.state import Changes
from agentdash.triage.finding import Finding, Group, Severity
from agentdash.ui.context import Context
from agentdash.ui.diagnosis import standing
from agentdash.ui.explain import explain_sections
from agentdash.ui.panes.factlist import facts_of
from agentdash.ui.screens.base import BaseScreen
from agentdash.ui.widgets.columns import Column
from agentdash.ui.widgets.facts import Facts
from agentdash.ui.widgets.filterbar import FilterBar
from agentdash.ui.widgets.grid import Grid, GridRow
from agentdash.ui.widgets.help import Help
from agentdash.ui.widgets.statusbar import StatusLine

WAITING = "Findings would be here: the fleet is being read for the first time."
WELL = "Nothing needs a person. Findings would be here, by common cause, with their proof; F shows the fleet."
NO_MATCH = "No finding matches the filter: esc clears it."
ALL_ASIDE = "Everything that was found is put aside: A shows it."

VISIBLE_AT_MOST = 50
"""Workspaces of the selected group that are read more often."""
COLUMNS = (
    Column("sign", "", 1, priority=100),
    Column("rule", "RULE", 6, priority=90),
    Column("what", "WHAT", width=36, min_width=20, flex=3, priority=95),
    Column("where", "WHERE", width=44, min_width=14, flex=3, priority=80, cut="middle"),
    Column("count", "ON", 4, align="right", priority=60),
    Column("since", "FOR", 4, align="right", priority=70),
)


class TriageScreen(BaseScreen):
    """The findings."""

    SCOPE: ClassVar[str] = "triage"
    VIEW: ClassVar[str] = "triage"
    AUTO_FOCUS = "#triage-grid"
    CSS_PATH = "triage.tcss"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._query = ""
        self._parsed = Query()
        self._unfolded: set[str] = set()
        self._shows_aside = False
        self._items: dict[str, Item] = {}
        self._groups: dict[str, Group] = {}

    def compose_content(self) -> Iterable[Widget]:
        """Filter line, list, and what is known of the selected row."""
        signs = self.context.signs
        yield StatusLine(id="filter-line", signs=signs)
        yield FilterBar("/", id="filter-input", signs=signs)
        yield Grid(id="triage-grid", empty=WAITING, signs=signs)
        yield StatusLine(id="finding-title", signs=signs)
        yield Facts(id="finding-facts", signs=signs)
        yield StatusLine(id="finding-next", signs=signs)

    @property
    def grid(self) -> Grid:
        """The list."""
        return self.query_one("#triage-grid", Grid)

    def on_mount(self) -> None:
        """Set the columns."""
        self.query_one("#filter-input").display = False
        self.grid.set_columns(COLUMNS, indented="what")
        super().on_mount()

    def on_resize(self, event: events.Resize) -> None:
        """The facts take more where there is room."""
        self.set_class(event.size.height < 20, "-low")

    # Rows

    def refresh_content(self, changes: Changes, touched: set[str]) -> None:
        """Findings change with the diagnosis; only ages change by themselves."""
        del touched
        if not changes:
            self._show_rows()

    def _show_rows(self) -> None:
        context = self.context
        judge, now = context.judge, context.now()
        view = None if judge is None else judge.view
        if judge is None or view is None:
            self.grid.set_empty(WAITING)
            return
        self._groups = {g.id: g for g in view.diagnosis.groups}
        items = items_of(
            view.diagnosis,
            matches=matcher(self._parsed, view.facts.state),
            aside=judge.aside(now),
            unfolded=self._unfolded,
            show_aside=self._shows_aside,
        )
        if self._query:
            items = tuple(i for i in items if i.findings)
        self._items = {item.key: item for item in items}
        self.grid.set_empty(self._empty_words())
        self.grid.set_rows(list(self._items), self._row)
        self.grid.update_rows(self.grid.visible_keys)
        self._refresh_filter_line()
        self._refresh_detail()

    def _empty_words(self) -> str:
        if self._query:
            return NO_MATCH
        judge = self.context.judge
        has_aside = judge is not None and bool(judge.aside(self.context.now()))
        if has_aside:
            return ALL_ASIDE
        return WELL if self.context.state.fleet.value is not None else WAITING

    def _row(self, key: str) -> GridRow:
        item = self._items.get(key)
        if item is None:
            return GridRow(key, (Cell(""),) * len(COLUMNS))
        cells = item_cells(item, self.context.now(), self.context.glyphs)
        return GridRow(key, cells, indent=1 if item.is_member else 0)

    def _refresh_filter_line(self) -> None:
        left = [Cell(f"/ {self._query}", Tone.ACCENT)] if self._query else [Cell("/", Tone.DIM)]
        items = [i for i in self._items.values() if i.findings and not i.is_member]
        judge = self.context.judge
        aside = 0 if judge is None else len(judge.aside(self.context.now()))
        right = [Cell(f"{aside} put aside", Tone.DIM)] if aside else []
        count = need_a_person(items)
        notes = sum(i.severity <= Severity.NOTE for i in items if not i.aside)
        words = f"{count} need{'s' * (count == 1)} a person" if count else "nothing needs a person"
        right.append(Cell(f"{words}, {notes} note{'s' * (notes != 1)}" if notes else words, Tone.DIM))
        self.query_one("#filter-line", StatusLine).show(left, right)

    # The selected one

    @property
    def item(self) -> Item | None:
        """The row under the cursor."""
        key = self.grid.cursor_key
        return None if key is None else self._items.get(key)

    def _refresh_detail(self) -> None:
        item, context = self.item, self.context
        title = self.query_one("#finding-title", StatusLine)
        facts = self.query_one("#finding-facts", Facts)
        step = self.query_one("#finding-next", StatusLine)
        if item is None:
            title.show([])
            step.show([])
            facts.set_facts([])
            return
        now = context.now()
        title.show([item_title(item, now, context.glyphs)])
        group = self._groups.get(item.finding.group or "") if item.finding is not None else None
        step.show(next_cells(item, context.glyphs))
        facts.set_facts(facts_of(item_facts(item, now, group=group, glyphs=context.glyphs, skip_steps=1)))

    @on(Grid.RowHighlighted, "#triage-grid")
    def show_detail(self) -> None:
        """Another row is under the cursor."""
        self.query_one("#finding-facts", Facts).set_top(0)
        self._refresh_detail()
        self._tell_visible()

    def _tell_visible(self) -> None:
        """Have what is selected read more often."""
        item, feed = self.item, self.context.feed
        if feed is not None and item is not None:
            ids = {f.subject.workspace_id for f in item.findings if f.subject.workspace_id}
            feed.set_visible(set(sorted(ids)[:VISIBLE_AT_MOST]))

    @on(Grid.RowOpened, "#triage-grid")
    def open_row(self, message: Grid.RowOpened) -> None:
        """Enter on a row."""
        message.stop()
        self.do_open()

    def target_keys(self) -> list[str]:
        """Rows of the fleet that the selected findings are about."""
        item = self.item
        if item is None:
            return []
        keys = (self._row_key(finding) for finding in item.findings)
        return list(dict.fromkeys(key for key in keys if key))

    def _row_key(self, finding: Finding) -> str:
        """The finding's row in the fleet; empty for what is no workspace."""
        subject, state = finding.subject, self.context.state
        if subject.kind == "agent" and state.row(subject.id) is not None:
            return subject.id
        workspace = state.workspaces.get(subject.workspace_id)
        if workspace is None:
            return ""
        return workspace.agents[0].key if workspace.agents else workspace.id

    # Actions

    def do_open(self) -> None:
        """enter: a group filters the fleet, a finding opens what it is about."""
        item = self.item
        if item is None:
            return
        finding = item.finding
        if item.group is not None:
            self.do_show_in_fleet()
        elif finding is None:
            self.do_explain()
        elif key := self._row_key(finding):
            self._open_at(finding, key)
        elif finding.subject.kind == "preset" or finding.rule in ("P01", "P02", "P19"):
            self.dash.show_view("prebuilds")
        else:
            self.do_show_in_fleet()

    def _open_at(self, finding: Finding, key: str) -> None:
        """A build's trouble is in its log, everything else in the agent."""
        if finding.subject.kind == "workspace" and finding.cause[:1] == "B":
            self.dash.open_build_log(key)
        else:
            self.dash.open_row(key)

    def do_show_in_fleet(self) -> None:
        """i: those it is about, or those that share a group's cause."""
        item = self.item
        if item is None or item.finding is None:
            return
        group = item.group
        query = query_of_group(group, item.findings) if group is not None else query_of_finding(item.finding)
        if query:
            self.dash.show_fleet(query)
        else:
            self.say(f"this is about {subject_words(item.finding.subject)}, which is no row of the fleet")

    def do_unfold(self) -> None:
        """space"""
        item = self.item
        key = None
        if item is not None and item.group is not None:
            key = item.key
        elif item is not None and item.is_member:
            # From inside: fold the group again.
            above = [i.key for i in self._items.values() if i.group is not None and _holds(i, item)]
            key = above[0] if above else None
        if key is None:
            self.say("only a group has findings to show one by one")
            return
        self._unfolded.symmetric_difference_update({key})
        self.grid.move_to(key)
        self._show_rows()

    def do_logs(self) -> None:
        """l: the log of what fails; of a build, if that is it."""
        finding, key = self._one_row()
        if finding is None:
            return
        if finding.subject.kind == "workspace" or finding.cause[:1] == "B":
            self.dash.open_build_log(key)
        else:
            self.dash.open_row(key, f"logs:{finding.suspect}" if finding.suspect else "logs")

    def do_build_log(self) -> None:
        """b"""
        finding, key = self._one_row()
        if finding is not None:
            self.dash.open_build_log(key)

    def do_shell(self) -> None:
        """s"""
        finding, key = self._one_row()
        if finding is not None:
            self.dash.open_row(key, "shell")

    def _one_row(self) -> tuple[Finding | None, str]:
        """The selected finding, or the worst one of the group, and its row."""
        item = self.item
        finding = None if item is None else item.finding
        key = "" if finding is None else self._row_key(finding)
        if finding is None or not key:
            self.say("this is about no single workspace", Tone.WARN)
            return None, ""
        return finding, key

    def do_copy_command(self) -> None:
        """y: what the next step says, else the command that enters it."""
        item = self.item
        commands = commands_of(item) if item is not None else []
        if not commands:
            super().do_copy_command()
            return
        what = "command" if len(commands) == 1 else f"{len(commands)} commands"
        self.copy_text("\n".join(commands), what)

    def do_explain(self) -> None:
        """e"""
        item = self.item
        if item is None:
            return
        told = [rule for _, rules in item.untold for rule in rules]
        rules = [item.finding.rule] if item.finding is not None else told
        if item.finding is not None and item.finding.cause not in ("", item.finding.rule):
            rules.append(item.finding.cause)
        self.app.push_screen(Help(explain_sections(rules), title="Catalogue", signs=self.context.signs))

    # Putting aside

    def do_acknowledge(self) -> None:
        """a"""
        judge, item = self.context.judge, self.item
        if judge is None or item is None or not item.findings:
            return
        now = self.context.now()
        is_aside = [judge.acks.acknowledge(standing(f), now) for f in item.findings][-1]
        count = f" {len(item.findings)} findings" if len(item.findings) > 1 else ""
        self.say(
            f"acknowledged{count}: back when worse or anew; A shows it"
            if is_aside
            else f"no longer acknowledged{count}"
        )
        self._show_rows()
        self.refresh_bars()

    def do_snooze(self) -> None:
        """z"""
        judge, item = self.context.judge, self.item
        if judge is None or item is None or not item.findings:
            return
        now = self.context.now()
        until = [judge.acks.snooze(standing(f), now) for f in item.findings][-1]
        self.say("no longer snoozed" if until is None else f"snoozed until {until:%m-%d %H:%M}Z; A shows it")
        self._show_rows()
        self.refresh_bars()

    def do_show_aside(self) -> None:
        """A"""
        self._shows_aside = not self._shows_aside
        self.say(
            "what was put aside is shown at the end" if self._shows_aside else "what was put aside is hidden"
        )
        self._show_rows()

    # The filter

    def do_filter(self) -> None:
        """/"""
        self.query_one("#filter-line").display = False
        self.query_one("#filter-input", FilterBar).open(self._query)

    def do_clear_filter(self) -> None:
        """Show everything again."""
        self._filter("")

    @on(FilterBar.Changed, "#filter-input")
    def filter_as_typed(self, message: FilterBar.Changed) -> None:
        """Every letter filters."""
        message.stop()
        self._filter(message.text)

    @on(FilterBar.Closed, "#filter-input")
    def close_filter(self, message: FilterBar.Closed) -> None:
        """Enter keeps the filter, esc restores the one before."""
        message.stop()
        self._filter(message.text)
        self.query_one("#filter-input").display = False
        self.query_one("#filter-line").display = True
        self.grid.focus()

    def _filter(self, text: str) -> None:
        try:
            self._parsed = parse(text)
        except QueryError as error:
            self.say(str(error), Tone.WARN)
            return
        self._query = text.strip()
        self._show_rows()

    def obey(self, word: str, argument: str) -> None:
        """`:filter`."""
        if word == "filter":
            self._filter(argument)
        else:
            super().obey(word, argument)

    # Focus

    def do_pane_next(self) -> None:
        """tab: between the list and the facts."""
        facts = self.query_one("#finding-facts", Facts)
        (self.grid if self.focused is facts else facts).focus()

    def do_pane_previous(self) -> None:
        """shift+tab"""
        self.do_pane_next()

    def do_back(self) -> None:
        """esc: first the filter, then the fleet."""
        if self._query:
            self._filter("")
        elif self.focused is not self.grid:
            self.grid.focus()
        else:
            self.dash.show_view("fleet")

    def restore_focus(self) -> None:
        """To the list."""
        self.grid.focus()


def _holds(group: Item, member: Item) -> bool:
    return any(f.id == member.key for f in group.findings)
