"""The relays from here: measured while the Network pane is open, and when asked to."""

from __future__ import annotations

from agentdash.api.errors import TlsFailure
from agentdash.feed.links import EVERY_S
from agentdash.state.freshness import Freshness
from agentdash.state.model import Links, RegionLink
from tests.unit.feed.fakes import World, a_workspace, settle

KEY, AGENT = "w1/main", "w1-main-1"
FRA, SYD = RegionLink(1, 12.0), RegionLink(2, None, "refused")


async def opened(world: World, *panes: str) -> None:
    world.feed.open_agent(KEY, frozenset(panes))
    await settle()
    await world.clock.advance(1)


def a_world() -> World:
    world = World()
    world.know(a_workspace())
    world.source.found_links = (FRA, SYD)
    return world


def links(world: World) -> Links:
    found = world.state.details[AGENT].links.value
    assert found is not None
    return found


async def test_they_are_measured_while_the_pane_is_open_and_not_otherwise() -> None:
    world = a_world()
    async with world.running():
        await opened(world, "health", "ports")
        await world.clock.advance(300)
        assert world.source.asked("links") == []
        await opened(world, "network")
        assert world.source.asked("links") == [AGENT]
        assert dict(links(world).regions) == {1: FRA, 2: SYD}
        assert links(world).is_complete
        assert world.state.details[AGENT].links.freshness is Freshness.POLLED
        await world.clock.advance(EVERY_S)
        assert len(world.source.asked("links")) == 2
        await opened(world, "health")
        await world.clock.advance(600)
        assert len(world.source.asked("links")) == 2


async def test_a_key_measures_at_once() -> None:
    world = a_world()
    async with world.running():
        world.feed.measure_links()  # nobody looks: nothing happens
        await opened(world, "network")
        world.source.found_links = (RegionLink(1, 90.0),)
        world.feed.measure_links()
        await world.clock.advance(1)
        assert len(world.source.asked("links")) == 2
        # A relay that the map no longer has is no longer shown.
        assert dict(links(world).regions) == {1: RegionLink(1, 90.0)}


async def test_a_pane_opened_again_soon_shows_what_it_had() -> None:
    world = a_world()
    async with world.running():
        await opened(world, "network")
        await opened(world, "health")
        await world.clock.advance(10)
        await opened(world, "network")
        assert len(world.source.asked("links")) == 1
        await world.clock.advance(EVERY_S)
        assert len(world.source.asked("links")) == 2


async def test_nothing_is_measured_before_it_is_known_which_relays_there_are() -> None:
    world = a_world()
    world.source.errors["connection"] = TlsFailure("no")
    async with world.running():
        await opened(world, "network")
        await world.clock.advance(5)
        assert world.source.asked("links") == []


async def test_what_this_program_cannot_do_is_said_and_tried_again() -> None:
    world = a_world()
    world.source.errors["links"] = TlsFailure("The certificate files cannot be used")
    async with world.running():
        await opened(world, "network")
        fact = world.state.details[AGENT].links
        assert fact.problem is not None
        assert fact.problem.kind == "TlsFailure"
        del world.source.errors["links"]
        await world.clock.advance(60)
        assert links(world).is_complete
        assert world.state.details[AGENT].links.problem is None
