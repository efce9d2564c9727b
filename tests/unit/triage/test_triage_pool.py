"""Rules about prebuild pools and their instances, and about claims."""

from __future__ import annotations

import pytest
from immutables import Map

from agentdash.triage.diagnose import diagnose
from tests.unit.triage.builders import (
    NOW,
    ORG,
    PREBUILDS_USER_ID,
    PRESET,
    VERSION,
    Agent,
    Case,
    Fact,
    Facts,
    Memory,
    PrebuildsSettings,
    Preset,
    ProvisionerJob,
    Role,
    Server,
    Starts,
    TemplateVersion,
    Timing,
    Timings,
    User,
    Workspace,
    agent,
    bare_prebuild,
    before,
    build,
    check,
    claim_builds,
    claimed,
    facts,
    failed_build,
    find,
    job,
    pending,
    prebuild,
    read,
    refused,
    replace,
    rules_of,
    script,
    sub_agent,
    workspace,
)

POOL = {"preset_id": PRESET, "initiator_id": PREBUILDS_USER_ID, "initiator_name": "prebuilds", "number": 1}
MEMBER = Server(version="v2.37.1", user=User("u", "mara"), entitlements=Map({"workspace_prebuilds": True}))


def broken(number: int, ago_s: float = 1900, **job_fields: object) -> Workspace:
    """A prebuild whose start failed so long ago."""
    at = before(ago_s)
    ended = job(
        "failed", **{"error": "quota", "created_at": at, "completed_at": before(ago_s - 60), **job_fields}
    )
    made = failed_build(f"pb{number}", job=ended, created_at=at, **POOL)
    return bare_prebuild(number, build=made, created_at=at)


def ended(
    status: str, transition: str = "start", *, build_status: str = "failed", **job_fields: object
) -> Facts:
    """A prebuild whose latest build is not a start that succeeded."""
    made = build(
        "pb1", status=build_status, transition=transition, job=job(status, **job_fields), resources=(), **POOL
    )
    return facts(bare_prebuild(1, build=made))


def parked(ago_s: float) -> Facts:
    return ended("succeeded", "stop", build_status="stopped", completed_at=before(ago_s))


def deleting(status: str, **job_fields: object) -> Facts:
    return ended(status, "delete", **job_fields)


def out_of_quota(code: str) -> Facts:
    return facts(broken(1, 90_000, error_code=code, completed_at=before(9000)))


def queue(count: int) -> Facts:
    return facts(*(bare_prebuild(n, build=pending(f"pb{n}", 20, **POOL)) for n in range(count)))


def own(number: int, of: Agent | None = None, **fields: object) -> Workspace:
    home = f"pb{number}"
    return prebuild(number, of or agent(workspace_id=home), **fields)


def lost(number: int, ago_s: float) -> Workspace:
    gone = agent(
        workspace_id=f"pb{number}", status="disconnected", disconnected_at=before(ago_s),
        last_connected_at=before(ago_s), latency=(),
    )  # fmt: skip
    return own(number, gone)


def well(count: int = 4) -> list[Workspace]:
    return [workspace(agent(workspace_id=f"o{n}"), id=f"o{n}") for n in range(count)]


def late(since_s: float, **fields: object) -> Facts:
    """A prebuild that is starting for so long after its build; its script has no limit that matters here."""
    at = before(since_s)
    values = {
        "lifecycle": "starting",
        "created_at": at,
        "first_connected_at": at,
        "started_at": at,
        "ready_at": None,
    }
    slow = agent(workspace_id="pb1", scripts=(script(status=None, exit_code=None),), **{**values, **fields})
    built = build("pb1", job=job(completed_at=at), **POOL)
    return facts(prebuild(1, slow, build=built), pool=1)


def parent_and_child(**fields: object) -> Facts:
    """A ready prebuild with a sub-agent that has been starting for some minutes."""
    main = agent(workspace_id="pb1")
    age = {
        "created_at": before(300),
        "first_connected_at": before(290),
        "started_at": before(289),
        "ready_at": None,
    }
    inner = sub_agent(main, **{"lifecycle": "starting", **age, **fields})
    return facts(prebuild(1, main, inner), pool=1)


def of_old_version(**fields: object) -> Facts:
    old = build(
        "pb1",
        template_version_id="ver-30",
        template_version_name="v30",
        **{**POOL, "preset_id": "preset-old"},
    )
    return facts(prebuild(1, agent(workspace_id="pb1"), build=old), **fields)


