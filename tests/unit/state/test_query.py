"""The query language: what matches, what is refused and where."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdash.state.query import KEYS, Query, QueryError, Subject, parse
from tests.unit.model_factory import NOW, make_agent, make_build, make_job, make_script, make_workspace

AGENT = make_agent(
    resource_name="dev",
    scripts=(make_script("install-deps", status="exit_failure"),),
    lifecycle="start_error",
)
WORKSPACE = make_workspace(AGENT, is_prebuild=True, outdated=True)
BROKEN = Subject(WORKSPACE, AGENT, 3, "install-deps exit 127 go-7f3a ada web v31")
STOPPED = Subject(make_workspace(build=make_build("stopped", "stop")), None, 0, "stopped go-7f3a")


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("   ", True),
        ("exit", True),
        ("EXIT", True),
        ("!exit", False),
        ("nowhere", False),
        ("template:web", True),
        ("template:we", True),
        ("template:=we", False),
        ("template:=web", True),
        ("template:cuda,web", True),
        ("!template:cuda", True),
        ("owner:ada health:bad", True),
        ("owner:ada health:well", False),
        ("health:bad,soon", True),
        ("has-agent:connected", True),
        ("lifecycle:start_error", True),
        ("is:prebuild", True),
        ("is:outdated", True),
        ("!is:dormant", True),
        ("is:favorite", False),
        ("script:install-deps", True),
        ("script:exit_failure", True),
        ("resource:dev os:linux arch:amd64", True),
        ("name:go-7f3a agent:main", True),
        ("organization:acme version:v31 status:running", True),
        ("id:w1-main", True),
        ('"exit 127"', True),
        ('"exit 128"', False),
        ('template:"web"', True),
        ("TEMPLATE:WEB", True),
    ],
)
def test_a_broken_prebuild(text: str, matches: bool) -> None:
    assert parse(text).matches(BROKEN) is matches


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("status:stopped", True),
        ("agent:main", False),
        ("!agent:main", True),
        ("has-agent:connected", False),
        ("health:well", True),
    ],
)
def test_a_workspace_without_agents(text: str, matches: bool) -> None:
    assert parse(text).matches(STOPPED) is matches


@pytest.mark.parametrize(("severity", "word"), [(0, "well"), (1, "soon"), (2, "bad"), (3, "bad"), (4, "bad")])
def test_health_is_the_severity_in_words(severity: int, word: str) -> None:
    subject = Subject(WORKSPACE, AGENT, severity, "")
    assert [w for w in ("well", "soon", "bad") if parse(f"health:{w}").matches(subject)] == [word]


def test_more_kinds_of_workspace() -> None:
    child = make_agent("app", parent_id="w1-main", parent_name="main")
    workspace = make_workspace(
        dormant_at=NOW, favorite=True, task_id="t", build=make_build("starting", job=make_job("running"))
    )
    subject = Subject(workspace, child, 0, "")
    for word in ("dormant", "favorite", "task", "subagent", "building"):
        assert parse(f"is:{word}").matches(subject), word
    assert not parse("is:prebuild").matches(subject)


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("templat:web", 0, "did you mean template:"),
        ("ada  templat:web", 5, "did you mean template:"),
        ("qqqq:web", 0, "known are agent"),
        ("owner:", 0, "wants a value"),
        ('owner:""', 0, "wants a value"),
        ("owner:,", 0, "wants a value"),
        ("is:", 0, "as in is:prebuild"),
        ("ada is:web", 4, "no is:web; there are prebuild, outdated"),
        ("health:worse", 0, "there are bad, soon, well"),
        ("is:prebuild,nothing", 0, "no is:nothing"),
    ],
)
def test_what_cannot_be_understood_is_said_with_its_place(text: str, position: int, says: str) -> None:
    with pytest.raises(QueryError) as raised:
        parse(text)
    assert raised.value.position == position
    assert says in str(raised.value)


@given(st.text(max_size=60))
def test_any_text_is_a_query_or_refused(text: str) -> None:
    refused: QueryError | None = None
    query = Query()
    try:
        query = parse(text)
    except QueryError as error:
        refused = error
    assert refused is None or 0 <= refused.position <= len(text)
    assert isinstance(query.matches(BROKEN), bool)
    assert isinstance(query.matches(STOPPED), bool)


@given(
    st.sampled_from(sorted(set(KEYS) - {"is", "health"})),
    st.from_regex(r"[a-z0-9_=][a-z0-9_-]{0,8}", fullmatch=True),
)
def test_a_negated_term_matches_exactly_where_the_term_does_not(key: str, value: str) -> None:
    for subject in (BROKEN, STOPPED):
        assert parse(f"{key}:{value}").matches(subject) is not parse(f"!{key}:{value}").matches(subject)


@pytest.mark.parametrize("text", ["!", "! !", ":", "::", '"', '!"', "=", "a:b:c"])
def test_scraps_do_not_hang_or_raise_anything_else(text: str) -> None:
    with suppress(QueryError):
        parse(text).matches(BROKEN)
