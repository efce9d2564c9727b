"""Which rows the fleet shows, in which order, with which verdict: kept between changes, without a widget.

First verdicts are made again only for workspaces that changed, and on a slow clock for those whose words depend on time.
What the diagnosis says of a row stands above its first verdict for as long as that one is as it was when it was judged.
Only rows whose place may have changed are put in order again, so a thousand updates a second cost a thousand verdicts
and, a few times, a look at a list that is nearly sorted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from agentdash.present.verdicts import NOTHING_TOLD, Told
from agentdash.state.query import Query, parse
from agentdash.state.state import Changes, Seen, State
from agentdash.state.views import Row, SortKey, filtered, rows_of
from agentdash.triage.finding import Finding, Group, Severity
from agentdash.triage.verdict import Verdict, verdict
from agentdash.ui.fleet_order import FleetOrder

TextOf = Callable[[Row, Verdict], str]
"""Everything a person can read in a row, lower case: what plain words of a query are looked for in."""


@dataclass(slots=True)
class FleetRows:
    """The fleet as rows.

    Attributes:
        text_of: Gives a row's readable text.
        query: The parsed filter.
        keys: Keys of the shown rows in order.
    """

    text_of: TextOf
    query: Query = field(default_factory=Query)
    keys: list[str] = field(default_factory=list)
    _rows: dict[str, Row] = field(default_factory=dict)
    _by_workspace: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _first: dict[str, Verdict] = field(default_factory=dict)
    """What is read off each row alone."""
    _told: Told = NOTHING_TOLD
    _told_of: dict[str, Verdict] = field(default_factory=dict)
    """First verdicts of the rows that the diagnosis speaks of, as they were when it was made."""
    _verdicts: dict[str, Verdict] = field(default_factory=dict)
    _judged_by: dict[str, Seen | None] = field(default_factory=dict)
    """The reading a row was judged by, by row key."""
    _misplaced: set[str] = field(default_factory=set)
    """Ids of workspaces whose rows may stand elsewhere now."""
    _is_unordered: bool = True
    _order: FleetOrder = field(init=False)

    def __post_init__(self) -> None:
        self._order = FleetOrder(self._severity)

    @property
    def sort_key(self) -> SortKey | None:
        """What is sorted by; None is worst first."""
        return self._order.sort_key

    @property
    def reverse(self) -> bool:
        """Whether the order is turned around."""
        return self._order.reverse

    def row(self, key: str) -> Row | None:
        """The row with this key, shown or not."""
        return self._rows.get(key)

    def verdict(self, key: str) -> Verdict | None:
        """What was judged of a row."""
        return self._verdicts.get(key)

    def rows_of_workspace(self, workspace_id: str) -> tuple[str, ...]:
        """Keys of a workspace's rows."""
        return self._by_workspace.get(workspace_id, ())

    @property
    def total(self) -> int:
        """How many rows there are without the filter."""
        return len(self._rows)

    @property
    def needs_order(self) -> bool:
        """Whether `order` would give another list than `keys`, as far as is known."""
        return self._is_unordered or bool(self._misplaced)

    def set_query(self, text: str) -> None:
        """Filter by a query.

        Raises:
            QueryError: The query cannot be understood; the old one stays.
        """
        self.query = parse(text)
        self._is_unordered = True

    def set_sort(self, sort_key: SortKey | None, *, reverse: bool) -> None:
        """Sort by a key; None is worst first."""
        self._order.sort_key, self._order.reverse = sort_key, reverse
        self._is_unordered = True

    def apply(self, state: State, changes: Changes, now: datetime) -> set[str]:
        """Take in what changed; returns keys of rows that may look different."""
        touched: set[str] = set()
        for workspace_id in changes.removed:
            self._forget(self._by_workspace.pop(workspace_id, ()))
            self._misplaced.add(workspace_id)
        for workspace_id in changes.workspaces:
            workspace = state.workspaces.get(workspace_id)
            if workspace is None:
                continue
            fresh = {row.key: row for row in rows_of(workspace)}
            old = self._by_workspace.get(workspace_id, ())
            if tuple(fresh) != old:
                self._forget(key for key in old if key not in fresh)
                self._by_workspace[workspace_id] = tuple(fresh)
                self._misplaced.add(workspace_id)
            if self.sort_key is not None or self.query.terms:
                self._misplaced.add(workspace_id)
            for key, row in fresh.items():
                self._judge(state, row, now)
                touched.add(key)
        return touched

    def rejudge(self, state: State, now: datetime) -> set[str]:
        """Judge again what depends on time: everything that is not simply well or off. Returns changed keys."""
        changed: set[str] = set()
        for key, row in self._rows.items():
            known = self._first.get(key)
            if known is not None and known.severity is Severity.WELL:
                # Nothing but a newer reading, in which the agent was not heard again, can make it unwell by itself.
                if state.seen.get(row.workspace.id) is self._judged_by.get(key):
                    continue
            elif self.query.terms:
                # What is looked for may be an age.
                self._misplaced.add(row.workspace.id)
            if self._judge(state, row, now):
                changed.add(key)
        return changed

    def order(self) -> list[str]:
        """Filter and sort; the result is also in `keys`."""
        if self._is_unordered:
            self._order.clear()
            self._misplaced = set(self._by_workspace)
        self._order.place((workspace_id, self._shown(workspace_id)) for workspace_id in self._misplaced)
        self._is_unordered = False
        self._misplaced = set()
        self.keys = self._order.keys()
        return self.keys

    def _shown(self, workspace_id: str) -> list[Row]:
        rows = (self._rows[key] for key in self._by_workspace.get(workspace_id, ()))
        return filtered(rows, self.query, self._severity, self._text)

    def worst(self) -> dict[Severity, int]:
        """How many rows there are of each severity, filter or not."""
        counts: dict[Severity, int] = {}
        for judged in self._verdicts.values():
            counts[judged.severity] = counts.get(judged.severity, 0) + 1
        return counts

    def _forget(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._rows.pop(key, None)
            self._first.pop(key, None)
            self._verdicts.pop(key, None)
            self._judged_by.pop(key, None)

    def hear(self, told: Told, judged: State, at: datetime) -> set[str]:
        """Take in a diagnosis; returns keys of rows that say something else now.

        Args:
            told: What the diagnosis says of rows.
            judged: The state it was made from, which may be older than the one that is shown.
            at: Server time of the diagnosis.
        """
        self._told = told
        spoken_of = {
            key
            for subject in told.findings
            for key in (subject, *self._by_workspace.get(subject, ()))
            if key in self._rows
        }
        before = set(self._told_of)
        self._told_of = {}
        for key in spoken_of:
            row = self._rows[key]
            old = judged.workspaces.get(row.workspace.id)
            if old is row.workspace:
                self._told_of[key] = _first(judged, row, at)
            elif old is not None:
                same = next((r for r in rows_of(old) if r.key == key), None)
                if same is not None:
                    self._told_of[key] = _first(judged, same, at)
        moving = {key for key, first in self._first.items() if first.kind == "moving"}
        return {key for key in before | spoken_of | moving if key in self._rows and self._speak(key)}

    def group_of(self, key: str) -> Group | None:
        """The common cause of what a row says."""
        judged = self._verdicts.get(key)
        return None if judged is None else self._told.group_of(judged)

    def findings(self, key: str) -> tuple[Finding, ...]:
        """All that the diagnosis found about a row."""
        row = self._rows.get(key)
        return () if row is None else self._told.about(row)

    def _judge(self, state: State, row: Row, now: datetime) -> bool:
        self._judged_by[row.key] = state.seen.get(row.workspace.id)
        self._rows[row.key] = row
        self._first[row.key] = _first(state, row, now)
        return self._speak(row.key)

    def _speak(self, key: str) -> bool:
        """Say again what there is to say of a row; returns whether it is something else."""
        row, first = self._rows[key], self._first[key]
        heard = self._told_of.get(key)
        is_of_now = not self._told.about(row) if heard is None else _reads_alike(heard, first)
        if is_of_now:
            first = self._told.verdict(row, first)
        before = self._verdicts.get(key)
        if before == first:
            return False
        self._verdicts[key] = first
        if before is None or before.severity != first.severity or self.query.terms:
            self._misplaced.add(row.workspace.id)
        return True

    def _severity(self, row: Row) -> int:
        judged = self._verdicts.get(row.key)
        return 0 if judged is None else int(judged.severity)

    def _text(self, row: Row) -> str:
        judged = self._verdicts.get(row.key)
        return "" if judged is None else self.text_of(row, judged)


def keys_of_workspaces(keys: Iterable[str]) -> set[str]:
    """Ids of the workspaces that rows belong to."""
    return {key.partition("/")[0] for key in keys}


def _first(state: State, row: Row, now: datetime) -> Verdict:
    seen = state.seen.get(row.workspace.id)
    history = state.history.get(row.key, ())
    return verdict(
        row.workspace, row.agent, now, history, read_at=None if seen is None else min(seen.at, now)
    )


def _reads_alike(a: Verdict, b: Verdict) -> bool:
    return (a.text, a.rule, a.severity) == (b.text, b.rule, b.severity)
