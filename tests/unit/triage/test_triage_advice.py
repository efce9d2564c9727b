"""What findings advise and take for causes: nothing that the evidence refutes, no command that does not help."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from immutables import Map

from agentdash.triage.catalogue import CATALOGUE
from agentdash.triage.diagnose import diagnose
from agentdash.triage.entries.entry import Entry
from agentdash.triage.finding import naming
from tests.unit.triage.builders import (
    ORG,
    PREBUILDS_USER_ID,
    PRESET,
    VERSION,
    Facts,
    MatchedProvisioners,
    Preset,
    Workspace,
    agent,
    bare_prebuild,
    before,
    build,
    daemon,
    facts,
    failed_build,
    find,
    job,
    pending,
    prebuild,
    read,
    script,
    sub_agent,
    tail,
    workspace,
)


def advised(of: Facts, rule: str) -> list[tuple[str, str]]:
    return [(step.text, step.command) for step in find(of, rule).next]


# Claims


def passed_over(preset_id: str | None, *, is_kept: bool = False) -> Facts:
    """A workspace built from nothing beside one prebuild that was ready."""
    at = before(600)
    cold = workspace(
        agent(created_at=at, first_connected_at=at, started_at=at, ready_at=at),
        build=build(
            number=1,
            preset_id=preset_id,
            created_at=at,
            job=job(created_at=at, started_at=at, completed_at=at),
        ),
    )
    root = agent(workspace_id="pb1")
    inner = sub_agent(root, lifecycle="starting", ready_at=before(800))
    left = prebuild(1, root, *((inner,) if is_kept else ()))
    chosen = Preset(PRESET, "small pool", VERSION, 1)
    return facts(
        cold,
        left,
        pool=0,
        presets=Map({VERSION: read((chosen,))}),
        parameters=Map({"b-w1": read(Map({"cpu": "4"}))}),
    )


NOT_CHOSEN = "no preset was chosen, and the parameters match none"
KEPT = "a sub-agent kept the prebuild from being claimed (P09)"


@pytest.mark.parametrize(
    ("preset_id", "is_kept", "holds", "refuted"),
    [(None, False, NOT_CHOSEN, KEPT), (PRESET, False, "", NOT_CHOSEN), (PRESET, False, "", KEPT)],
)
def test_why_a_prebuild_was_passed_over(
    preset_id: str | None, is_kept: bool, holds: str, refuted: str
) -> None:
    causes = find(passed_over(preset_id, is_kept=is_kept), "C08").causes
    assert causes
    assert not holds or holds in causes
    assert refuted not in causes


def test_a_preset_is_chosen_by_its_name() -> None:
    assert advised(passed_over(None), "C08") == [
        ("choose the preset when creating", "coder create --template web --preset 'small pool' NAME")
    ]
    assert all("--preset" not in command for _, command in advised(passed_over(PRESET), "C08"))


# Builds


@pytest.mark.parametrize("count", [1, 3])
def test_provisioners_that_are_gone_are_not_called_available(count: int) -> None:
    matched = MatchedProvisioners(count, count, before(200))
    gone = tuple(daemon(f"prov-{n}", status="offline", last_seen_at=before(200)) for n in range(count))
    found = find(
        facts(workspace(build=pending(waited_s=300, matched=matched)), daemons=Map({ORG: read(gone)})), "B02"
    )
    said = [e.text for e in found.evidence]
    assert not any(f"{count} available" in text for text in said)
    assert any(text.endswith("0 available now") for text in said)


# Scripts

FULL = "npm error nospc ENOSPC: no space left on device, write"
WANTS_LOGIN = "fatal: could not read Username for 'https://git.example.com': terminal prompts disabled"
ASKED = "Open https://coder.example.com/external-auth/forge to authenticate"
NO_KEY = "git@git.example.com: Permission denied (publickey)."


def failing(*texts: str, others: int = 0, others_fail: bool = False, log_path: str = "") -> Facts:
    """An agent whose script failed with this log, beside others of the version that ran it."""
    bad = script(status="exit_failure", exit_code=3, log_path=log_path)
    ended = script(status="exit_failure", exit_code=3) if others_fail else script(status="ok", exit_code=0)
    own = agent(lifecycle="start_error", scripts=(bad,))
    beside = [
        workspace(
            agent(
                workspace_id=f"o{n}",
                lifecycle="start_error" if others_fail else "ready",
                scripts=(ended,),
            ),
            id=f"o{n}",
        )
        for n in range(others)
    ]
    return facts(workspace(own), *beside, agent_logs=Map({own.id: tail(*texts)}), pool=0)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        (FULL, ("free or enlarge the disk", "coder ssh ada/w1.main -- df -h")),
        (
            WANTS_LOGIN,
            ("log in to the git server, on the page https://coder.example.com/settings/external-auth", ""),
        ),
        (
            f"{ASKED}\n{WANTS_LOGIN}",
            (
                "log in to the git server, on the page https://coder.example.com/external-auth/forge",
                "coder ssh ada/w1.main -- coder external-auth access-token forge",
            ),
        ),
        (NO_KEY, ("add the account's SSH key to the git server", "coder publickey")),
        (
            "sh: 1: npm: not found",
            ("read the log of install-deps and correct it in web", "coder logs ada/w1"),
        ),
    ],
)
def test_the_telling_line_says_what_to_do_about_a_script(text: str, first: tuple[str, str]) -> None:
    steps = advised(failing(*text.splitlines()), "S03")
    assert steps[0] == first
    assert "correct it in web" in steps[0][0] or all("correct it" not in said for said, _ in steps)


@pytest.mark.parametrize(
    ("fails_elsewhere", "blames"), [(True, True), (False, False)], ids=["everywhere", "here only"]
)
def test_a_template_that_works_elsewhere_is_not_blamed(fails_elsewhere: bool, blames: bool) -> None:
    steps = advised(failing("npm: not found", others=4, others_fail=fails_elsewhere), "S03")
    assert ("correct it in web" in steps[0][0]) is blames


@pytest.mark.parametrize(
    ("log_path", "command"),
    [
        ("", "coder logs ada/w1"),
        ("install.log", "coder logs ada/w1"),
        ("/tmp/install.log", "coder ssh ada/w1.main -- cat /tmp/install.log"),
        ("~/install.log", "coder ssh ada/w1.main -- cat '~/install.log'"),
        ("/tmp/x; rm -rf ~", "coder logs ada/w1"),
        ("$HOME/install.log", "coder logs ada/w1"),
    ],
)
def test_a_scripts_log_is_read_where_it_is(log_path: str, command: str) -> None:
    assert advised(failing("npm: not found", log_path=log_path), "S03")[0][1] == command


def test_a_cause_is_said_once() -> None:
    broken = agent(lifecycle="start_error", scripts=(script(status="exit_failure", exit_code=127),))
    said = find(
        facts(workspace(broken), agent_logs=Map({broken.id: tail("sh: 1: npm: not found")}), pool=0), "S03"
    )
    assert said.causes == ("a program is missing",)
    unread = find(facts(workspace(broken), pool=0), "S03")
    assert unread.causes == ("exit 127: a program was not found",)


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=lambda entry: entry.id)
def test_a_cause_is_no_instruction_to_look(entry: Entry) -> None:
    assert not [cause for cause in entry.causes if cause.startswith("see ") or ": see " in cause]


# Prebuilds


def stuck(**fields: Any) -> Facts:
    """A prebuild whose agent is not ready for long."""
    late: dict[str, Any] = {
        "ready_at": None,
        "created_at": before(2000),
        "first_connected_at": before(1990),
    }
    own = agent(workspace_id="pb1", **{**late, **fields})
    return facts(prebuild(1, own), pool=1, agent_logs=Map({own.id: tail("sh: 1: npm: not found")}))


EXITED = script(status="exit_failure", exit_code=127, log_path="/opt/install.log")
NEVER_MET = {"status": "timeout", "lifecycle": "created", "first_connected_at": None, "started_at": None}
HANGS = {
    "lifecycle": "starting",
    "started_at": before(1990),
    "scripts": (script(status=None, exit_code=None),),
}


@pytest.mark.parametrize(
    ("fields", "refuted"),
    [
        (
            {"lifecycle": "start_error", "scripts": (EXITED,)},
            ("never connected", "devcontainer", "its start script"),
        ),
        (HANGS, ("never connected", "devcontainer", "its start script")),
        (NEVER_MET, ("its start script", "a devcontainer")),
    ],
    ids=["failed", "hangs", "never connected"],
)
def test_a_stuck_prebuild_is_given_no_cause_that_its_state_refutes(
    fields: dict[str, object], refuted: tuple[str, ...]
) -> None:
    found = find(stuck(**fields), "P07")
    assert found.causes
    assert not [cause for cause in found.causes if any(word in cause for word in refuted)]
    texts = [e.text for e in found.evidence]
    assert len(texts) == len(set(texts))


def test_a_stuck_prebuild_and_its_script_name_one_command() -> None:
    broken = stuck(lifecycle="start_error", scripts=(EXITED,))
    of_pool, of_script = advised(broken, "P07"), advised(broken, "S03")
    assert of_pool[0] == of_script[0]
    assert of_pool[0][1] == "coder ssh prebuilds/prebuild-1.main -- cat /opt/install.log"


def test_a_prebuild_that_never_connected_has_no_log_to_read() -> None:
    assert not [text for text, _ in advised(stuck(**NEVER_MET), "P07") if "log" in text]


def test_how_many_others_fail_stands_once() -> None:
    def one(number: int) -> Workspace:
        return prebuild(number, agent(workspace_id=f"pb{number}", lifecycle="start_error", scripts=(EXITED,)))

    found = find(facts(one(1), one(2), one(3), pool=0), "P07")
    assert sum("others" in e.text for e in found.evidence) == 1


def test_what_a_lost_prebuild_shares_with_its_agent_stands_once() -> None:
    gone = agent(
        workspace_id="pb1",
        status="disconnected",
        disconnected_at=before(300),
        last_connected_at=before(303),
    )
    found = find(facts(prebuild(1, gone), pool=1), "P08")
    assert sum("lifecycle ready" in e.text for e in found.evidence) == 1
    assert len([cause for cause in found.causes if "network" in cause]) == 1
    assert len([cause for cause in found.causes if "reclaimed" in cause]) == 1


# Failed prebuilds

TRAP = "terraform apply: exit status 1"
POOL: dict[str, Any] = {"number": 1, "preset_id": PRESET, "initiator_id": PREBUILDS_USER_ID}


def broken(number: int, **job_fields: Any) -> Workspace:
    """A prebuild whose start failed some minutes ago."""
    at = before(100 * number)
    values: dict[str, Any] = {"error": TRAP, "created_at": at, "started_at": at, "completed_at": at}
    made = failed_build(f"pb{number}", job=job("failed", **{**values, **job_fields}), created_at=at, **POOL)
    return bare_prebuild(number, build=made)


def full_disks() -> Facts:
    log = tail(
        "│ Error: creating container: no space left on device", source="Starting workspace", level="error"
    )
    failed = [broken(number) for number in range(1, 4)]
    return facts(*failed, pool=0, build_logs=Map({w.build.id: log for w in failed}))


@pytest.mark.parametrize("rule", ["P05", "P04", "P10"])
def test_a_pools_failures_are_told_by_what_their_logs_say(rule: str) -> None:
    said = [e.text for e in find(full_disks(), rule).evidence]
    assert "prebuild-1: creating container: no space left on device" in said
    assert not [text for text in said if TRAP in text]


def test_a_pools_known_cause_leaves_no_guess() -> None:
    assert find(full_disks(), "P05").causes == ("the disk is full",)


REAPED = "Coder: Build has been detected as hung for 5 minutes and will be terminated by the reaper."


@pytest.mark.parametrize(("rule", "error"), [("B09", TRAP), ("B05", REAPED)])
def test_a_failed_prebuild_is_deleted_and_a_workspace_started(rule: str, error: str) -> None:
    of_pool = advised(facts(broken(1, error=error), pool=1), rule)
    assert of_pool[-1][1] == "coder delete prebuilds/prebuild-1"
    assert not [command for _, command in of_pool if "start" in command]
    own = advised(facts(workspace(build=failed_build(error=error))), rule)
    assert own[-1][1] == "coder start ada/w1"


# The rest


@pytest.mark.parametrize("rule", ["D02", "D03", "D06", "D07", "D11"])
def test_a_devcontainer_is_made_anew_in_its_pane(rule: str) -> None:
    assert [
        (text, command)
        for text, command in CATALOGUE[rule].next
        if "Devcontainers pane (key `5`), key `c`" in text and not command
    ]


def test_keys_that_advice_names_are_those_of_the_table() -> None:
    keys = Path(__file__, "../../../../docs/keys.md").resolve().read_text(encoding="utf-8")
    for key, action in {
        "5": "pane-5",
        "2": "pane-2",
        "c": "devcontainer-recreate",
        "C": "cancel-build",
    }.items():
        assert re.search(rf"^\| `{key}` \|.*\| `{action}` \|$", keys, re.MULTILINE), key
    assert "(key `C`)" in CATALOGUE["B06"].next[-1][0]


def test_nobody_is_sent_to_a_list_of_resources_for_the_machine() -> None:
    assert not [
        entry.id for entry in CATALOGUE.values() for _, command in entry.next if "coder show" in command
    ]


def test_a_pool_out_of_quota_waits_for_that_and_nothing_else() -> None:
    refused_ones = [broken(n, error="insufficient quota", error_code="INSUFFICIENT_QUOTA") for n in (1, 2, 3)]
    found = diagnose(facts(*refused_ones, pool=0)).findings
    of_quota = [f for f in found if f.rule == "P16"]
    assert [(f.subject.kind, f.primary) for f in of_quota] == [("preset", True)]
    assert {f.rule for f in of_quota[0].folded} == {"P04", "P05"}


def test_an_older_refusal_is_told_of_its_own_prebuild() -> None:
    older = broken(2, error="insufficient quota", error_code="INSUFFICIENT_QUOTA")
    found = find(facts(broken(1), older, pool=0), "P16")
    assert (found.subject.kind, found.subject.workspace) == ("workspace", "prebuilds/prebuild-2")


@pytest.mark.parametrize(
    ("title", "suspect", "said"),
    [
        ("Metadata CPU: run cmd", "cpu", "Metadata CPU: run cmd"),
        ("App Web is unhealthy", "web", "App Web is unhealthy"),
        ("Start took 74 s", "clone", "Start took 74 s: clone"),
        ("Start took 74 s", "", "Start took 74 s"),
    ],
)
def test_a_title_names_its_suspect_once(title: str, suspect: str, said: str) -> None:
    assert naming(title, suspect) == said