def deletion(ago_s: float) -> ProvisionerJob:
    return ProvisionerJob(
        "d1", "workspace_build", "succeeded", "delete", PREBUILDS_USER_ID, template_name="web", workspace_id="x",
        created_at=before(ago_s), completed_at=before(ago_s - 5),
    )  # fmt: skip


def day_of_jobs(made: int, people: int = 0) -> Facts:
    """So many prebuilds made and deleted within the day, so many of them claimed."""
    jobs = [
        ProvisionerJob(
            f"{kind}{n}", "workspace_build", "succeeded", transition, who, template_name="web", workspace_id=f"x{n}",
            created_at=before(3600 + n), completed_at=before(3500 + n),
        )
        for n in range(made)
        for kind, transition, who in (
            ("s", "start", PREBUILDS_USER_ID),
            ("c", "start", "u1") if n < people else ("d", "delete", PREBUILDS_USER_ID),
        )
    ]  # fmt: skip
    return facts(workspace(agent()), jobs=Map({ORG: read(tuple(jobs))}))


def cold(ago_s: float, **fields: object) -> Workspace:
    """Somebody's workspace that was built from nothing with the pool's preset."""
    at = before(ago_s)
    values = {
        "number": 1,
        "preset_id": PRESET,
        "created_at": at,
        "job": job(created_at=at, started_at=at, completed_at=at),
    }
    return workspace(
        agent(created_at=at, first_connected_at=at, started_at=at, ready_at=at),
        build=build(**{**values, **fields}),
    )


def claim(status: str, since_s: float, **fields: object) -> Facts:
    at = before(since_s)
    under_way = job(
        status, created_at=at, started_at=at if status == "running" else None, completed_at=None, **fields
    )
    home = claimed(
        build=build(number=2, preset_id=PRESET, status="starting", job=under_way, created_at=at, resources=())
    )
    return facts(home, builds=claim_builds(home))


def done_claim(*agents: Agent, ago_s: float = 90, **fields: object) -> Facts:
    at = before(ago_s)
    second = build(
        number=2, preset_id=PRESET, job=job(created_at=at, started_at=at, completed_at=at), created_at=at
    )
    home = claimed(*agents, build=second)
    return facts(home, **{"builds": claim_builds(home), **fields})


UNTOLD = {"lifecycle": "created", "started_at": None, "ready_at": None}
NEVER = {
    **UNTOLD,
    "status": "connecting",
    "first_connected_at": None,
    "last_connected_at": None,
    "latency": (),
}
SHORT = {"pool": 1, "memory": Memory(since=before(7200), short=Map({PRESET: before(400)}))}
PAUSED = {"prebuilds": read(PrebuildsSettings(True))}
UNLICENSED = Server(version="v2.37.1", user=User("o", "ops", roles=(Role("owner"),)), entitlements=Map())
MADE = Map({VERSION: TemplateVersion(VERSION, "tpl-web", "v31", before(900))})

EMPTY = Memory(since=before(7200), empty=Map({PRESET: before(900)}))


def replacing(address: str) -> Facts:
    """A claim whose build deleted that resource."""
    gone = Timing("apply", address, before(95), before(92), action="delete")
    fresh = agent(first_connected_at=before(85), started_at=before(84), ready_at=before(60))
    return done_claim(fresh, timings=Map({"b-w1": read(Timings("b-w1", (gone,)))}))


def starting_over(*ago_s: float) -> Facts:
    starts = Starts("b-w1", agent().started_at, tuple(map(before, ago_s)))
    return done_claim(
        agent(), ago_s=9000, memory=Memory(since=before(9000), starts=Map({agent().key: starts}))
    )


