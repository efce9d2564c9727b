"""The lines that say where one is: the program's top line and the agent's title."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from agentdash.present.cells import Cell, Tone
from agentdash.present.columns import agent_name, short_version, template_words, verdict_tone
from agentdash.present.glyphs import UNICODE, Glyphs
from agentdash.present.health import rtt_words
from agentdash.present.times import age_word, clock, countdown
from agentdash.state.freshness import Freshness, StreamState
from agentdash.state.state import State
from agentdash.state.views import Row
from agentdash.triage.verdict import Verdict

SILENT_FROM_S: Final = 18.0
"""The server is asked every few seconds, and pings each stream every 15 s (contract: README §7.3); the rest is leeway."""
_SILENCE_STEP_S: Final = 5


@dataclass(frozen=True, slots=True)
class TwoSided:
    """A line with a left and a right end."""

    left: tuple[Cell, ...]
    right: tuple[Cell, ...]


def server_state(state: State, now: datetime, glyphs: Glyphs = UNICODE) -> Cell:
    """How the deployment is heard: `● live`, `◐ silent 20 s`, `◐ connecting…`, `✗ cannot reach the server, retry in 4 s`."""
    problem = state.server.problem
    if problem is not None:
        retry = state.fleet.retry_at
        here = _local(state, now)
        again = f", retry in {countdown(retry, here)}" if retry is not None and retry > here else ""
        return Cell(f"{glyphs.broken} {problem.title}{again}", Tone.BROKEN)
    if state.fleet.freshness is Freshness.STALE:
        old = f" {age_word(state.fleet.at, now)}" if state.fleet.at is not None else ""
        return Cell(f"{glyphs.moving} stale{old}", Tone.WARN)
    if state.server.reached_at is None:
        return Cell(glyphs.say(f"{glyphs.moving} connecting…"), Tone.DIM)
    if silence := silence_word(state, now):
        return Cell(f"{glyphs.moving} {silence}", Tone.WARN)
    return Cell(f"{glyphs.well} live", Tone.DIM)


def silence_word(state: State, now: datetime) -> str:
    """`silent 20 s` while nothing has come from the server for longer than it may; else empty.

    Args:
        now: Server time.
    """
    server = state.server
    if server.reached_at is None:
        return ""
    silent_s = (_local(state, now) - server.reached_at).total_seconds()
    if silent_s < SILENT_FROM_S:
        return ""
    if silent_s < 60:
        return f"silent {int(silent_s / _SILENCE_STEP_S) * _SILENCE_STEP_S} s"
    return f"silent {age_word(server.reached_at, server.reached_at + timedelta(seconds=silent_s))}"


def _local(state: State, now: datetime) -> datetime:
    """A time of the server's clock by ours, which tells when something was heard or is tried again."""
    return now - timedelta(seconds=state.server.clock_offset_s or 0.0)


def top_line(state: State, now: datetime, *, rows: int | None = None, glyphs: Glyphs = UNICODE) -> TwoSided:
    """The program's top line: deployment, user and version on the left; state, counts and clock on the right.

    Args:
        state: All that is known.
        now: Server time.
        rows: Agents that are loaded; None leaves the count out.
        glyphs: Set of signs.
    """
    server = state.server
    words = [
        "this machine" if server.is_embedded else server.host,
        server.user.username if server.user is not None else "",
        short_version(server.version),
    ]
    where = f" {glyphs.separator} ".join(word for word in words if word)
    live = sum(stream.state is StreamState.LIVE for stream in state.streams.values())
    right = [server_state(state, now, glyphs)]
    if live:
        right.append(Cell(f"{live} stream{'s' if live != 1 else ''}", Tone.DIM))
    if rows is not None:
        right.append(Cell(f"{rows} agent{'s' if rows != 1 else ''}", Tone.DIM))
    if state.watch_cap is not None:
        wanted, cap = state.watch_cap
        right.append(Cell(f"{cap} of {wanted} watched", Tone.WARN))
    right.append(Cell(clock(now), Tone.DIM))
    return TwoSided((Cell("agentdash", Tone.BRIGHT), Cell(where, Tone.DIM)), tuple(right))


def agent_title(
    state: State, row: Row, verdict: Verdict, now: datetime, *, glyphs: Glyphs = UNICODE
) -> TwoSided:
    """The agent's title: path on the left; sign and connection, round trip, template, platform, version on the right."""
    workspace, agent = row.workspace, row.agent
    path = f"{glyphs.into} {agent_name(row, glyphs)}"
    left = (Cell("Fleet", Tone.DIM), Cell(path, Tone.BRIGHT), Cell(workspace.owner_name, Tone.DIM))
    sign = glyphs.of(verdict.kind)
    tone = verdict_tone(verdict, now)
    template = " ".join(template_words(workspace)).strip()
    if agent is None:
        return TwoSided(left, (Cell(f"{sign} {workspace.build.status}", tone), Cell(template, Tone.DIM)))
    words = [
        rtt_words(agent).partition(" via ")[0],
        template,
        "/".join(word for word in (agent.operating_system, agent.architecture) if word),
        f"agent {short_version(agent.version)}" if agent.version else "",
    ]
    heard = Cell(f"{sign} {agent.status}", tone)
    freshness = row_freshness(state, workspace.id, now)
    right = [heard, freshness, *(Cell(word, Tone.DIM) for word in words if word)]
    return TwoSided(left, tuple(cell for cell in right if cell.text))


def row_freshness(state: State, workspace_id: str, now: datetime) -> Cell:
    """How a row is kept: `live` under a watch, else how long ago it was read."""
    streams = (s for s in state.streams.values() if s.id.endswith(f":{workspace_id}"))
    if any(s.state is StreamState.LIVE for s in streams):
        if silence := silence_word(state, now):
            return Cell(silence, Tone.WARN)
        return Cell("live", Tone.DIM)
    seen = state.seen.get(workspace_id)
    if seen is None:
        return Cell("")
    word = age_word(seen.at, now)
    if word == "now":
        return Cell("read just now", Tone.DIM)
    # Rows of a large fleet are read every few minutes; that is no fault, and is said.
    return Cell(f"read {word} ago", Tone.DIM)
