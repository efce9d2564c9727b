"""Pane 5, Devcontainers: the agent's devcontainers, then the other containers it sees."""

from __future__ import annotations

from agentdash.present.cells import EMPTY, MISSING, Cell, Tone
from agentdash.present.glyphs import UNICODE, Glyphs
from agentdash.present.shares import first_line
from agentdash.present.tables import Head, Line, sign_head
from agentdash.state.model import Container, Containers, Devcontainer
from agentdash.triage.verdict import Kind

HEADS = (
    sign_head(),
    Head("name", "CONTAINER", width=12, min_width=6, flex=1, priority=90, cut="middle"),
    Head("status", "STATUS", width=9, min_width=7, priority=80),
    Head("note", "", width=10, min_width=7, flex=2, priority=70),
    Head("agent", "AGENT", width=8, min_width=5, priority=30, cut="middle"),
)

_KINDS: dict[str, Kind] = {
    "running": "well",
    "starting": "moving",
    "stopping": "moving",
    "deleting": "moving",
    "stopped": "off",
    "error": "broken",
}


def container_lines(containers: Containers, *, glyphs: Glyphs = UNICODE) -> tuple[Line, ...]:
    """Rows of the pane: devcontainers by folder, then containers that belong to none of them.

    Keys are `dev:<workspace folder>` and `container:<id>`: a devcontainer's id does not outlive the agent's process
    (contract: agents.md §5.2).
    """
    held = {d.container.id for d in containers.devcontainers if d.container is not None}
    lines = [devcontainer_line(d, glyphs) for d in containers.devcontainers]
    lines += [_container_line(c, glyphs) for c in containers.containers if c.id not in held]
    return tuple(lines)


def devcontainer_kind(devcontainer: Devcontainer) -> Kind:
    """How a devcontainer is; running with an error is not well (contract: triage.md D03)."""
    if devcontainer.status == "running" and devcontainer.error:
        return "broken"
    if not devcontainer.status:
        return "moving"
    return _KINDS.get(devcontainer.status, "unknown")


def devcontainer_line(devcontainer: Devcontainer, glyphs: Glyphs = UNICODE) -> Line:
    """One devcontainer: status, `changed` when its configuration was saved since, the error's first line."""
    kind = devcontainer_kind(devcontainer)
    tone = _tone(kind)
    note = EMPTY
    if devcontainer.error:
        note = Cell(first_line(devcontainer.error), Tone.BROKEN)
    elif devcontainer.dirty:
        note = Cell("changed", Tone.WARN)
    elif devcontainer.container is not None:
        note = Cell(devcontainer.container.image, Tone.DIM)
    cells = (
        Cell(glyphs.of(kind), tone),
        Cell(
            devcontainer.name or devcontainer.workspace_folder,
            Tone.DIM if kind in ("well", "off") else Tone.PLAIN,
        ),
        Cell(devcontainer.status or "waiting", tone),
        note,
        Cell(devcontainer.agent_name, Tone.DIM) if devcontainer.agent_name else MISSING,
    )
    return Line(f"dev:{devcontainer.workspace_folder}", tuple(glyphs.cell(c) for c in cells), kind)


def _container_line(container: Container, glyphs: Glyphs) -> Line:
    kind: Kind = "well" if container.running else "off"
    cells = (
        Cell(glyphs.of(kind), Tone.DIM),
        Cell(container.name or container.id[:12], Tone.DIM),
        Cell(container.status, Tone.DIM),
        Cell(" ".join(word for word in (container.image, _ports(container)) if word), Tone.DIM),
        MISSING,
    )
    return Line(f"container:{container.id}", tuple(glyphs.cell(c) for c in cells), kind)


def _ports(container: Container) -> str:
    return " ".join(f"{p.host_port}→{p.port}" if p.host_port else str(p.port) for p in container.ports)


def _tone(kind: Kind) -> Tone:
    return {"broken": Tone.BROKEN, "moving": Tone.WARN, "unknown": Tone.PLAIN}.get(kind, Tone.DIM)


def containers_state(containers: Containers | None) -> tuple[Cell, Kind]:
    """Word and mark of the pane: `1 broken`, `1 building`, `2 changed`, `3`."""
    if containers is None:
        return EMPTY, "off"
    kinds = [devcontainer_kind(d) for d in containers.devcontainers]
    broken = kinds.count("broken")
    if broken:
        return Cell(f"{broken} broken", Tone.BROKEN), "broken"
    moving = kinds.count("moving")
    if moving:
        return Cell(f"{moving} under way", Tone.WARN), "moving"
    changed = sum(d.dirty for d in containers.devcontainers)
    if changed:
        return Cell(f"{changed} changed", Tone.WARN), "moving"
    total = len(container_lines(containers))
    return Cell(str(total) if total else "", Tone.DIM), "well" if total else "off"