CASES = {
    "P01": Case(lambda: facts(**PAUSED), facts, severity="S2"),
    "P02": Case(
        lambda: facts(server=UNLICENSED),
        lambda: facts(server=UNLICENSED, pool=0, presets=Map({VERSION: read((Preset(PRESET, "small", VERSION, None),))})),
        severity="S2",
    ),
    "P03": Case(lambda: facts(**SHORT), lambda: facts(**SHORT, **PAUSED), severity="S2"),
    "P04": Case(
        lambda: facts(broken(1, 600), pool=1),
        lambda: facts(broken(1, 4000), own(2), pool=1),
        frozenset({"B09"}),
        severity="S3",
    ),
    "P05": Case(
        lambda: facts(*(broken(n, 100 * n) for n in range(1, 4)), pool=0),
        lambda: facts(broken(1, 100), broken(2, 200), pool=2),
        frozenset({"P04", "P10", "B09"}),
        severity="S1",
    ),
    "P06": Case(
        lambda: facts(pool=0, versions=MADE),
        lambda: facts(pool=0, versions=Map({VERSION: TemplateVersion(VERSION, "tpl-web", "v31", before(100))})),
        frozenset({"P03"}),
        severity="S2",
    ),
    "P07": Case(lambda: late(700), lambda: late(500), frozenset({"S01"}), severity="S1"),
    "P08": Case(
        lambda: facts(lost(1, 200), *well(), pool=1), lambda: facts(lost(1, 60), *well(), pool=1),
        frozenset({"A05"}), severity="S1",
    ),
    "P09": Case(parent_and_child, lambda: parent_and_child(created_at=before(20)), severity="S2"),
    "P10": Case(
        lambda: facts(*(broken(n, 9000 + n) for n in range(1, 4))),
        lambda: facts(*(broken(n, 9000 + n) for n in range(1, 3))),
        frozenset({"B09"}),
        severity="S3",
    ),
    "P11": Case(lambda: parked(100_000), lambda: parked(50_000), severity="S4"),
    "P12": Case(
        lambda: of_old_version(jobs=Map({ORG: read((deletion(300),))})),
        lambda: of_old_version(jobs=Map({ORG: read((deletion(90_000),))})),
        severity="S3",
    ),
    "P14": Case(
        of_old_version,
        lambda: of_old_version(pool=0, versions=Map({VERSION: replace(MADE[VERSION], created_at=before(100))})),
        severity="S3",
    ),
    "P15": Case(
        lambda: deleting("failed", error="no credentials"),
        lambda: deleting("running", completed_at=None, started_at=before(30)),
        severity="S2",
    ),
    "P16": Case(lambda: out_of_quota("INSUFFICIENT_QUOTA"), lambda: out_of_quota(""), severity="S1"),
    "P17": Case(lambda: day_of_jobs(9), lambda: day_of_jobs(9, people=5), severity="S3"),
    "P18": Case(
        lambda: facts(cold(600), pool=0, memory=EMPTY, versions=Map()),
        lambda: facts(cold(600)),
        frozenset({"P03"}),
        severity="S2",
    ),
    "P19": Case(lambda: queue(10), lambda: queue(9), severity="S2"),
    "P20": Case(lambda: facts(bare_prebuild(1)), lambda: facts(prebuild(1)), severity="S1"),
    "P21": Case(
        lambda: ended("canceled", build_status="canceled", canceled_at=before(90), started_at=None),
        lambda: ended("canceling", build_status="canceling", canceled_at=before(90), completed_at=None),
        severity="S3",
    ),
    "C01": Case(lambda: claim("pending", 40), lambda: claim("pending", 20), severity="S3"),
    "C02": Case(
        lambda: claim("failed", 40, error="boom"), lambda: facts(workspace(build=failed_build())),
        frozenset({"B09"}), severity="S1",
    ),
    "C03": Case(
        lambda: done_claim(agent(first_connected_at=before(85), **UNTOLD)),
        lambda: done_claim(agent(first_connected_at=before(30), **UNTOLD), ago_s=35),
        severity="S1",
    ),
    "C04": Case(lambda: replacing("docker_container.main[0]"), lambda: replacing("null_resource.main"), severity="S3"),
    "C05": Case(
        lambda: done_claim(agent(), agent("gpu", created_at=before(80), **NEVER)),
        lambda: done_claim(agent(), agent("gpu")),
        severity="S1",
    ),
    "C06": Case(lambda: starting_over(4000, 2000), lambda: starting_over(9000, 2000), severity="S1"),
    "C07": Case(
        lambda: facts(own(1, agent(workspace_id="pb1", instance_id="i-1", version="v2.24.0"))),
        lambda: facts(own(1, agent(workspace_id="pb1", instance_id="i-1"))),
        frozenset({"V01"}),
        severity="S2",
    ),
    "C08": Case(lambda: facts(cold(600)), lambda: facts(cold(600, template_version_id="ver-30")), severity="S3"),
}  # fmt: skip


