"""Traps of the pool rules: what looks like a trouble and has another reason, and the reverse."""

from __future__ import annotations

from immutables import Map

from agentdash.triage.diagnose import diagnose
from tests.unit.triage.builders import (
    ORG,
    PREBUILDS_USER_ID,
    PRESET,
    VERSION,
    Facts,
    MatchedProvisioners,
    Preset,
    ProvisionerJob,
    Server,
    TemplateVersion,
    Workspace,
    agent,
    bare_prebuild,
    before,
    build,
    facts,
    failed_build,
    find,
    job,
    pending,
    read,
    refused,
    replace,
    rules_of,
    workspace,
)

OLD = "ver-30"
OLD_PRESET = "preset-of-30"
POOL = {"initiator_id": PREBUILDS_USER_ID, "number": 1}
MADE = Map({VERSION: TemplateVersion(VERSION, "tpl-web", "v31", before(200_000))})


def promoted(of: Facts, ago_s: float) -> Facts:
    """The same, but its template was changed so long ago."""
    templates = of.deployment.templates.value
    assert templates is not None
    changed = replace(templates["tpl-web"], updated_at=before(ago_s))
    return replace(
        of,
        deployment=replace(of.deployment, templates=read(templates.set("tpl-web", changed)), versions=MADE),
    )


def failed(number: int, preset_id: str, version_id: str) -> Workspace:
    made = failed_build(f"pb{number}", preset_id=preset_id, template_version_id=version_id, **POOL)
    return bare_prebuild(number, build=made)


def by_hand(name: str, ago_s: float, number: int) -> Workspace:
    """Somebody's workspace of the preset: built from nothing, or claimed."""
    at = before(ago_s)
    made = build(
        name, number=number, preset_id=PRESET, created_at=at, job=job(completed_at=before(ago_s - 9))
    )
    return workspace(agent(workspace_id=name), id=name, build=made)


def test_an_old_version_promoted_just_now_has_had_no_time() -> None:
    empty = facts(pool=0)
    assert rules_of(promoted(empty, 4000)) == {"P03", "P06"}
    assert rules_of(promoted(empty, 100)) == set()


def test_a_server_without_licensed_code_is_not_licensed_and_not_short() -> None:
    bare = Server(url="https://coder.example.com", version="v2.37.1+1a2b", wildcard_host="*.apps")
    missing = facts(pool=0, server=bare, prebuilds=refused(404, "Route not found.", "RouteNotFound"))
    assert rules_of(missing) == {"P02"}
    forbidden = facts(pool=0, server=bare, prebuilds=refused(403, "Forbidden.", "Forbidden"))
    assert rules_of(forbidden) == set()
    assert "P02" in {unknown.rule for unknown in diagnose(forbidden).cannot_know}


def test_one_on_its_way_does_not_make_up_for_three() -> None:
    wants = Map({VERSION: read((Preset(PRESET, "small", VERSION, 4),))})
    waits = pending("pb1", 900, preset_id=PRESET, **POOL)
    found = find(facts(bare_prebuild(1, build=waits), pool=1, presets=wants, versions=MADE), "P03")
    assert found.title == "Pool is short, and too little is on its way"


def test_a_deprecated_template_is_not_refused() -> None:
    empty = promoted(facts(pool=0), 9000)
    templates = empty.deployment.templates.value
    assert templates is not None
    gone = read(templates.set("tpl-web", replace(templates["tpl-web"], deprecated=True)))
    assert rules_of(replace(empty, deployment=replace(empty.deployment, templates=gone))) == set()


def test_failures_that_pile_up_over_versions_are_the_templates() -> None:
    presets = Map(
        {
            VERSION: read((Preset(PRESET, "small", VERSION, 2),)),
            OLD: read((Preset(OLD_PRESET, "small", OLD, 2),)),
        }
    )
    two = [failed(1, OLD_PRESET, OLD), failed(2, OLD_PRESET, OLD)]
    assert "P10" not in rules_of(facts(*two, presets=presets))
    three = find(facts(*two, failed(3, PRESET, VERSION), presets=presets), "P10")
    assert (three.subject.kind, three.subject.template) == ("template", "web")
    assert three.title == "3 failed prebuilds left over"


def test_a_claim_after_the_cold_build_shows_that_the_pool_was_filled() -> None:
    was_empty = facts(by_hand("w1", 900, 1), pool=0, versions=Map())
    assert "P18" in rules_of(was_empty)
    refilled = facts(by_hand("w1", 900, 1), by_hand("w2", 60, 2), pool=0, versions=Map())
    assert "P18" not in rules_of(refilled)


def test_what_nobody_takes_does_not_swamp() -> None:
    nobody = MatchedProvisioners(count=0, available=0, most_recently_seen=None)
    waits = pending("pb1", 1000, preset_id=PRESET, matched=nobody, **POOL)
    listed = ProvisionerJob(
        "j1", "workspace_build", "pending", initiator_id=PREBUILDS_USER_ID, created_at=before(1000)
    )
    found = facts(bare_prebuild(1, build=waits), jobs=Map({ORG: read((listed,))}))
    assert rules_of(found) == {"B01"}


def test_a_quiet_spell_is_counted_from_the_failure_not_from_the_success_after_it() -> None:
    """Three wanted: one failed ten minutes ago, and another was made half a minute ago."""
    wants = Map({VERSION: read((Preset(PRESET, "small", VERSION, 3),))})
    at = before(600)
    ended = job("failed", error="quota", created_at=at, completed_at=before(590))
    bad = bare_prebuild(1, build=failed_build("pb1", job=ended, created_at=at, preset_id=PRESET, **POOL))
    good = build("pb2", preset_id=PRESET, created_at=before(30), job=job(completed_at=before(20)), **POOL)
    made = bare_prebuild(2, agent(workspace_id="pb2"), build=good)
    found = find(facts(bad, made, presets=wants), "P04")
    assert "next try was due" in {proof.text for proof in found.evidence}
