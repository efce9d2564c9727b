"""Both links to the relays, from here and from the agent: which of the two is slow, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agentdash.present.cells import EMPTY, Cell, Tone
from agentdash.present.health import SLOW_MS
from agentdash.state.model import Agent, AgentNode, Connection, DerpRegion, Links

NO_LATENCY_MS = 600_000
"""What takes longer than this, or is no number at all, is no latency."""


@dataclass(frozen=True, slots=True)
class RelayRow:
    """One relay region with all that is known of it.

    Attributes:
        is_home: The agent is reached through it.
        here_ms: Latency from this machine.
        here_trouble: Why there is none, in a word.
        agent_ms: Latency that the agent has measured.
        is_last_word: The agent is away: what it measured is what it said last.
        websocket: Why the agent reaches it by websocket; empty where it does not have to.
    """

    name: str
    code: str = ""
    is_home: bool = False
    is_embedded: bool = False
    is_stun_only: bool = False
    here_ms: float | None = None
    here_trouble: str = ""
    agent_ms: float | None = None
    is_last_word: bool = False
    websocket: str = ""


def relay_rows(
    agent: Agent, connection: Connection | None, links: Links | None = None, node: AgentNode | None = None
) -> tuple[RelayRow, ...]:
    """Relays: home first, then the nearest to the agent, then the nearest to here; those that relay nothing last.

    What the agent has reported to the server comes before what it said of itself when it was asked: that ages.
    """
    regions = {region.name: region for region in (connection.regions if connection else ())}
    reported = {region.region: region for region in agent.latency}
    has_home = any(region.preferred for region in agent.latency)
    rows = []
    for name in {**reported, **regions}:
        region, known = regions.get(name), reported.get(name)
        home = known is not None and known.preferred
        if not has_home and node is not None and region is not None:
            home = region.id == node.home_id
        agent_ms = known.ms if known is not None and 0 <= known.ms < NO_LATENCY_MS else None
        rows.append(_row(name, region, links, node, home=home, agent_ms=agent_ms))
    is_away = not agent.is_connected
    return tuple(sorted((replace(row, is_last_word=is_away) for row in rows), key=_nearness))


def _row(
    name: str,
    region: DerpRegion | None,
    links: Links | None,
    node: AgentNode | None,
    *,
    home: bool,
    agent_ms: float | None,
) -> RelayRow:
    if region is None:
        return RelayRow(name, is_home=home, agent_ms=agent_ms)
    link = links.regions.get(region.id) if links is not None and not region.stun_only else None
    if agent_ms is None and node is not None:
        agent_ms = node.latency_ms.get(region.id)
    return RelayRow(
        name,
        region.code,
        is_home=home,
        is_embedded=region.embedded,
        is_stun_only=region.stun_only,
        here_ms=link.ms if link is not None else None,
        here_trouble=link.trouble if link is not None else "",
        agent_ms=agent_ms,
        websocket=node.forced_websockets.get(region.id, "") if node is not None else "",
    )


def _nearness(row: RelayRow) -> tuple[bool, bool, float, float, str]:
    return (
        not row.is_home,
        row.is_stun_only,
        row.agent_ms if row.agent_ms is not None else 1e12,
        row.here_ms if row.here_ms is not None else 1e12,
        row.name,
    )


def ms_words(ms: float) -> str:
    """`12 ms`, `<1 ms`."""
    return f"{ms:.0f} ms" if ms >= 1 else "<1 ms"


def link_sentence(rows: Sequence[RelayRow], *, is_connected: bool, is_measuring: bool) -> Cell:
    """Whether this machine's link, the agent's, both or neither is in trouble; empty where there are no relays.

    Both are judged at the agent's home, through which relayed traffic goes; without one, at the nearest to here.

    Args:
        rows: As of `relay_rows`.
        is_connected: Whether the agent is.
        is_measuring: Whether what is not known from here yet soon will be.
    """
    relays = [row for row in rows if not row.is_stun_only]
    if not relays:
        return EMPTY
    home = next((row for row in relays if row.is_home), None)
    measured = sorted((r for r in relays if r.here_ms is not None), key=lambda r: r.here_ms or 0.0)
    if not is_connected:
        return _of_mine(home, relays, measured, is_measuring, then="The agent is not connected.")
    if home is None or home.agent_ms is None:
        then = "The agent has not said how far it is from its relay."
        return _of_mine(home, relays, measured, is_measuring, then=then)
    if home.here_trouble:
        return _not_reached(home, measured)
    if home.here_ms is None:
        speed = "slow" if home.agent_ms > SLOW_MS else "well"
        wait = "is being measured" if is_measuring else "is not known"
        text = f"The agent's link is {speed}: {home.name} is {ms_words(home.agent_ms)} from it. Yours {wait}."
        return Cell(text, _tone(slow=home.agent_ms > SLOW_MS))
    return _of_both(home, home.here_ms, home.agent_ms, measured)


def _of_both(home: RelayRow, here_ms: float, agent_ms: float, measured: Sequence[RelayRow]) -> Cell:
    here, there = ms_words(here_ms), ms_words(agent_ms)
    other = _quick(home, measured)
    match here_ms > SLOW_MS, agent_ms > SLOW_MS:
        case False, False:
            return Cell(
                f"Both links are well: {home.name} is {here} from here and {there} from the agent.", Tone.DIM
            )
        case True, False:
            text = f"Your link is the slow one: {home.name} is {here} from here, {there} from the agent."
            if other:
                text += f" {other} from here: not your whole link is slow, the way to {home.name} is."
        case False, True:
            text = (
                f"The agent's link is the slow one: {home.name} is {here} from here, {there} from the agent."
            )
        case _:
            text = f"Both links are slow: {home.name} is {here} from here and {there} from the agent."
            text += (
                f" {other} from here: look at {home.name} itself."
                if other
                else f" Either {home.name} is slow or both are far from it."
            )
    return Cell(text, Tone.WARN)


def _not_reached(home: RelayRow, measured: Sequence[RelayRow]) -> Cell:
    reached = f"the agent reaches it in {ms_words(home.agent_ms or 0.0)}"
    if measured:
        nearest = measured[0]
        where = (
            f"{nearest.name} answers in {ms_words(nearest.here_ms or 0.0)}: the way to {home.name} is blocked"
        )
    else:
        where = "no relay answers from here: your link, or what filters it, is in the way"
    return Cell(
        f"{home.name} does not answer from here ({home.here_trouble}), {reached}; {where}.", Tone.WARN
    )


def _of_mine(
    home: RelayRow | None,
    relays: Sequence[RelayRow],
    measured: Sequence[RelayRow],
    is_measuring: bool,
    *,
    then: str,
) -> Cell:
    """What can be said where the agent's side is unknown."""
    if home is not None and home.here_ms is not None:
        place: RelayRow | None = home
    else:
        place = measured[0] if measured else None
    if place is not None and place.here_ms is not None:
        is_slow = place.here_ms > SLOW_MS
        speed = "slow" if is_slow else "well"
        text = f"Your link is {speed}: {place.name} is {ms_words(place.here_ms)} from here. {then}"
        return Cell(text, _tone(slow=is_slow))
    troubles = [row.here_trouble for row in relays if row.here_trouble]
    if len(troubles) == len(relays):
        return Cell(f"No relay answers from here ({troubles[0]}). {then}", Tone.WARN)
    wait = "Your link is being measured." if is_measuring else "Your link is not known."
    return Cell(f"{wait} {then}", Tone.DIM)


def _quick(home: RelayRow, measured: Sequence[RelayRow]) -> str:
    """Another relay that is near to here, in words; empty if there is none."""
    found = next((row for row in measured if row is not home and (row.here_ms or 0.0) <= SLOW_MS), None)
    return "" if found is None else f"{found.name} is {ms_words(found.here_ms or 0.0)}"


def _tone(*, slow: bool) -> Tone:
    return Tone.WARN if slow else Tone.DIM
