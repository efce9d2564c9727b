"""User, licence, version: each question on its own, asked until answered."""

from __future__ import annotations

from agentdash.api.errors import ConnectFailed, Forbidden, NotLoggedIn
from agentdash.api.exchange import Exchange
from agentdash.feed.account import Account
from agentdash.state import events as ev
from tests.unit.feed.fakes import World, settle


async def test_everything_is_asked_once_then_hourly() -> None:
    world = World()
    async with world.doing(Account(world.ctx).run):
        server = world.state.server
        assert (server.version, server.user and server.user.username) == ("v2.37.1", "ada")
        assert server.entitlements is not None
        assert server.entitlements["workspace_prebuilds"]
        assert (server.experiments, server.wildcard_host) == (("x",), "*.apps.example.com")
        await world.clock.advance(3599)
        assert len(world.source.asked("user")) == 1
        await world.clock.advance(2)
        assert len(world.source.asked("user")) == 2


async def test_one_refusal_does_not_hold_up_the_others() -> None:
    world = World()
    world.source.errors["entitlements"] = Forbidden("no", status=403)
    async with world.doing(Account(world.ctx).run):
        assert world.state.server.experiments == ("x",)
        await world.clock.advance(60)
        assert len(world.source.asked("entitlements")) == 1


async def test_what_had_no_answer_is_asked_again_and_the_rest_not() -> None:
    world = World()
    world.source.errors["user"] = ConnectFailed("away")
    async with world.doing(Account(world.ctx).run):
        assert world.state.server.problem is not None
        del world.source.errors["user"]
        await world.clock.advance(1)
        assert len(world.source.asked("build_info")) == 1
        assert world.state.server.user is not None


async def test_a_bad_token_is_said_and_mended_by_refresh() -> None:
    world = World()
    world.source.errors["user"] = NotLoggedIn("expired", status=401)
    account = Account(world.ctx)
    async with world.doing(account.run):
        problem = world.state.server.problem
        assert problem is not None
        assert problem.kind == "NotLoggedIn"
        await world.clock.advance(20)
        assert len(world.source.asked("user")) == 1
        del world.source.errors["user"]
        account.refresh()
        await settle()
        assert world.state.server.user is not None


def exchange(world: World, path: str = "/api/v2/users/me", **fields: object) -> Exchange:
    return Exchange("GET", path, **({"status": 200} | fields), latency_s=0.05, at=world.clock.now())  # type: ignore[arg-type]


async def test_answers_are_told_seldom_unless_there_is_news() -> None:
    world = World()
    world.ctx.answered(exchange(world, server_version="v1", clock_offset_s=0.4))
    world.ctx.answered(exchange(world, server_version="v1", clock_offset_s=1.1))
    assert len(world.told(ev.ServerAnswered)) == 1
    world.ctx.answered(exchange(world, server_version="v2", clock_offset_s=1.1))
    assert len(world.told(ev.ServerAnswered)) == 2
    assert (world.ctx.server_now() - world.clock.now()).total_seconds() == 0.4
    world.ctx.failed(ConnectFailed("cut"))
    world.ctx.answered(exchange(world, server_version="v2"))
    assert world.state.server.problem is None


async def test_an_answer_without_login_does_not_hide_a_refused_token() -> None:
    world = World()
    world.ctx.failed(NotLoggedIn("expired", status=401))
    world.ctx.answered(exchange(world, "/api/v2/buildinfo"))
    world.ctx.answered(exchange(world, status=401, error=NotLoggedIn("expired", status=401)))
    assert world.state.server.problem is not None
    world.ctx.answered(exchange(world))
    assert world.state.server.problem is None


async def test_no_answer_is_not_an_answer() -> None:
    world = World()
    world.ctx.answered(exchange(world, status=0, error=ConnectFailed("away")))
    assert world.events == []
