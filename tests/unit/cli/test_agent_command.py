"""Which agent is meant."""

from __future__ import annotations

import pytest

from agentdash.cli.agent import choose, parse_target
from agentdash.cli.output import CliError, ExitCode
from tests.unit.model_factory import make_agent, make_build, make_workspace


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("go", ("me", "go", "")),
        ("go.main", ("me", "go", "main")),
        ("ada/go", ("ada", "go", "")),
        ("ada/go.main", ("ada", "go", "main")),
        ("ada/go.a.b", ("ada", "go", "a.b")),
    ],
)
def test_a_target(text: str, found: tuple[str, str, str]) -> None:
    assert parse_target(text) == found


@pytest.mark.parametrize("text", ["", "/", "/go", ".main", "ada/", "ada/.main", "a/b/c"])
def test_what_names_no_workspace(text: str) -> None:
    with pytest.raises(CliError) as raised:
        parse_target(text)
    assert raised.value.code is ExitCode.USAGE


MAIN = make_agent("main")
APP = make_agent("app", parent_id=MAIN.id, parent_name="main")


def test_the_only_agent_that_is_no_sub_agent_is_meant() -> None:
    assert choose(make_workspace(MAIN, APP), "").name == "main"
    assert choose(make_workspace(MAIN, APP), "app").name == "app"


@pytest.mark.parametrize(
    ("agents", "name", "says"),
    [
        ((MAIN, make_agent("other")), "", "several agents"),
        ((MAIN,), "nobody", "no agent nobody"),
    ],
)
def test_several_or_none(agents: tuple[object, ...], name: str, says: str) -> None:
    with pytest.raises(CliError, match=says) as raised:
        choose(make_workspace(*agents), name)  # type: ignore[arg-type]
    assert "go-7f3a.main" in raised.value.next_step


def test_a_stopped_workspace_can_be_started() -> None:
    with pytest.raises(CliError, match="its build is stopped") as raised:
        choose(make_workspace(build=make_build("stopped", "stop")), "")
    assert "coder start ada/go-7f3a" in raised.value.next_step
