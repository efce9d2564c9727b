"""Rules about the running workspace, its apps, the network, the deployment and ourselves."""

from __future__ import annotations

import pytest
from immutables import Map

from agentdash.triage.diagnose import diagnose
from agentdash.triage.memory import Cut
from tests.unit.triage.builders import (
    NOW,
    ORG,
    Agent,
    Case,
    Fact,
    Facts,
    Freshness,
    HealthReport,
    HealthSection,
    HealthWarning,
    Memory,
    MetadataItem,
    Problem,
    ProxyRegion,
    Reading,
    RegionLatency,
    Server,
    Starts,
    Stream,
    StreamState,
    agent,
    before,
    check,
    daemon,
    detail,
    facts,
    find,
    make_app,
    read,
    replace,
    rules_of,
    workspace,
)

MAIN = agent()


def item(**fields: object) -> MetadataItem:
    return MetadataItem(
        **{"key": "1_mem", "name": "RAM", "value": "7.8/8 GiB", "age_s": 5, "interval_s": 10, **fields}
    )  # type: ignore[arg-type]


def measured(*items: MetadataItem, **fields: object) -> Facts:
    return facts(workspace(MAIN), details=detail(MAIN, metadata=read(items), **fields))


def filled(*values: float) -> Facts:
    readings = tuple(Reading(before(30 - n), v) for n, v in enumerate(values))
    return measured(item(), readings=Map({"1_mem": readings}))


def remembered(**fields: object) -> Memory:
    return Memory(since=before(7200), **fields)


def restarts(*ago_s: float) -> Facts:
    starts = Starts("b-w1", MAIN.started_at, tuple(before(ago) for ago in ago_s))
    return facts(workspace(MAIN), memory=remembered(starts=Map({MAIN.key: starts})))


def unanswered(count: int, of: Agent = MAIN) -> Facts:
    silent = Fact(
        None, Freshness.STALE, before(5), Problem("AgentUnreachable", "Agent does not answer", status=500)
    )
    memory = remembered(unanswered=Map({of.key: tuple(map(str, range(count)))}))
    return facts(workspace(of), details=detail(of, ports=silent), memory=memory)


def streams(state: StreamState, status: int, count: int = 3, reconnects: int = 0, ago_s: float = 30) -> Facts:
    problem = Problem("TerminalRefused", "refused", status=status)
    made = {f"s{n}": Stream(f"s{n}", state, before(ago_s), None, problem, reconnects) for n in range(count)}
    return facts(workspace(MAIN), streams=Map(made))


def cuts(*ages: float) -> Facts:
    made = tuple(Cut("logs", age, before(100 * n)) for n, age in enumerate(ages))
    return facts(workspace(MAIN), memory=remembered(cuts=made))


def health(severity: str, **fields: object) -> Facts:
    section = HealthSection("derp", severity, (HealthWarning("EDERP01", "one relay is slow"),), **fields)
    return facts(workspace(MAIN), health=read(HealthReport(before(60), severity, (section,))))


def server(**fields: object) -> Server:
    return replace(facts().state.server, **fields)


def app(health: str, **fields: object) -> Facts:
    made = make_app(
        "web", health=health, **{"healthcheck_interval_s": 5, "healthcheck_threshold": 3, **fields}
    )
    return facts(workspace(agent(apps=(made,))))


