"""Rule × world: in every scripted world fires what was planted there, on its subject, and nothing else."""

from __future__ import annotations

import pytest

from agentdash.local.records_agent import CONTAINERS_OFF
from agentdash.local.staging import Condition
from agentdash.local.world import play, set_in_motion
from agentdash.local.worlds import CONDITIONS, world_names
from agentdash.triage.catalogue import CATALOGUE, NOT_SHOWN, WITHOUT_FINDING
from tests.unit.triage.world_reading import opened, told

WATCHED = {
    "a04": (300, 15),
    "a04-near": (300, 15),
    "a06": (60, 15),
    "c06": (1200, 60),
    "c06-near": (600, 60),
    "a06-near": (60, 15),
    "d03-near": (45, 15),
    "d11": (30, 15),
    "d11-near": (15, 5),
    "r05": (60, 15),
    "r05-near": (60, 15),
    "r06": (420, 30),
    "r06-near": (420, 30),
}
"""Worlds whose trouble has a past that no single look tells: for how many seconds, and how often."""

WHOLE_FLEETS = {"fleet", "calm"}
"""Nobody has all agents of these on screen, where those without Docker would say so (D08)."""

MATRIX: dict[str, str] = {
    "fleet": (
        "A02 ivo/toolchain › main, A05 dalia/clang › main, A05 kofi/vision › main [W03], "
        "B01 mara/arm-build, B09 farah/ledger-api, B16 gus/try-rapids, D02 emil/api-next › main, "
        "P07 #10, P07 #11, P07 #12, P07 #8, P07 #9, S02 ivo/forecast › main, S03 #10 › main, "
        "S03 #11 › main, S03 #12 › main, S03 #8 › main, S03 #9 › main, S03 emil/cart › main, "
        "S04 hana/events › main"
    ),
    "p01": "P01 deployment",
    "p01-near": "",
    "p02": "P02 deployment",
    "p02-near": "",
    "p03": "P03 pool / standard",
    "p03-near": "",
    "p04": "B09 #3, B09 #4, C02 june/mine [B09], P04 pool / standard",
    "p04-near": "B09 #1",
    "p05": "B09 #1, B09 #2, B09 #3, P05 pool / standard [P04], P10 pool / standard",
    "p05-near": "B09 #1, B09 #2, P04 pool / standard",
    "p06": "P06 pool / standard [P03]",
    "p06-near": "",
    "p07": (
        "P07 #1, P07 #2, P07 #3, P07 #4, P07 #5, S03 #1 › main, S03 #2 › main, S03 #3 › main, "
        "S03 #4 › main, S03 #5 › main"
    ),
    "p07-near": "D09 #1 › main, D09 #2 › main",
    "p08": "A05 #1 › main, P08 #1",
    "p08-near": "A05 #1 › main",
    "p09": "P09 #1",
    "p09-near": "",
    "p10": "B09 #1, P10 pool / standard",
    "p10-near": "B09 #1",
    "p11": "P11 #1",
    "p11-near": "",
    "p12": "P12 #2",
    "p12-near": "",
    "p14": "P01 deployment, P14 #1, P14 #2",
    "p14-near": "",
    "p15": "P15 #1",
    "p15-near": "",
    "p16": "P16 pool / standard [P04]",
    "p16-near": "B09 #1, P04 pool / standard",
    "p17": "P17 pool",
    "p17-near": "",
    "p18": "D09 #1 › main, D09 bruno/cold › main, D09 june/mine › main, P18 pool / standard",
    "p18-near": "D09 #1 › main, D09 bruno/cold › main, D09 june/mine › main",
    "p19": (
        "B03 #10, B03 #11, B03 #12, B03 #13, B03 #4, B03 #5, B03 #6, B03 #7, B03 #8, B03 #9, P19 deployment"
    ),
    "p19-near": "",
    "p20": "P20 #1",
    "p20-near": "",
    "p21": "B16 #1, P04 pool / standard, P21 #1",
    "p21-near": "",
    "s05": "S05 pool / standard",
    "s05-near": "",
    "b13": "B13 deployment",
    "b13-near": "",
    "healthy": "",
    "calm": "",
    "c01": "C01 june/mine",
    "c01-near": "",
    "c02": "C02 june/mine [B09]",
    "c02-near": "B09 june/mine",
    "c03": "C03 june/mine › main [D09]",
    "c03-near": "D09 #2 › main, D09 june/mine › main",
    "c04": "C04 june/mine",
    "c04-near": "",
    "c05": "C05 june/mine",
    "c05-near": "",
    "c06": "C06 june/mine › main",
    "c06-near": "",
    "c07": "C07 #1 › main, V01 #1 › main",
    "c07-near": "",
    "c08": "C08 bruno/cold",
    "c08-near": "",
    "b01": "B01 ada/dev",
    "b01-near": "",
    "b02": "B02 ada/late",
    "b02-near": "",
    "b03": "B03 ada/busy3, B03 ada/busy4",
    "b03-near": "",
    "b04": "B01 ada/dev [B04]",
    "b04-near": "B01 ada/dev",
    "b05": "B05 ada/dev",
    "b05-near": "B09 ada/dev",
    "b06": "B06 ada/dev",
    "b06-near": "",
    "b07": "B07 ada/dev",
    "b07-near": "",
    "b08": "B08 ada/dev",
    "b08-near": "",
    "b09": "B09 ada/dev",
    "b09-near": "B16 ada/dev",
    "b10": "B10 ada/dev",
    "b10-near": "B09 ada/dev",
    "b11": "B11 ada/dev",
    "b11-near": "",
    "b12": "B12 provisioner",
    "b12-near": "",
    "b14": "B02 ada/dev, B14 ada/dev",
    "b14-near": "",
    "b15": "B15 ada/dev",
    "b15-near": "",
    "b16": "B16 ada/dev",
    "b16-near": "",
    "a01": "A01 ada/dev › main",
    "a01-near": "",
    "a02": "A02 ada/dev › main",
    "a02-near": "",
    "a03": "A03 ada/dev › main",
    "a03-near": "A01 ada/dev › main",
    "a04": "A04 ada/dev › main",
    "a04-near": "",
    "a05": "A05 ada/dev › main",
    "a05-near": "",
    "a05b": "A05 ada/dev › main",
    "a05b-near": "",
    "a06": "A06 ada/dev",
    "a06-near": "",
    "a07": "A07 ada/dev",
    "a07-near": "",
    "a08": "A08 ada/dev",
    "a08-near": "",
    "a09": "A09 ada/dev › main",
    "a09-near": "",
    "a11": "A11 ada/dev › main",
    "a11-near": "",
    "a12": "A12 ada/dev › main",
    "a12-near": "",
    "s01": "S01 ada/dev › main [D09]",
    "s01-near": "D09 ada/dev › main",
    "s02": "S02 ada/dev › main",
    "s02-near": "",
    "s03": "S03 ada/dev › main",
    "s03-near": "",
    "s04": "S04 ada/dev › main",
    "s04-near": "S08 ada/dev › main",
    "s06": "S06 ada/dev › main [D09]",
    "s06-near": "D09 ada/dev › main",
    "s07": "S07 ada/dev › main [D09]",
    "s07-near": "D09 ada/dev › main",
    "s08": "S08 ada/dev › main",
    "s08-near": "",
    "s09": "A12 ada/dev › main [S09]",
    "s09-near": "S03 ada/dev › main",
    "s09b": "S09 ada/dev",
    "s09b-near": "",
    "s10": "S10 ada/dev › main [D09 S01]",
    "s10-near": "D09 ada/dev › main",
    "s11": "S11 ada/dev › main [D09]",
    "s11-near": "D09 ada/dev › main",
    "s12": "S12 ada/dev › main",
    "s12-near": "",
    "r01": "R01 ada/dev › main",
    "r01-near": "",
    "r01b": "R01 ada/dev › main",
    "r01b-near": "",
    "r02": "R02 ada/dev › main",
    "r02-near": "",
    "r03": "R03 ada/dev",
    "r03-near": "",
    "r04": "R04 ada/dev",
    "r04-near": "",
    "r05": "R05 ada/dev › main",
    "r05-near": "",
    "r06": "R06 ada/dev › main",
    "r06-near": "",
    "r07": "R07 ada/dev › main",
    "r07-near": "",
    "d01": "D01 ada/dev › main [D09]",
    "d01-near": "D09 ada/dev › main",
    "d02": "D02 ada/dev › main",
    "d02-near": "",
    "d02b": "D02 ada/dev › main",
    "d02b-near": "",
    "d03": "D03 ada/dev › main",
    "d03-near": "",
    "d04": "D04 ada/dev › main",
    "d04-near": "",
    "d05": "D05 ada/dev › main",
    "d05-near": "",
    "d06": "D06 ada/dev › main",
    "d06-near": "",
    "d07": "D07 ada/dev › api",
    "d07-near": "",
    "d08": "D08 ada/dev › main",
    "d08-near": "",
    "d09": "D09 ada/dev › main",
    "d09-near": "N06 ada/dev › main",
    "d10": "D10 ada/dev › main",
    "d10-near": "",
    "d11": "D11 ada/dev › main",
    "d11-near": "",
    "n01": "N01 ada/dev › main",
    "n01-near": "",
    "n02": "N02 ada/dev › main",
    "n02-near": "",
    "n06": "N06 ada/dev › main",
    "n06-near": "",
    "w01": "W01 ada/dev › main",
    "w01-near": "",
    "w02": "W02 ada/dev › main",
    "w02-near": "",
    "w03": "A05 ada/dev › main [W03]",
    "w03-near": "",
    "w04": "W04 deployment",
    "w04-near": "",
    "v01": "V01 ada/dev › main",
    "v01-near": "",
    "v02": "V02 deployment",
    "v02-near": "",
    "v06": "V06 deployment",
    "v06-near": "A05 ada/one › main",
    "v07": "V07 ada/dev › main",
    "v07-near": "",
    "n04": "N04 deployment",
    "n04-near": "",
    "n05": "N05 deployment",
    "n05-near": "",
    "v03": "V03 deployment",
    "v03-near": "",
    "v05": "V05 deployment",
    "v05-near": "",
    "v08": "V08 proxy",
    "v08-near": "",
}
"""World → `RULE subject [consequences folded inside]`; `#2` is the second prebuild that was made.

Beside the planted rule stand those that are as true there: a failed prebuild is a failed build (B09), a preset with
failures backs off (P04), a pool that is not refilled because all is paused is paused (P01), somebody who opens an agent
while it starts is told that its containers are not listed yet (D09).
"""

