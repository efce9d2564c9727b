"""Log lines: what stands before a line, which lines a filter keeps, and one line's JSON laid out.

A level `error` is no failure: agents give it to everything on stderr, progress included (contract: agents.md §3.2). So a
level gets a small mark and never a colour of alarm.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from agentdash.present.cells import Cell, Tone
from agentdash.present.times import LogTime, log_time, moment
from agentdash.state.logs import Gap, LogBook
from agentdash.state.model import EXTERNAL_SOURCE_ID, Agent, LogLine
from agentdash.text import clean
from agentdash.text.sgr import StyleSpan
from agentdash.text.width import cell_width

LEVELS = ("trace", "debug", "info", "warn", "error")
MAX_SOURCE_WIDTH = 18
PRETTY_LINES = 200
"""Lines that one line's JSON is laid out in at most."""

_MARKS = {"error": "e", "warn": "w", "debug": "d", "trace": "t"}
_EPOCH = datetime.fromtimestamp(0, UTC)
_NO_SOURCE = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Source:
    """A log source as it is drawn."""

    id: str
    name: str
    index: int
    """Its place among the agent's sources: which hue of the theme's list it gets, modulo the list."""


@dataclass(frozen=True, slots=True)
class DrawnLine:
    """A log line ready to be drawn: prefix cells, then the text with the writer's own colours."""

    time: Cell
    source: Cell
    source_index: int
    """-1 where the line has no source."""
    mark: Cell
    text: str
    spans: tuple[StyleSpan, ...]


class Sources:
    """Names and hues of log sources. Sources that come later get later hues, so that no line changes its colour.

    Args:
        agent: Whose log it is; None for a build's log, whose stages are sources.
    """

    def __init__(self, agent: Agent | None = None) -> None:
        self._by_id: dict[str, Source] = {}
        self.width = 0
        """Cells of the widest name, at most `MAX_SOURCE_WIDTH`."""
        if agent is not None:
            self.learn(agent)

    def learn(self, agent: Agent) -> None:
        """Take in the names of an agent's sources; known ones keep their hue."""
        order = sorted(
            agent.log_sources,
            key=lambda s: (s.created_at or _EPOCH, s.name, s.id),
        )
        for source in order:
            known = self._by_id.get(source.id)
            if known is None or known.name != source.name:
                script = agent.script_by_source(source.id)
                name = source.name or (script.name if script is not None else "") or source.id[:8]
                self._put(source.id, name)

    def of(self, source_id: str) -> Source | None:
        """The source of a line; one that nobody has named is labelled by its id."""
        if source_id in ("", _NO_SOURCE):
            # Old servers have a single source, without an id.
            return self._by_id.get("")
        found = self._by_id.get(source_id)
        if found is None:
            found = self._put(source_id, "External" if source_id == EXTERNAL_SOURCE_ID else source_id[:18])
        return found

    def is_named(self, source_id: str) -> bool:
        """Whether the agent listed it: if not, the agent should be read again."""
        return source_id in self._by_id or source_id in ("", _NO_SOURCE)

    def all(self) -> tuple[Source, ...]:
        """All sources in the order of their hues."""
        return tuple(self._by_id.values())

    def _put(self, source_id: str, name: str) -> Source:
        known = self._by_id.get(source_id)
        source = Source(source_id, name, len(self._by_id) if known is None else known.index)
        self._by_id[source_id] = source
        self.width = max(self.width, min(MAX_SOURCE_WIDTH, cell_width(name)))
        return source


def draw_line(line: LogLine, sources: Sources, now: datetime, *, times: LogTime = "short") -> DrawnLine:
    """A line with its prefix.

    Args:
        line: The line.
        sources: Names and hues.
        now: Server time, for relative times.
        times: Which time stands before it.
    """
    source = sources.of(line.source_id)
    return DrawnLine(
        time=Cell(log_time(line.at, times, now), Tone.DIM),
        source=Cell(source.name if source is not None else "", Tone.DIM),
        source_index=-1 if source is None else source.index,
        mark=Cell(_MARKS.get(line.level, " "), Tone.DIM),
        text=line.text,
        spans=line.spans,
    )


def gap_cell(gap: Gap, now: datetime) -> Cell:
    """A gap is a line of the log."""
    reason = f": {gap.reason}" if gap.reason else ""
    return Cell(f"── {moment(gap.at, now)} connection lost, lines may be missing{reason} ──", Tone.WARN)


