"""Every refusal has a sentence, every danger a question."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agentdash.actions.guard import Guard, check
from agentdash.actions.registry import REGISTRY, action
from agentdash.actions.target import Target
from agentdash.state.model import AppStatus, Role, User, Workspace
from tests.unit.actions.known import ADA, NOON, OWNER, a_build, a_state, a_workspace, active

MAIN, SIDE = Target("w1/main"), Target("w1/side")
APP = Target("w1/main", devcontainer="d1")


def ask(action_id: str, *targets: Target, workspaces: tuple[Workspace, ...] = (), **options: Any) -> Guard:
    state_options = {k: options.pop(k) for k in ("user", "devcontainer") if k in options}
    state = a_state(*workspaces, **state_options)
    found = {"read_only": False, "now": NOON} | options
    return check(action(action_id), targets or (MAIN,), state, **found)


def reason(action_id: str, workspace: Workspace, **options: Any) -> str:
    guard = ask(action_id, workspaces=(workspace,), **options)
    assert not guard.allowed
    assert guard.confirm is None
    assert guard.reason.endswith(".")
    return guard.reason


@pytest.mark.parametrize("entry", [a for a in REGISTRY if a.writes], ids=lambda a: a.id)
def test_read_only_refuses_everything_that_writes(entry: Any) -> None:
    guard = check(entry, [MAIN], a_state(), read_only=True, now=NOON)
    assert (guard.allowed, guard.reason) == (False, "Read-only mode: nothing is changed from here.")


def test_what_only_looks_needs_nothing() -> None:
    assert ask("logs", read_only=True).allowed


def test_planned_actions_are_refused() -> None:
    assert not ask("view-tail").allowed


def test_an_active_build_blocks_the_next_one() -> None:
    for action_id in ("start", "stop", "restart", "delete"):
        assert "Build 12 is starting" in reason(action_id, a_workspace(build=active()))


def test_start_stop_restart_want_the_right_state() -> None:
    stopped = a_workspace(build=a_build(status="stopped", transition="stop"), agents=())
    assert "already started" in reason("start", a_workspace())
    assert "already stopped" in reason("stop", stopped)
    assert "start it" in reason("restart", stopped)
    for action_id in ("start", "stop", "restart"):
        assert ask(action_id, workspaces=(a_workspace(build=a_build(status="failed")),)).allowed
    assert ask("start", Target("w1"), workspaces=(stopped,)).allowed


def test_cancel() -> None:
    assert "No build" in reason("cancel-build", a_workspace())
    assert "already being" in reason("cancel-build", a_workspace(build=active("canceling")))
    locked = a_workspace(build=active(), template_allow_user_cancel=False)
    assert "template does not let" in reason("cancel-build", locked)
    assert ask("cancel-build", workspaces=(locked,), user=OWNER).allowed
    assert ask("cancel-build", workspaces=(a_workspace(build=active("pending")),)).allowed


def test_extend() -> None:
    assert "no autostop" in reason("extend", a_workspace())
    running = a_build(deadline=NOON, max_deadline=NOON + timedelta(hours=3))
    assert ask("extend", workspaces=(a_workspace(build=running),)).allowed
    late = a_build(deadline=NOON, max_deadline=NOON)
    assert "as late as" in reason("extend", a_workspace(build=late))
    assert "prebuild" in reason("extend", a_workspace(is_prebuild=True), user=OWNER)
    assert "not running" in reason("extend", a_workspace(build=a_build(status="stopped")))


def test_favourites_are_ones_own() -> None:
    assert ask("favorite").allowed
    assert "your own" in reason("favorite", a_workspace(owner_id="u9"))


def test_devcontainers() -> None:
    assert ask("devcontainer-recreate", APP).allowed
    busy = ask("devcontainer-delete", APP, devcontainer="starting")
    assert "is starting" in busy.reason
    assert not ask("devcontainer-recreate", Target("w1/main", devcontainer="gone")).allowed
    lost = a_workspace()
    lost = a_workspace(agents=tuple(_away(a) for a in lost.agents))
    assert "is disconnected" in ask("devcontainer-recreate", APP, workspaces=(lost,)).reason
    building = a_workspace(agents_are_previous=True)
    assert "build is under way" in ask("devcontainer-recreate", APP, workspaces=(building,)).reason


def _away(agent: Any) -> Any:
    from dataclasses import replace

    return replace(agent, status="disconnected")


def test_shells_want_a_connected_agent_and_the_right() -> None:
    both = ask("shell", MAIN, SIDE)
    assert both.allowed
    assert both.confirm is None
    assert both.targets == (MAIN, SIDE)
    lost = a_workspace(agents=tuple(_away(a) for a in a_workspace().agents))
    assert "is disconnected" in reason("shell", lost)
    assert "build is under way" in reason("terminal-new", a_workspace(agents_are_previous=True))
    assert not ask("shell", Target("w1"), workspaces=(a_workspace(agents=()),)).allowed
    assert "site owners" in reason("shell", PREBUILD)
    assert ask("shell", workspaces=(PREBUILD,), user=OWNER).allowed
    assert ask("shell", read_only=True).reason.startswith("Read-only")


def test_asking_an_agent_for_its_node() -> None:
    guard = ask("network-node")
    assert guard.allowed
    assert guard.confirm is not None
    assert guard.confirm.title == "Ask for its node ada/dev-w1.main?"
    assert "connection log" in guard.confirm.lasting
    assert (guard.confirm.affected, guard.confirm.typed) == ((), None)
    away = a_workspace()
    lost = replace(away, agents=tuple(replace(a, status="disconnected") for a in away.agents))
    assert "only a connected one says" in reason("network-node", lost)
    assert "to ask" in reason("network-node", replace(away, agents=()))


def test_what_is_gone_is_said_to_be() -> None:
    assert ask("restart", Target("w9/main")).reason == "It is no longer there."
    assert ask("restart", Target("w1/renamed")).allowed


PREBUILD = a_workspace(is_prebuild=True, owner_id="prebuilds", owner_name="prebuilds", name="prebuild-x")


@pytest.mark.parametrize(
    ("roles", "may"),
    [
        ((), set()),
        ((Role("auditor"),), set()),
        ((Role("template-admin"),), {"delete"}),
        ((Role("organization-template-admin", "o1"),), {"delete"}),
        ((Role("organization-template-admin", "o2"),), set()),
        ((Role("organization-admin", "o1"),), {"delete", "restart", "stop"}),
        ((Role("owner"),), {"delete", "restart", "stop"}),
        ((Role("our-own-role", "o1"),), {"delete", "restart", "stop"}),
    ],
)
def test_rights_on_prebuilds_follow_the_role(roles: tuple[Role, ...], may: set[str]) -> None:
    user = User("u1", "ada", roles=roles)
    for action_id in ("delete", "restart", "stop"):
        assert ask(action_id, workspaces=(PREBUILD,), user=user).allowed == (action_id in may)


def test_without_knowing_the_user_the_server_decides() -> None:
    assert ask("delete", workspaces=(PREBUILD,), user=None).allowed


# -- questions ----------------------------------------------------------------------------------------------------


def test_restart_asks_and_names_what_it_hits() -> None:
    status = AppStatus("working", "fixing the tests")
    used = a_workspace(last_used_at=NOON - timedelta(minutes=5), app_status=status)
    question = ask("restart", workspaces=(used,)).confirm
    assert question is not None
    assert question.title == "Restart ada/dev-w1?"
    assert question.targets == ("ada/dev-w1",)
    assert question.affected == ("last used 5 minutes ago", "an app is at work: fixing the tests")
    assert "processes end" in question.lasting
    assert question.command == "coder restart ada/dev-w1"
    assert (question.verb, question.typed) == ("Restart", None)


def test_two_agents_of_one_workspace_are_one_restart() -> None:
    guard = ask("restart", MAIN, SIDE)
    assert guard.confirm is not None
    assert guard.confirm.targets == ("ada/dev-w1",)
    assert guard.targets == (MAIN,)


def test_delete_wants_the_name_typed() -> None:
    question = ask("delete").confirm
    assert question is not None
    assert question.typed == "dev-w1"


def test_strict_wants_the_name_for_everything() -> None:
    question = ask("stop", strict=True).confirm
    assert question is not None
    assert question.typed == "dev-w1"


def test_several_want_the_count_and_say_who_is_left_out() -> None:
    fleet = (a_workspace("w1"), a_workspace("w2"), a_workspace("w3", build=active()))
    guard = ask("stop", *(Target(f"w{n}/main") for n in (1, 2, 3)), workspaces=fleet)
    question = guard.confirm
    assert question is not None
    assert question.title == "Stop: 2 workspaces?"
    assert question.typed == "2"
    assert question.targets == ("ada/dev-w1", "ada/dev-w2")
    assert question.command == "coder stop ada/dev-w1; coder stop ada/dev-w2"
    assert any("ada/dev-w3 is left out" in line for line in question.affected)
    assert [t.key for t in guard.targets] == ["w1/main", "w2/main"]


def test_long_lists_are_counted() -> None:
    fleet = tuple(a_workspace(f"w{n}") for n in range(30))
    question = ask("stop", *(Target(f"{w.id}/main") for w in fleet), workspaces=fleet).confirm
    assert question is not None
    assert len(question.targets) == 12
    assert question.targets[-1] == "and 19 more"
    assert question.command.endswith("… 28 more")
    assert question.typed == "30"


def test_starting_one_needs_no_question_starting_many_does() -> None:
    stopped = [a_workspace(w, build=a_build(status="stopped"), agents=()) for w in ("w1", "w2")]
    assert ask("start", Target("w1"), workspaces=(stopped[0],)).confirm is None
    both = ask("start", Target("w1"), Target("w2"), workspaces=tuple(stopped))
    assert both.confirm is not None
    assert both.confirm.typed == "2"


def test_somebody_elses_workspace_is_not_refused_but_doubted() -> None:
    theirs = a_workspace(owner_id="u9", owner_name="kofi")
    question = ask("stop", workspaces=(theirs,), user=ADA).confirm
    assert question is not None
    assert "the server decides" in question.affected[-1]
    owners = ask("stop", workspaces=(theirs,), user=OWNER).confirm
    assert owners is not None
    assert owners.affected == ()


def test_devcontainer_questions_name_the_container() -> None:
    question = ask("devcontainer-recreate", APP).confirm
    assert question is not None
    assert question.title == "Recreate app?"
    assert "mounted folders stay" in question.lasting
    assert "curl -X POST" in question.command
    assert "/containers/devcontainers/d1/recreate" in question.command
