"""The start as bars against what is usual, in 80 columns, and the regression in words."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdash.present.cells import Tone
from agentdash.present.glyphs import ASCII, UNICODE
from agentdash.present.timeline import Bar
from agentdash.present.waterfall import (
    Step,
    Waterfall,
    regression,
    short_bars,
    step_lines,
    total_words,
    waterfall,
)
from agentdash.state.model import Timing, Timings
from agentdash.text.width import cell_width
from agentdash.triage.baseline import Baseline, Figures
from tests.unit.model_factory import (
    NOW,
    before,
    make_agent,
    make_build,
    make_job,
    make_script,
    make_workspace,
)

VERSION = "ver-1"
AGENT = make_agent(
    scripts=(make_script("install"),), created_at=before(3600), first_connected_at=before(3590)
)
WEB = make_workspace(
    AGENT,
    build=make_build(
        template_version_id=VERSION,
        job=make_job(created_at=before(3700), started_at=before(3690), completed_at=before(3600)),
    ),
)
USUAL = Baseline(
    {
        (VERSION, "queue"): Figures(8, 12, 20),
        (VERSION, "plan"): Figures(10, 12, 20),
        (VERSION, "apply"): Figures(60, 80, 20),
        (VERSION, "connect:main"): Figures(10, 14, 20),
        (VERSION, "script:main:install"): Figures(38, 52, 20),
        (VERSION, "ready:main"): Figures(40, 55, 20),
    },
    least=5,
)


def timings(script_s: float = 40) -> Timings:
    zero = before(3690)

    def step(stage: str, start: float, end: float) -> Timing:
        return Timing(stage, stage, zero + timedelta(seconds=start), zero + timedelta(seconds=end))

    began = before(3000)  # by the agent's clock, which may be anything
    script = Timing("start", "install", began, began + timedelta(seconds=script_s), AGENT.id, "main", 0, "ok")
    return Timings("b1", (step("plan", 0, 10), step("apply", 10, 75)), (script,))


def fall(script_s: float = 40) -> Waterfall:
    return waterfall(WEB, AGENT, timings(script_s), USUAL, NOW)


def test_steps_follow_each_other_on_one_axis() -> None:
    bars = [(s.bar.label, s.bar.start_s, s.bar.length_s) for s in fall().steps]
    assert bars == [
        ("queue", 0, 10),
        ("plan", 10, 10),
        ("apply", 20, 65),
        ("connect", 85, 10),
        ("install", 95, 40),
    ]
    assert fall().total_s == 135
    assert fall().usual_s == 8 + 10 + 60 + 10 + 38


def test_what_is_usual_stands_beside_each_bar() -> None:
    lines = [cell.text for cell in step_lines(fall(), 80)]
    assert "usual 38s, p95 52s" in lines[-1]
    assert all(cell_width(line) <= 80 for line in lines)
    assert UNICODE.tick in lines[-1]
    assert UNICODE.limit in lines[-1]


def test_a_usual_start_recedes_and_names_nothing() -> None:
    assert regression(fall()).text == ""
    assert all(span.tone in (Tone.DIM, Tone.PLAIN) for cell in step_lines(fall(), 80) for span in cell.spans)


def test_the_regression_is_named() -> None:
    words = regression(fall(130), "web").text
    assert words == "install took 2m10s, usually 38s (p95 52s, last 20 of web), 3.4 times as long"
    tones = {span.tone for span in step_lines(fall(130), 80)[-1].spans}
    assert Tone.WARN in tones


def test_what_still_runs_is_an_open_bar() -> None:
    starting = make_agent(
        lifecycle="starting",
        scripts=(make_script("install", status=None, exit_code=None),),
        first_connected_at=before(200),
        created_at=before(205),
        started_at=before(199),
        ready_at=None,
    )
    found = waterfall(WEB, starting, None, USUAL, NOW)
    assert found.steps[-1].bar.is_open
    assert "has run for" in regression(found).text
    assert "…" in step_lines(found, 80)[-1].text
    assert total_words(found).text.split()[0].endswith("…")


def test_without_timings_the_scripts_are_one_bar() -> None:
    agent = make_agent(scripts=(make_script("install"),), started_at=before(3589), ready_at=before(3500))
    labels = [s.bar.label for s in waterfall(WEB, agent, None, USUAL, NOW).steps]
    assert labels == ["queue", "build", "connect", "scripts"]
    assert waterfall(WEB, agent, None, USUAL, NOW).steps[-1].bar.length_s == 89


def test_the_devcontainer_comes_after_the_scripts() -> None:
    box = make_script(
        "Dev Container (app)", is_devcontainer=True, run_on_start=False, status=None, exit_code=None
    )
    done = Timing("start", "install", before(250), before(210), AGENT.id, "main", 0, "ok")
    agent = make_agent(
        lifecycle="starting",
        scripts=(make_script("install"), box),
        created_at=before(310),
        first_connected_at=before(300),
        ready_at=None,
    )
    bars = [s.bar for s in waterfall(WEB, agent, Timings("b1", scripts=(done,)), USUAL, NOW).steps]
    assert [(b.label, b.is_open) for b in bars[-2:]] == [("install", False), ("Dev Container (app)", True)]
    assert bars[-1].start_s == bars[-2].start_s + 40
    assert bars[-1].length_s == 260


def test_a_script_that_failed_says_how() -> None:
    failed = Timing("start", "install", before(60), before(40), AGENT.id, "main", 127, "exit_failure")
    agent = make_agent(scripts=(make_script("install", status="exit_failure", exit_code=127),))
    found = waterfall(WEB, agent, Timings("b1", scripts=(failed,)), USUAL, NOW)
    assert step_lines(found, 80)[-1].text.endswith("exit 127")
    assert short_bars(found).text.endswith("✗")


def test_a_stop_is_no_start() -> None:
    stopped = make_workspace(build=make_build("stopped", "stop"))
    assert waterfall(stopped, None, None, USUAL, NOW).steps == ()
    assert total_words(Waterfall()).text == ""
    assert short_bars(Waterfall()).text == ""


def test_agents_of_the_build_before_tell_nothing_of_this_one() -> None:
    pending = make_workspace(
        AGENT,
        agents_are_previous=True,
        build=make_build("pending", job=make_job("pending", started_at=None, completed_at=None)),
    )
    assert [s.bar.label for s in waterfall(pending, AGENT, None, USUAL, NOW).steps] == ["queue"]


def test_one_line_gathers_plan_and_scripts() -> None:
    text = short_bars(fall(), room=80).text
    assert [word for word in text.split() if word.isalpha()] == [
        "queue",
        "plan",
        "apply",
        "connect",
        "scripts",
    ]


def test_without_room_the_longest_steps_stay() -> None:
    text = short_bars(fall(130), room=30).text
    assert text.startswith("scripts ")
    assert text.endswith("of 3m45s")
    assert cell_width(text) <= 30


def test_ascii() -> None:
    assert all(cell.text.isascii() for cell in step_lines(fall(130), 80, ASCII))
    assert short_bars(fall(130), ASCII).text.isascii()


seconds = st.floats(0, 1e7, allow_nan=False)
bars = st.builds(
    Bar,
    st.text(max_size=30),
    seconds,
    seconds,
    st.sampled_from(["well", "moving", "broken"]),
    st.booleans(),
    st.sampled_from(["", "exit 127"]),
)
figures = st.none() | st.builds(Figures, seconds, seconds, st.integers(1, 20))


@given(
    st.lists(st.builds(Step, bars, figures), max_size=12),
    st.integers(1, 200),
    st.sampled_from([UNICODE, ASCII]),
)
def test_any_start_can_be_drawn(steps: list[Step], width: int, glyphs: object) -> None:
    made = Waterfall(tuple(steps))
    for cell in step_lines(made, width, glyphs):  # type: ignore[arg-type]
        assert all(0 <= s.start <= s.end for s in cell.spans)
    short_bars(made, room=width)
    regression(made)
    total_words(made)


@pytest.mark.parametrize("width", [80, 100, 120])
def test_lines_fit(width: int) -> None:
    assert all(cell_width(cell.text) <= width for cell in step_lines(fall(400), width))
