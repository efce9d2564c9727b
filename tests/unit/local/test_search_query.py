"""The query language of the workspace list, with the server's own complaints."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agentdash.local import search
from agentdash.local.clock import ManualClock
from agentdash.local.errors import ApiError
from agentdash.local.records import Deployment
from agentdash.local.rights import visible_workspaces
from agentdash.local.world import World, build_fleet


@pytest.fixture(scope="module")
def world() -> World:
    return build_fleet(Deployment(ManualClock()))


def find(world: World, text: str, username: str = "ops") -> list[str]:
    viewer = world.user(username)
    readable = visible_workspaces(world.deployment, viewer)
    found = search.select(world.deployment, viewer, readable, search.parse(text))
    return [f"{world.deployment.owner_of(ws).username}/{ws.name}" for ws in found]


@pytest.mark.parametrize(
    ("text", "field", "detail"),
    [
        ("bogus:1", "bogus", '"bogus" is not a valid query param'),
        ("is-prebuild:true", "is-prebuild", '"is-prebuild" is not a valid query param'),
        ("status:bogus", "status", 'Query param "status" has invalid value: "bogus" is not a valid value'),
        (
            "name:a name:b",
            "name",
            'Query param "name" provided more than once, found 2 times. Only provide 1 instance of this query param.',
        ),
        ("name:", "q", "Query element \"name:\" cannot start or end with ':'"),
        (":x", "q", "Query element \":x\" cannot start or end with ':'"),
        ("a:b:c", "q", "Query element \"a:b:c\" can only contain 1 ':'"),
        ("outdated:maybe", "outdated", 'Query param "outdated" must be a valid boolean'),
    ],
)
def test_refusals_in_the_servers_words(text: str, field: str, detail: str) -> None:
    with pytest.raises(ApiError) as caught:
        search.parse(text)
    assert caught.value.status == 400
    assert caught.value.body() == {
        "message": "Invalid workspace search query.",
        "validations": [{"field": field, "detail": detail}],
    }


def test_default_organization_is_refused(world: World) -> None:
    assert find(world, "organization:acme") == find(world, "")
    with pytest.raises(ApiError, match="400"):
        find(world, "organization:default")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("owner:me", ["ops/infra"]),
        ("owner:ADA status:running template:web", ["ada/shop-frontend"]),
        ("ada/gate", ["ada/gateway"]),
        ("name:SHOP-F", ["ada/shop-frontend", "dalia/shop-frontend"]),
        ("storefront status:running", ["kofi/storefront"]),
        ("template:platform has-agent:disconnected", []),
        ("has-agent:timeout,disconnected", ["dalia/clang", "ivo/toolchain", "kofi/vision"]),
        ("has-agent:misspelt", []),
        ("has-ai-task:true", ["ada/flaky-tests", "june/fix-login", "kofi/upgrade-react"]),
        ("owner:nobody", []),
    ],
)
def test_terms_select(world: World, text: str, expected: list[str]) -> None:
    assert find(world, text) == expected


def test_healthy_is_about_connections_not_about_health(world: World) -> None:
    assert "emil/cart" in find(world, "healthy:true")
    assert "emil/cart" not in find(world, "healthy:false")
    assert "kofi/vision" in find(world, "healthy:false")


def test_parameters_dormancy_and_times(world: World) -> None:
    prebuilds = find(world, "param:size=standard owner:prebuilds")
    assert len(prebuilds) == 5
    assert find(world, "param:size owner:prebuilds param:size=small") == find(
        world, "owner:prebuilds template:web"
    )
    assert find(world, "dormant:true") == []
    assert find(world, "dormant:false") == find(world, "")
    moment = (world.deployment.now() - timedelta(minutes=5)).isoformat()
    recent = find(world, f'last_used_after:"{moment}"')
    assert "june/storefront" in recent
    assert set(recent).isdisjoint(find(world, f'last_used_before:"{moment}"'))


def test_members_see_their_own_only_and_template_admins_all(world: World) -> None:
    assert find(world, "", "mara") == ["mara/notebook", "mara/arm-build"]
    assert find(world, "owner:prebuilds", "mara") == []
    assert len(find(world, "", "tara")) == 40
    assert len(find(world, "owner:prebuilds", "tara")) == 8


def test_order_is_favourites_then_running_then_names(world: World) -> None:
    deployment = world.deployment
    viewer = world.user("mara")
    pending = deployment.find_workspace(viewer, "arm-build")
    assert pending is not None
    pending.favorite_of.add(viewer.id)
    try:
        assert find(world, "", "mara") == ["mara/arm-build", "mara/notebook"]
    finally:
        pending.favorite_of.clear()
    everything = find(world, "")
    running = find(world, "status:running")
    assert everything[: len(running)] == running == sorted(running)