def dropped_cell(book: LogBook) -> Cell | None:
    """Says that old lines were let go, if any were."""
    if not book.dropped:
        return None
    return Cell(f"── {book.dropped:,} older lines are no longer held here ──", Tone.DIM)


def overflow_cell(agent: Agent) -> Cell | None:
    """Says that the server takes no more lines, if so: a silent log is then no sign of health (agents.md §3.5)."""
    if not agent.logs_overflowed:
        return None
    return Cell(
        "── log limit of 1 MiB reached: nothing more arrives; see the files in the workspace ──", Tone.WARN
    )


def level_rank(level: str) -> int:
    """Place among `LEVELS`; a level nobody knows counts as `info`."""
    return LEVELS.index(level) if level in LEVELS else LEVELS.index("info")


def passes(line: LogLine, *, least: str = "trace", source_id: str | None = None, words: str = "") -> bool:
    """Whether a filter keeps a line.

    Args:
        line: The line.
        least: Lowest level kept.
        source_id: The only source kept; None keeps all.
        words: Text that must occur, upper and lower case alike.
    """
    if source_id is not None and line.source_id != source_id:
        return False
    if level_rank(line.level) < level_rank(least):
        return False
    return not words or words.lower() in line.text.lower()


class Tally:
    """Lines per source of a log book, kept without counting all of it again for each new line."""

    def __init__(self) -> None:
        self.total = 0
        self.by_source: dict[str, int] = {}
        self._seen = 0
        self._version = -1

    def update(self, book: LogBook) -> bool:
        """Count what is new; tells whether anything changed."""
        if book.version != self._version or len(book) < self._seen:
            self._version, self._seen = book.version, 0
            self.by_source = {}
        elif len(book) == self._seen:
            return False
        for line in book.lines[self._seen :]:
            self.by_source[line.source_id] = self.by_source.get(line.source_id, 0) + 1
        self._seen = self.total = len(book)
        return True


def tabs(tally: Tally, sources: Sources, chosen: str | None = None) -> tuple[Cell, ...]:
    """`all 266`, `install-deps 214`, …: counts per source, the chosen one accented, busiest first."""
    cells = [Cell(f"all {tally.total}", Tone.ACCENT if chosen is None else Tone.DIM)]
    for source_id, count in sorted(tally.by_source.items(), key=lambda item: (-item[1], item[0])):
        source = sources.of(source_id)
        name = source.name if source is not None else "no source"
        cells.append(Cell(f"{name} {count}", Tone.ACCENT if chosen == source_id else Tone.DIM))
    return tuple(cells)


def pretty_json(text: str) -> tuple[str, ...] | None:
    """The JSON in a line laid out over several; None if the line holds none.

    What stands before it is the first line. Escapes that JSON hides are cleaned again: the decoded text is foreign too.
    """
    start = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=-1)
    if start < 0:
        return None
    try:
        value, end = json.JSONDecoder().raw_decode(text, start)
        if not isinstance(value, (dict, list)) or not value or text[end:].strip():
            return None
        laid_out = json.dumps(value, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None
    head = [text[:start].rstrip()] if text[:start].strip() else []
    lines = [clean(line) for line in laid_out.split("\n")]
    if len(lines) > PRETTY_LINES:
        lines = [*lines[: PRETTY_LINES - 1], "…"]
    return (*head, *lines)


def plain_text(lines: Iterable[LogLine], sources: Sources, *, with_prefix: bool = True) -> str:
    """Lines as text for the clipboard or a file: full time, level and source, which Coder's own download loses."""
    written = []
    for line in lines:
        if not with_prefix:
            written.append(line.text)
            continue
        source = sources.of(line.source_id)
        name = f" {source.name}:" if source is not None else ""
        at = log_time(line.at, "full", _EPOCH)
        written.append(f"{at} [{line.level}]{name} {line.text}")
    return "\n".join(written) + ("\n" if written else "")


def last_line_of(book: LogBook | None, source_id: str, look_back: int = 500) -> LogLine | None:
    """The last line of a source that says something, within the last lines of the book."""
    if book is None:
        return None
    recent: Sequence[LogLine] = book.lines[-look_back:]
    return next(
        (line for line in reversed(recent) if line.source_id == source_id and line.text.strip()), None
    )