CASES = {
    "R01": Case(
        lambda: measured(item(error="run cmd: exit status 3")),
        lambda: measured(item(age_s=14)),
        severity="S3",
    ),
    "R02": Case(
        lambda: facts(workspace(agent(logs_overflowed=True))), lambda: facts(workspace(agent(logs_length=1_000_000)))
    ),
    "R03": Case(
        lambda: facts(workspace(MAIN, dormant_at=before(9000))),
        lambda: facts(workspace(MAIN, deleting_at=before(-9000))),
        severity="S2",
    ),
    "R04": Case(
        lambda: facts(workspace(MAIN, build=replace(workspace().build, deadline=before(-1200)))),
        lambda: facts(workspace(MAIN, build=replace(workspace().build, deadline=before(-7200)))),
        severity="S4",
    ),
    "R05": Case(lambda: filled(7.8, 7.9, 7.85), lambda: filled(7.8, 7.9, 5.0), severity="S2"),
    "R06": Case(lambda: restarts(800, 500, 100), lambda: restarts(800, 500), severity="S1"),
    "R07": Case(
        lambda: facts(workspace(agent(started_at=before(3700), ready_at=before(3650)))),
        lambda: facts(workspace(agent(started_at=before(3592), ready_at=before(3500)))),
        severity="S3",
    ),
    "N01": Case(
        lambda: facts(workspace(agent(latency=()))),
        lambda: facts(workspace(agent(latency=(), first_connected_at=before(60)))),
        frozenset({"R07"}),
        severity="S3",
    ),
    "N02": Case(
        lambda: facts(workspace(agent(latency=(RegionLatency("Sydney", 220, True),)))),
        lambda: facts(workspace(agent(latency=(RegionLatency("Sydney", 220, False), RegionLatency("Paris", 20, True))))),
        severity="S4",
    ),
    "N04": Case(
        lambda: streams(StreamState.RETRYING, 502), lambda: streams(StreamState.RETRYING, 403), severity="S1"
    ),
    "N05": Case(lambda: cuts(60.2, 59.1, 61.0), lambda: cuts(60.2, 12.0, 300.0), severity="S3"),
    "N06": Case(lambda: unanswered(2), lambda: unanswered(1), severity="S2"),
    "W01": Case(lambda: app("unhealthy"), lambda: app("unhealthy", hidden=True), severity="S3"),
    "W02": Case(lambda: app("initializing"), lambda: app("disabled"), severity="S3"),
    "W04": Case(
        lambda: facts(workspace(agent(apps=(make_app(subdomain=True),))), server=server(wildcard_host="")),
        lambda: facts(workspace(agent(apps=(make_app(subdomain=True),)))),
        severity="S4",
    ),
    "V01": Case(
        lambda: facts(workspace(agent(version="v2.36.4"))),
        lambda: facts(workspace(agent(version="v2.38.0"))),
        severity="S4",
    ),
    "V02": Case(lambda: health("warning"), lambda: health("warning", dismissed=True), severity="S3"),
    "V03": Case(
        lambda: facts(fleet=read(0).failed(Problem("RateLimited", "Too many requests", status=429))),
        lambda: facts(fleet=read(0).failed(Problem("ServerError", "Server error", status=500))),
        severity="S4",
    ),
    "V05": Case(
        lambda: facts(server=server(problem=Problem("NotLoggedIn", "Not logged in", status=401))),
        lambda: facts(server=server(problem=None)),
        severity="S1",
    ),
    "V06": Case(
        lambda: streams(StreamState.RETRYING, 0, reconnects=1), lambda: streams(StreamState.LIVE, 0, reconnects=1),
        severity="S4",
    ),
    "V07": Case(
        lambda: facts(workspace(agent(lifecycle="dreaming"))), lambda: facts(workspace(agent(lifecycle=""))),
        severity="S4",
    ),
    "V08": Case(
        lambda: facts(regions=read((ProxyRegion("p", "sydney", False),))),
        lambda: facts(regions=read((ProxyRegion("p", "sydney", True),))),
        severity="S3",
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", CASES)
def test_rule_fires_there_and_nowhere_near(rule: str) -> None:
    check(rule, CASES[rule])


def test_never_collected_is_not_stale() -> None:
    young = agent(first_connected_at=before(30), started_at=before(29), ready_at=before(20))
    shown = facts(workspace(young), details=detail(young, metadata=read((item(age_s=None, value=""),))))
    assert rules_of(shown) == set()
    assert find(measured(item(age_s=None, value="")), "R01").title == "Metadata RAM: never collected"
    assert rules_of(measured(item(age_s=9_000_000, interval_s=0))) == set()


def test_a_full_processor_is_no_full_disk() -> None:
    readings = tuple(Reading(before(30 - n), 99.0) for n in range(3))
    busy = item(key="0_cpu", name="CPU", value="99%")
    assert rules_of(measured(busy, readings=Map({"0_cpu": readings}))) == set()


def test_old_metadata_proves_nothing() -> None:
    stale = read((item(error="exit status 1"),), before(600))
    assert rules_of(facts(workspace(MAIN), details=detail(MAIN, metadata=stale))) == set()


def test_health_of_apps_on_a_lost_agent_is_a_consequence() -> None:
    gone = agent(
        status="disconnected", disconnected_at=before(300), last_connected_at=before(300), latency=(),
        apps=(make_app(health="healthy"),),
    )  # fmt: skip
    found = diagnose(
        facts(workspace(gone), *(workspace(agent(workspace_id=f"o{n}"), id=f"o{n}") for n in range(3)))
    )
    assert [f.rule for f in found.findings] == ["A05"]
    assert [f.rule for f in found.findings[0].folded] == ["W03"]


def test_apps_may_be_missing_while_scripts_run() -> None:
    young = agent(
        lifecycle="starting", first_connected_at=before(60), started_at=before(59), ready_at=None,
        apps=(make_app(health="unhealthy"),),
    )  # fmt: skip
    assert rules_of(facts(workspace(young))) == set()


def test_a_server_that_reports_no_relays_is_no_fault_of_agents() -> None:
    many = [workspace(agent(workspace_id=f"w{n}", latency=()), id=f"w{n}") for n in range(5)]
    found = diagnose(facts(*many, pool=0, presets=Map()))
    assert not list(found.flat())
    assert "N01" in {c.rule for c in found.cannot_know}


def test_an_error_of_the_deployment_is_the_worst() -> None:
    assert find(health("error"), "V02").severity.label == "S1"
    assert rules_of(health("strange")) == set()


def test_a_server_that_does_not_answer_says_how_old_the_data_are() -> None:
    away = server(problem=Problem("ConnectFailed", "No connection"))
    found = find(facts(workspace(MAIN), server=away, fleet=read(3, before(600))), "V02")
    assert found.severity.label == "S1"
    assert "shown data are 10 m old" in {e.text for e in found.evidence}


def test_development_builds_are_not_compared() -> None:
    assert rules_of(facts(workspace(agent(version="v0.0.0-devel")))) == set()
    odd = Map({ORG: read((daemon(version="v0.0.0-devel"),))})
    assert rules_of(facts(workspace(MAIN), daemons=odd)) == set()


def test_streams_cut_at_one_moment_are_the_server() -> None:
    together = tuple(Cut("logs", 60.0 + n / 10, before(5)) for n in range(5))
    assert rules_of(facts(workspace(MAIN), memory=remembered(cuts=together))) == set()


def test_a_value_without_a_form_is_not_guessed() -> None:
    assert rules_of(measured(item(value="all fine", key="note", name="Note"))) == set()
    assert measured().now == NOW


def test_metadata_of_an_agent_that_left_the_screen_are_judged_until_the_list_tells_of_it() -> None:
    failing = item(error="exit status 1")

    def left(of: Agent) -> Facts:
        read_last = detail(of, metadata=read((failing,)))
        return facts(workspace(of), details=Map({k: d.closed(before(300)) for k, d in read_last.items()}))

    assert [e.at for e in find(left(MAIN), "R01").evidence if "left the screen" in e.text] == [before(300)]
    assert "R01" not in rules_of(left(replace(MAIN, metadata=(item(),))))


def test_what_was_asked_of_an_agent_that_left_the_screen_slows_nobody_down() -> None:
    busy = detail(
        MAIN, ports=Fact(None, Freshness.STALE, NOW, Problem("RateLimited", "Slow down", status=429))
    )
    assert "V03" in rules_of(facts(workspace(MAIN), details=busy))
    left = Map({k: d.closed(NOW) for k, d in busy.items()})
    assert "V03" not in rules_of(facts(workspace(MAIN), details=left))