ON_THE_WIRE = {"n04", "n04-near", "n05", "n05-near", "v05", "v05-near"}
"""Worlds whose trouble shows to somebody only who keeps streams open, or a session: see `test_rule_world_wire`."""


@pytest.mark.parametrize("name", [name for name in world_names() if name not in ON_THE_WIRE])
async def test_what_fires_where(name: str) -> None:
    async with opened(name) as reader:
        if name in WATCHED:
            found = await reader.watch(*WATCHED[name])
        else:
            found = await reader.look(opens_agents=name not in WHOLE_FLEETS)
        wanted = [row for row in MATRIX[name].split(", ") if row]
        assert told(found, reader.world) == sorted(wanted)
        for finding in found.flat():
            assert finding.evidence, finding
            assert finding.next, finding


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.rule)
def test_the_planted_rule_is_in_its_world_and_not_in_its_near_miss(condition: Condition) -> None:
    rule, worlds = condition.rule, list(condition.worlds)
    if rule not in CATALOGUE and rule.rstrip("b") not in CATALOGUE:
        assert MATRIX[rule] == ""
        return
    assert rule.rstrip("b") in MATRIX[worlds[0]].replace("[", "").replace("]", "").split()
    assert all(
        rule.rstrip("b") not in MATRIX[near].replace("[", "").replace("]", "").split() for near in worlds[1:]
    )


