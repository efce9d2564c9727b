"""Pane 3, Ports: what listens in the workspace, which process, and to whom it is opened."""

from __future__ import annotations

from collections.abc import Container as Holds
from collections.abc import Iterable

from agentdash.present.cells import EMPTY, MISSING, Cell, Tone
from agentdash.present.glyphs import UNICODE, Glyphs
from agentdash.present.tables import Head, Line
from agentdash.state.model import Port, PortShare

HEADS = (
    Head("port", "PORT", width=5, align="right", priority=100),
    Head("network", "NET", width=3, priority=20),
    Head("process", "PROCESS", width=10, min_width=6, flex=1, priority=90, cut="middle"),
    Head("share", "SHARED", width=7, min_width=6, priority=60),
    Head("mark", "", width=3, priority=50),
)

_LEVELS = {"organization": "org", "authenticated": "users", "owner": "", "public": "public"}


def port_lines(
    ports: Iterable[Port],
    shares: Iterable[PortShare] = (),
    agent_name: str = "",
    *,
    new: Holds[int] = (),
    glyphs: Glyphs = UNICODE,
) -> tuple[Line, ...]:
    """Rows of the Ports pane, by number. A shared port on which nothing is reported stands there too.

    Args:
        ports: As the agent reports them; some are never reported (contract: agents.md §4).
        shares: Opened ports of the workspace.
        agent_name: Whose shares to show.
        new: Numbers to be marked as new.
        glyphs: Set of signs.
    """
    opened = {share.port: share for share in shares if share.agent_name == agent_name}
    lines = []
    for port in ports:
        share = opened.pop(port.port, None)
        cells = (
            Cell(str(port.port)),
            Cell(port.network, Tone.DIM),
            Cell(port.process) if port.process else MISSING,
            _share(share),
            Cell("new", Tone.WELL) if port.port in new else EMPTY,
        )
        lines.append(Line(f"{port.network}/{port.port}", tuple(glyphs.cell(c) for c in cells), "well"))
    for share in opened.values():
        cells = (
            Cell(str(share.port), Tone.DIM),
            EMPTY,
            Cell("none reported", Tone.DIM),
            _share(share),
            EMPTY,
        )
        lines.append(Line(f"share/{share.port}", cells, "off"))
    return tuple(sorted(lines, key=lambda line: (int(line.cells[0].text), line.key)))


def _share(share: PortShare | None) -> Cell:
    if share is None:
        return EMPTY
    word = _LEVELS.get(share.level, share.level)
    # Open to everybody is worth a look, not an alarm.
    return Cell(word, Tone.WARN if share.level == "public" else Tone.PLAIN)


def new_ports(before: Iterable[Port], after: Iterable[Port]) -> frozenset[int]:
    """Numbers that were not there before."""
    known = {port.port for port in before}
    return frozenset(port.port for port in after if port.port not in known)
