"""The line that matters in logs as real tools write them."""

from __future__ import annotations

import pytest

from agentdash.state.model import LogLine
from agentdash.triage.evidence import (
    cause_of,
    devcontainer_end,
    still_busy,
    telling_line,
    terraform_errors,
    waits_for_unit,
)
from tests.unit.triage.builders import before, line


def log(*texts: str, level: str = "info") -> list[LogLine]:
    return [line(number, text, level=level) for number, text in enumerate(texts, 1)]


NPM = (
    "npm ci --no-audit",
    "warning deprecated inflight@1.0.6: This module is not supported, and leaks memory.",
    "npm error code ENOSPC",
    "npm error nospc ENOSPC: no space left on device, write",
    "npm error nospc There appears to be insufficient space on your system to finish.",
    "npm error A complete log of this run can be found in: /home/coder/.npm/_logs/",
)


@pytest.mark.parametrize(
    ("texts", "exit_code", "wanted", "cause"),
    [
        (NPM, 228, 3, "the disk is full"),
        (("+ npm ci", "sh: 1: npm: not found"), 127, 1, "a program is missing"),
        (("cp: cannot create '/opt/x': Permission denied", "done with errors"), 1, 0, "a right is missing"),
        (("curl: (6) Could not resolve host: example.com",), 6, 0, "a name cannot be resolved"),
        (("E: Could not get lock.", "E: Unable to acquire the dpkg lock"), 100, 1, "something holds a lock"),
        (("building", "make: *** [all] Error 2", "cleanup finished"), 2, 1, ""),
        (("step 1", "step 2"), 3, 1, ""),
        (("cat: a: No such file or directory", "Killed"), 137, 1, "killed, most likely for memory"),
        (
            ("src/a.c:12: undefined reference to `frob', error: ld failed", "make: *** [all] Error 2"),
            2,
            0,
            "",
        ),
        (
            ("TypeError: x is missing", "npm ERR! Exit status 1", "yarn: Command failed with exit code 1"),
            1,
            0,
            "",
        ),
        # A later harmless complaint does not explain exit 127.
        (("run.sh: foo: command not found", "mkdir: Permission denied"), 127, 0, "a program is missing"),
    ],
)
def test_line_that_matters(texts: tuple[str, ...], exit_code: int, wanted: int, cause: str) -> None:
    found = telling_line(log(*texts, level="error"), exit_code=exit_code)
    assert found is not None
    assert (found.line.text, found.cause) == (texts[wanted], cause)


def test_lines_after_the_failure_do_not_count() -> None:
    lines = log("curl: connection refused", "no space left on device")
    found = telling_line(lines, until=before(599))
    assert found is not None
    assert found.line.id == 1


def test_what_stands_far_back_belongs_to_something_else() -> None:
    found = telling_line(log("no space left on device", *(f"step {n} ok" for n in range(80))))
    assert found is not None
    assert found.line.text == "step 79 ok"


def test_no_lines_no_reason() -> None:
    assert telling_line([]) is None
    assert telling_line(log("", "   ")) is None


def test_terraform_block_with_its_place() -> None:
    lines = log(
        "Planning",
        "╷",
        "│ Error: Invalid value",
        "│ ",
        "│   with coder_agent.main,",
        "│   on main.tf line 3, in resource",
        "╵",
    )
    assert [ln.text for ln in terraform_errors(lines)] == [lines[2].text, lines[4].text, lines[5].text]


def test_terraform_block_says_why_far_below() -> None:
    lines = log(
        "╷",
        "│ Error: Unable to create container",
        "│   with docker_container.workspace,",
        '│   on main.tf line 20, in resource "docker_container" "workspace":',
        '│   20: resource "docker_container" "workspace" {',
        "│ ",
        "│ Error response from daemon: mkdir /var/lib/docker: no space left on device",
        "╵",
        "terraform apply: exit status 1",
    )
    shown = terraform_errors(lines)
    assert [ln.id for ln in shown] == [2, 3, 7]
    assert cause_of(shown) == "the disk is full"


def test_of_several_blocks_the_one_that_says_why_counts() -> None:
    lines = log(
        "Error: quota exceeded: 8 of 8 CPUs", "╵", "Error: context canceled", "  with null_resource.x,"
    )
    assert [ln.id for ln in terraform_errors(lines)] == [1]
    unknown = log("Error: first thing", "╵", "Error: second thing")
    assert [ln.id for ln in terraform_errors(unknown)] == [3]


def test_without_a_block_the_loud_line_that_says_why_is_among_them() -> None:
    lines = log("no space left on device", "cleaning up", "closing", "closed", "bye", level="error")
    assert [ln.id for ln in terraform_errors(lines)] == [1, 4, 5]


def test_without_a_block_the_loud_lines_count() -> None:
    assert [ln.text for ln in terraform_errors(log("a", "b", level="error"))] == ["a", "b"]
    assert terraform_errors(log("a", "b")) == ()


STILL = "docker_image.main: Still creating... [{} elapsed]"


def test_still_busy_reads_the_elapsed_time() -> None:
    busy = still_busy(log(STILL.format("02m10s"), STILL.format("02m20s")))
    assert busy is not None
    assert (busy.address, busy.elapsed_s) == ("docker_image.main", 140)
    assert still_busy(log(STILL.format("10s"), "docker_image.main: Creation complete after 11s")) is None


def test_outcome_of_the_last_run_counts() -> None:
    error = '{"outcome":"error","message":"Command failed: docker pull x","description":"no"}'
    good = '{"outcome":"success","containerId":"f2"}'
    first = devcontainer_end(log(error, "Container started", good))
    assert first is not None
    assert not first.has_failed
    last = devcontainer_end(log(good, "Cannot connect to the Docker daemon at unix:///x", error))
    assert last is not None
    assert last.has_failed
    assert (last.message, last.cause) == ("Command failed: docker pull x", "Docker does not answer")
    assert devcontainer_end(log('{"outcome": broken', "[" * 5000)) is None


def test_progress_before_an_outcome_is_no_reason_and_a_failed_step_is() -> None:
    error = '{"outcome":"error","message":"Command failed: docker buildx build"}'
    ended = devcontainer_end(
        log("ERROR: failed to solve: process apt-get did not complete", "#12 DONE", error)
    )
    assert ended is not None
    assert ended.reason is not None
    assert ended.reason.id == 1
    calm = devcontainer_end(log("Start: Run: docker buildx build", "#12 DONE 0.1s", error))
    assert calm is not None
    assert calm.reason is None


def test_waiting_is_judged_by_the_last_line() -> None:
    assert waits_for_unit(log("coder exp sync: waiting for unit 'clone'")) is not None
    assert waits_for_unit(log("sync wait", "done")) is None


def test_cause_of_nothing_known_is_empty() -> None:
    assert cause_of(log("all fine")) == ""
