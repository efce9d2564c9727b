"""Rows of presets: counts, the one cause, one sign an instance, the last claim."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from immutables import Map

from agentdash.present.cells import Tone
from agentdash.present.glyphs import ASCII
from agentdash.present.pools import (
    INSTANCE_HEADS,
    POOL_HEADS,
    PoolView,
    instance_cells,
    instances,
    pool_cells,
    pool_title,
    pool_views,
    signs,
    unhealthy,
)
from agentdash.state.deployment import PrebuildsSettings, Preset
from agentdash.state.model import Timing, Timings
from agentdash.triage.diagnose import diagnose
from agentdash.triage.facts import Facts
from tests.unit.triage import builders as b


def views(of: Facts) -> tuple[PoolView, ...]:
    return pool_views(of, diagnose(of), of.now)


def texts(view: PoolView) -> dict[str, str]:
    return {head.id: cell.text for head, cell in zip(POOL_HEADS, pool_cells(view, b.NOW), strict=True)}


def stuck(number: int) -> Any:
    agent = b.agent(
        workspace_id=f"pb{number}",
        lifecycle="start_error",
        scripts=(b.script(status="exit_failure", exit_code=127),),
    )
    return b.prebuild(number, agent)


def test_a_well_pool_recedes() -> None:
    (view,) = views(b.facts(pool=2))
    assert texts(view) == {
        "sign": "●", "preset": "web / small", "desired": "2", "running": "2", "claimable": "2", "starting": "0",
        "queued": "0", "failed": "0", "claim": "–", "why": "–",
    }  # fmt: skip
    assert {c.tone for c in pool_cells(view, b.NOW)} == {Tone.DIM}
    assert signs(view).text == "●●"
    assert unhealthy([view]) == 0


def test_running_but_none_claimable_says_what_fails() -> None:
    (view,) = views(b.facts(stuck(1), stuck(2), pool=0))
    row = texts(view)
    assert (row["running"], row["claimable"]) == ("2", "0")
    assert row["why"] == "2 running, none claimable: install-deps fails  P07 ×2"
    assert (row["sign"], signs(view).text) == ("✗", "✗✗")
    assert unhealthy([view]) == 1
    assert pool_title(view).text.startswith("web / small  ✗✗  2 running")


def test_filling_is_under_way_with_the_time_it_takes() -> None:
    building = b.bare_prebuild(1, build=b.pending("pb1", 20, preset_id=b.PRESET, number=1))
    (view,) = views(b.facts(building, pool=1))
    row = texts(view)
    assert (row["sign"], row["starting"], row["queued"], row["claimable"]) == ("◐", "1", "1", "1")
    assert row["why"].startswith("filling")
    assert signs(view).text in ("●◐", "◐●")


def test_what_runs_its_scripts_still_is_said_to_be_on_its_way() -> None:
    agent = b.agent(
        workspace_id="pb1", lifecycle="starting", started_at=b.before(20), first_connected_at=b.before(21),
        ready_at=None, scripts=(b.script(status=None, exit_code=None),),
    )  # fmt: skip
    job = b.job(created_at=b.before(40), started_at=b.before(39), completed_at=b.before(25))
    young = b.prebuild(1, agent, build=b.build("pb1", number=1, preset_id=b.PRESET, job=job))
    (view,) = views(b.facts(young, pool=1))
    row = texts(view)
    assert (row["running"], row["claimable"], row["why"]) == ("2", "1", "1 not ready yet")
    assert row["sign"] == "◐"


def test_missing_instances_are_dots() -> None:
    (view,) = views(b.facts(pool=0))
    assert signs(view).text == "··"
    assert texts(view)["sign"] == "✗"


def test_a_paused_reconciler_is_the_cause() -> None:
    of = b.facts(pool=1, prebuilds=b.read(PrebuildsSettings(reconciliation_paused=True)))
    (view,) = views(of)
    assert texts(view)["why"].endswith("P01")


def test_the_last_claim_of_a_preset() -> None:
    mine = b.claimed(b.agent())
    (view,) = views(b.facts(mine, builds=b.claim_builds(mine)))
    assert view.last_claim is not None
    assert texts(view)["claim"] == "1h"  # the job of the claim was created a little more than an hour ago


def test_a_pool_whose_preset_was_not_read_has_no_wish() -> None:
    (view,) = views(b.facts(pool=1, presets=Map()))
    assert texts(view)["desired"] == "?"


def test_a_preset_that_wants_none_is_off_and_one_of_an_old_version_is_named_so() -> None:
    presets = Map({b.VERSION: b.read((Preset(b.PRESET, "small", b.VERSION, 0),))})
    (view,) = views(b.facts(pool=1, presets=presets))
    assert view.kind == "off"


def test_the_worst_pool_stands_first() -> None:
    presets = Map(
        {b.VERSION: b.read((Preset(b.PRESET, "zeta", b.VERSION, 1), Preset("p2", "alpha", b.VERSION, 1)))}
    )
    found = views(b.facts(stuck(1), pool=0, presets=presets))
    assert [v.kind for v in found] == ["broken", "broken"]
    found = views(b.facts(pool=1, presets=presets))
    assert [(v.pool.name, v.kind) for v in found] == [("alpha", "broken"), ("zeta", "well")]


def test_instances_with_their_starts() -> None:
    of = b.facts(stuck(1), pool=1)
    (view,) = views(of)
    found = instances(of, view, of.now)
    assert [i.kind for i in found] == ["broken", "well"]
    assert found[0].key == "pb1/main"
    cells = instance_cells(found[0], of.now)
    assert len(cells) == len(INSTANCE_HEADS)
    assert cells[3].text == "P07 install-deps fails"
    assert cells[4].text.startswith("queue ")
    assert all(c.text.isascii() for c in instance_cells(found[0], of.now, ASCII))


def test_an_instance_that_is_built_has_an_open_bar() -> None:
    running = b.job("running", created_at=b.before(60), started_at=b.before(50), completed_at=None)
    building = b.bare_prebuild(
        1, build=b.build("pb1", status="starting", job=running, resources=(), preset_id=b.PRESET)
    )
    of = b.facts(building)
    (view,) = views(of)
    first = instances(of, view, of.now)[0]
    assert first.what.text == "starting"
    assert "…" in instance_cells(first, of.now)[4].text


def test_timings_that_were_read_are_drawn() -> None:
    at = b.before(3600)
    step = Timing(
        "start", "install-deps", at, at + timedelta(seconds=30), "pb1-main", "main", 127, "exit_failure"
    )
    of = b.facts(stuck(1), timings=Map({"b-pb1": b.read(Timings("b-pb1", scripts=(step,)))}))
    (view,) = views(of)
    text = instance_cells(instances(of, view, of.now)[0], of.now)[4].text
    assert "scripts" in text
    assert text.endswith("30s ✗")