@pytest.mark.parametrize("name", sorted(WHOLE_FLEETS))
async def test_opening_agents_adds_notes_at_most(name: str) -> None:
    """A machine without Docker says so once somebody looks: that is a note, never silence and never a trouble."""
    async with opened(name) as reader:
        unopened = {finding.id for finding in (await reader.look(opens_agents=False)).flat()}
        added = [f for f in (await reader.look()).flat() if f.id not in unopened]
        assert {(f.rule, f.severity.label) for f in added} <= {("D08", "S4"), ("D09", "S4")}
        without = {
            f"{reader.world.deployment.workspaces[agent.workspace_id].name} {agent.name}"
            for workspace in reader.world.deployment.live_workspaces()
            for agent in workspace.agents
            if agent.containers.failure == CONTAINERS_OFF and agent.status(reader.clock.now()) == "connected"
        }
        told = {
            f"{f.subject.workspace.partition('/')[2]} {f.subject.agent}" for f in added if f.rule == "D08"
        }
        assert told == without
        assert without


@pytest.mark.parametrize("name", ["healthy", "calm"])
async def test_a_healthy_fleet_stays_without_findings(name: str) -> None:
    async with opened(name) as reader:
        set_in_motion(reader.world)
        for _ in range(12):
            found = await reader.look(opens_agents=False)
            assert told(found, reader.world) == []
            play(reader.world, reader.clock, 100)


def test_every_rule_has_a_world() -> None:
    played = {condition.rule.rstrip("b") for condition in CONDITIONS}
    shown = CATALOGUE.keys() - NOT_SHOWN.keys() - WITHOUT_FINDING.keys()
    assert shown - played == set()


def test_every_rule_has_a_near_miss() -> None:
    missing = {c.rule for c in CONDITIONS if c.near_miss is None and c.rule.rstrip("b") in CATALOGUE}
    assert missing == set()