@pytest.mark.parametrize("rule", CASES)
def test_rule_fires_there_and_nowhere_near(rule: str) -> None:
    check(rule, CASES[rule])


def test_who_sees_no_prebuilds_is_told_so_and_nothing_is_missing() -> None:
    alone = facts(workspace(agent()), pool=0, server=MEMBER)
    assert rules_of(alone) == set()
    told = {c.rule: c.why for c in diagnose(alone).cannot_know}
    assert told["P03"] == "prebuilds: this account may not see them"


def test_a_pool_half_read_is_not_short() -> None:
    assert rules_of(facts(pool=0, versions=MADE, fleet=Fact())) == set()


def test_hard_limit_suppresses_what_follows_from_it() -> None:
    found = diagnose(CASES["P05"].fires())
    pool = next(f for f in found.findings if f.rule == "P05")
    assert pool.primary
    assert {f.rule for f in pool.folded} == {"P04"}
    assert pool.title == "Pool is hard-limited (3 of 3 failed)"
    assert pool.suspect == "quota"


def test_cancelled_builds_count_and_are_named() -> None:
    mixed = [broken(1, 100), broken(2, 200, canceled_at=before(150)), broken(3, 300)]
    assert (
        find(facts(*mixed, pool=0), "P05").causes[0] == "1 of them were cancelled: that counts as a failure"
    )


def test_backoff_tells_when_the_next_try_is() -> None:
    found = find(facts(broken(1, 30), broken(2, 20), pool=0), "P04")
    assert any(e.text == "next try in 100 s" or e.text == "next try in 1 m 40 s" for e in found.evidence)


def test_a_failed_delete_of_a_prebuild_is_told_once() -> None:
    assert rules_of(CASES["P15"].fires()) == {"P15"}


def test_a_prebuild_that_failed_its_start_is_stuck_at_once() -> None:
    assert "P07" in rules_of(late(30, lifecycle="start_timeout"))


def test_an_unknown_lifecycle_is_no_failure() -> None:
    assert rules_of(late(9000, lifecycle="resting")) == {"V07"}


def test_a_sub_agent_that_is_lost_explains_the_claim_that_skips_it() -> None:
    gone = parent_and_child(status="disconnected", disconnected_at=before(200), last_connected_at=before(200))
    found = diagnose(gone)
    assert [f.rule for f in found.findings] == ["D07"]
    assert [f.rule for f in found.findings[0].folded] == ["P09"]


def test_a_quota_of_a_person_is_less_grave() -> None:
    mine = failed_build(job=job("failed", error_code="INSUFFICIENT_QUOTA"))
    assert find(facts(workspace(build=mine)), "P16").severity.label == "S2"


def test_claims_need_their_builds() -> None:
    unread = replace(CASES["C02"].fires())
    unread = replace(unread, deployment=replace(unread.deployment, builds=Map()))
    found = diagnose(unread)
    assert "C02" not in rules_of(found)
    assert ("C02", "builds of the workspace: not read yet") in {(c.rule, c.why) for c in found.cannot_know}


def test_a_workspace_that_was_never_a_prebuild_is_not_claimed() -> None:
    stuck = agent(first_connected_at=before(85), **UNTOLD)
    plain = workspace(stuck, build=build(number=2, job=job(completed_at=before(90))))
    assert rules_of(facts(plain)) == {"S06"}


def test_another_preset_is_the_persons_own_choice() -> None:
    assert rules_of(facts(cold(600, preset_id="preset-other"))) == set()
    unread = diagnose(facts(cold(600, preset_id=None)))
    assert not list(unread.flat())
    assert "C08" in {c.rule for c in unread.cannot_know}


def test_a_choice_of_parameters_shows_what_differs() -> None:
    wanted = Preset(PRESET, "small", VERSION, 2, Map({"cpu": "2"}))
    made = facts(
        cold(600, preset_id=None), presets=Map({VERSION: read((wanted,))}),
        parameters=Map({"b-w1": read(Map({"cpu": "4"}))}),
    )  # fmt: skip
    assert "cpu: 4, preset 2" in {e.text for e in find(made, "C08").evidence}


def test_refused_settings_block_what_rests_on_them() -> None:
    unknown = facts(**SHORT, prebuilds=refused(403, "Not allowed"))
    assert rules_of(unknown) == set()
    assert {"P01", "P03", "P06"} <= {c.rule for c in diagnose(unknown).cannot_know}
    assert unknown.now == NOW
