"""The Network pane in words: which link is slow, columns that shrink, what is unknown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from immutables import Map

from agentdash.present.cells import Tone
from agentdash.present.describe import (
    link_sentence,
    network_facts,
    node_facts,
    pane_heads,
    relay_rows,
    relay_table,
)
from agentdash.present.glyphs import ASCII
from agentdash.present.links import RelayRow, ms_words
from agentdash.state import events as ev
from agentdash.state.freshness import Fact, Freshness, Problem
from agentdash.state.model import (
    AgentNode,
    Connection,
    DerpRegion,
    Links,
    RegionLatency,
    RegionLink,
)
from agentdash.state.store import Store
from agentdash.state.views import rows_of
from agentdash.text.width import cell_width
from agentdash.triage.verdict import verdict
from tests.unit.model_factory import NOW, before, make_agent, make_workspace

FRA = DerpRegion(1, "fra", "Frankfurt", embedded=True)
SYD = DerpRegion(2, "syd", "Sydney", embedded=False)
STUN = DerpRegion(3, "stun", "Coder STUN 3", embedded=False, stun_only=True)
MAP = Connection((FRA, SYD, STUN), force_websockets=False, disable_direct=False)


def measured(*links: RegionLink, is_complete: bool = True) -> Links:
    return Links(Map({link.region_id: link for link in links}), is_complete)


# Rows


def test_rows_hold_both_sides_and_the_home_comes_first() -> None:
    agent = make_agent(latency=(RegionLatency("Sydney", 240.0, True), RegionLatency("Tokyo", 12.0, False)))
    links = measured(RegionLink(1, 11.4), RegionLink(2, None, "refused"), RegionLink(3, None, "STUN only"))
    assert relay_rows(agent, MAP, links) == (
        RelayRow("Sydney", "syd", is_home=True, here_trouble="refused", agent_ms=240.0),
        RelayRow("Tokyo", agent_ms=12.0),
        RelayRow("Frankfurt", "fra", is_embedded=True, here_ms=11.4),
        RelayRow("Coder STUN 3", "stun", is_stun_only=True),
    )


def test_the_agents_own_word_fills_what_the_server_does_not_tell() -> None:
    node = AgentNode(2, Map({1: 9.0, 2: 3.0}), Map({2: "no upgrade"}))
    home, other, _ = relay_rows(make_agent(latency=()), MAP, None, node)
    assert (home.name, home.is_home, home.agent_ms, home.websocket) == ("Sydney", True, 3.0, "no upgrade")
    assert (other.name, other.is_home, other.agent_ms) == ("Frankfurt", False, 9.0)
    reported = make_agent(latency=(RegionLatency("Frankfurt", 5.0, True),))
    assert relay_rows(reported, MAP, None, node)[0].name == "Frankfurt"


def test_without_a_map_there_is_what_the_agent_reports() -> None:
    (row,) = relay_rows(make_agent(latency=(RegionLatency("Frankfurt", 5.0, True),)), None)
    assert (row.name, row.is_home, row.agent_ms, row.here_ms) == ("Frankfurt", True, 5.0, None)
    assert relay_rows(make_agent(latency=()), None) == ()


@pytest.mark.parametrize("ms", [float("nan"), float("inf"), -1.0, 1e300])
def test_what_is_no_latency_is_unknown(ms: float) -> None:
    (row,) = relay_rows(make_agent(latency=(RegionLatency("Frankfurt", ms, True),)), None)
    assert row.agent_ms is None


def test_what_an_agent_said_before_it_went_away_is_dim() -> None:
    far = (RegionLatency("Frankfurt", 400.0, True),)
    for status, tone in (("connected", Tone.WARN), ("disconnected", Tone.DIM)):
        _, line = relay_table(relay_rows(make_agent(latency=far, status=status), None), 80)
        at = line.text.index("400 ms")
        assert any(s.tone is tone and s.start <= at < s.end for s in line.spans if s.end - s.start < 8)


@pytest.mark.parametrize(
    ("ms", "words"), [(0.2, "<1 ms"), (1.0, "1 ms"), (12.4, "12 ms"), (1234.0, "1234 ms")]
)
def test_latencies_in_words(ms: float, words: str) -> None:
    assert ms_words(ms) == words


# The sentence


def sentence(*rows: RelayRow, is_connected: bool = True, is_measuring: bool = False) -> tuple[str, Tone]:
    cell = link_sentence(rows, is_connected=is_connected, is_measuring=is_measuring)
    return cell.text, cell.tone


def home(here: float | str | None, agent: float | None, **fields: Any) -> RelayRow:
    trouble = here if isinstance(here, str) else ""
    ms = None if isinstance(here, str) else here
    return RelayRow("Frankfurt", is_home=True, here_ms=ms, here_trouble=trouble, agent_ms=agent, **fields)


QUICK, SLOW = RelayRow("Sydney", here_ms=20.0), RelayRow("Sydney", here_ms=300.0)


@pytest.mark.parametrize(
    ("rows", "words", "tone"),
    [
        (
            [home(3, 12)],
            "Both links are well: Frankfurt is 3 ms from here and 12 ms from the agent.",
            Tone.DIM,
        ),
        (
            [home(150, 150)],
            "Both links are well: Frankfurt is 150 ms from here and 150 ms from the agent.",
            Tone.DIM,
        ),
        (
            [home(310, 12)],
            "Your link is the slow one: Frankfurt is 310 ms from here, 12 ms from the agent.",
            Tone.WARN,
        ),
        (
            [home(310, 12), QUICK],
            (
                "Your link is the slow one: Frankfurt is 310 ms from here, 12 ms from the agent. Sydney is 20 ms from"
                " here: not your whole link is slow, the way to Frankfurt is."
            ),
            Tone.WARN,
        ),
        (
            [home(310, 12), SLOW],
            "Your link is the slow one: Frankfurt is 310 ms from here, 12 ms from the agent.",
            Tone.WARN,
        ),
        (
            [home(3, 310), QUICK],
            "The agent's link is the slow one: Frankfurt is 3 ms from here, 310 ms from the agent.",
            Tone.WARN,
        ),
        (
            [home(310, 290)],
            (
                "Both links are slow: Frankfurt is 310 ms from here and 290 ms from the agent. Either Frankfurt is slow"
                " or both are far from it."
            ),
            Tone.WARN,
        ),
        (
            [home(310, 290), QUICK],
            (
                "Both links are slow: Frankfurt is 310 ms from here and 290 ms from the agent. Sydney is 20 ms from"
                " here: look at Frankfurt itself."
            ),
            Tone.WARN,
        ),
        (
            [home("refused", 12), QUICK],
            (
                "Frankfurt does not answer from here (refused), the agent reaches it in 12 ms; Sydney answers in 20 ms:"
                " the way to Frankfurt is blocked."
            ),
            Tone.WARN,
        ),
        (
            [home("timed out", 12), RelayRow("Sydney", here_trouble="timed out")],
            (
                "Frankfurt does not answer from here (timed out), the agent reaches it in 12 ms; no relay answers from"
                " here: your link, or what filters it, is in the way."
            ),
            Tone.WARN,
        ),
        (
            [home(None, 12)],
            "The agent's link is well: Frankfurt is 12 ms from it. Yours is not known.",
            Tone.DIM,
        ),
        (
            [home(None, 400)],
            "The agent's link is slow: Frankfurt is 400 ms from it. Yours is not known.",
            Tone.WARN,
        ),
        (
            [home(3, None)],
            "Your link is well: Frankfurt is 3 ms from here. The agent has not said how far it is from its relay.",
            Tone.DIM,
        ),
        (
            [home("refused", None)],
            "No relay answers from here (refused). The agent has not said how far it is from its relay.",
            Tone.WARN,
        ),
        (
            [QUICK, SLOW],
            "Your link is well: Sydney is 20 ms from here. The agent has not said how far it is from its relay.",
            Tone.DIM,
        ),
        (
            [RelayRow("Sydney")],
            "Your link is not known. The agent has not said how far it is from its relay.",
            Tone.DIM,
        ),
        ([], "", Tone.PLAIN),
        ([RelayRow("Coder STUN 3", is_stun_only=True)], "", Tone.PLAIN),
    ],
)
def test_my_link_and_its_link(rows: list[RelayRow], words: str, tone: Tone) -> None:
    assert sentence(*rows) == (words, tone)


def test_of_an_agent_that_is_away_only_ones_own_link_is_told() -> None:
    away = "The agent is not connected."
    assert sentence(home(3, 12), is_connected=False) == (
        f"Your link is well: Frankfurt is 3 ms from here. {away}",
        Tone.DIM,
    )
    assert sentence(home(300, 12), is_connected=False)[0].startswith("Your link is slow")
    assert (
        sentence(home("refused", 12), is_connected=False)[0]
        == f"No relay answers from here (refused). {away}"
    )


def test_what_is_not_known_yet_is_being_measured() -> None:
    words, _ = sentence(home(None, 12), is_measuring=True)
    assert words.endswith("Yours is being measured.")
    words, _ = sentence(home(None, None), RelayRow("Sydney", here_trouble="refused"), is_measuring=True)
    assert words.startswith("Your link is being measured.")


# The columns


ROWS = (
    home(0.4, 240.0, is_embedded=True),
    RelayRow("A relay with a rather long name in Sydney", here_trouble="timed out", agent_ms=12.0),
    RelayRow("Tokyo"),
    RelayRow("Coder STUN 3", is_stun_only=True),
)


def test_columns_with_room() -> None:
    assert [line.text for line in relay_table(ROWS, 76)] == [
        "  relay                             from here  from agent",
        "● Frankfurt                             <1 ms      240 ms  home · embedded",
        "✗ A relay with a r… name in Sydney  timed out       12 ms",
        "· Tokyo                                     ?           ?",
        "· Coder STUN 3                              –           –  STUN only",
    ]
    for line in relay_table(ROWS, 76):
        assert cell_width(line.text) <= 76


def test_columns_without_room() -> None:
    assert [line.text for line in relay_table(ROWS, 36)] == [
        "  relay            here   agent",
        "● Frankfurt       <1 ms  240 ms home",
        "✗ A rel…ydney timed out   12 ms",
        "· Tokyo               ?       ?",
        "· Coder…TUN 3         –       –",
    ]


@pytest.mark.parametrize("width", range(22, 130))
def test_no_line_is_wider_than_the_pane_and_both_latencies_stay(width: int) -> None:
    head, first, *rest = relay_table(ROWS, width)
    assert all(cell_width(line.text) <= width for line in (head, first, *rest))
    assert "<1 ms" in first.text
    assert "240 ms" in first.text
    assert "timed out" in rest[0].text


def test_while_it_is_measured_the_place_is_held() -> None:
    assert relay_table([RelayRow("Tokyo")], 80, is_measuring=True)[1].text.split() == ["·", "Tokyo", "…", "?"]
    assert relay_table([RelayRow("Tokyo")], 80, is_measuring=True, glyphs=ASCII)[1].text.split() == [
        ".", "Tokyo", "~", "?",
    ]  # fmt: skip
    assert relay_table([], 80) == ()


def test_slow_and_broken_are_bright_and_the_rest_is_dim() -> None:
    table = relay_table(ROWS, 80)
    for line, piece, tone in (
        (table[1], "240 ms", Tone.WARN),
        (table[1], "Frankfurt", Tone.PLAIN),
        (table[2], "timed out", Tone.WARN),
        (table[3], "?", Tone.DIM),
    ):
        at = line.text.index(piece)
        assert [s.tone for s in line.spans if s.start == at and s.end == at + len(piece)][-1:] == [tone], (
            piece
        )


# Ways


def words_of(connection: Connection | None, node: AgentNode | None = None, **agent: Any) -> dict[str, str]:
    fields: dict[str, Any] = {"latency": (RegionLatency("Frankfurt", 5.0, True),)} | agent
    return {f.label: f.value.text for f in network_facts(make_agent(**fields), connection, node)}


def test_direct_or_relayed_as_far_as_can_be_known() -> None:
    assert words_of(None) == {}
    assert words_of(MAP)["path"] == "direct where it comes about, else relayed"
    off = replace(MAP, disable_direct=True)
    assert words_of(off)["path"] == "relayed: direct is switched off"
    assert words_of(MAP, AgentNode(1))["path"] == "relayed: no endpoint for direct"
    one = AgentNode(1, endpoints=("10.0.0.5:41641",))
    assert words_of(MAP, one)["path"] == "direct over 1 endpoint, else relayed"
    assert words_of(off, one)["path"].startswith("relayed")


def test_what_an_old_server_does_not_say_is_unknown() -> None:
    assert words_of(Connection()) == {
        "path": "? not told by this server",
        "relays by": "? not told by this server",
    }


def test_websockets_of_the_deployment_and_of_the_agent() -> None:
    assert words_of(MAP)["relays by"] == "DERP, else websockets"
    assert words_of(replace(MAP, force_websockets=True))["relays by"].startswith("websockets only")
    node = AgentNode(1, forced_websockets=Map({2: "GET failed with status code 403"}), endpoints=("x",))
    assert words_of(MAP, node)["websocket"] == "to Sydney: GET failed with status code 403"
    assert words_of(MAP, AgentNode(1, forced_websockets=Map({7: ""})))["websocket"] == "to relay 7"


def test_an_agent_that_has_not_reported_says_so() -> None:
    assert words_of(MAP, latency=())["latency"] == "the agent has not reported any yet"
    assert "latency" not in words_of(MAP, latency=(), status="disconnected")


# The agent's own word


def node_words(fact: Fact[AgentNode], key: str = "n", refusal: str = "") -> list[tuple[str, str]]:
    return [(f.label, f.value.text) for f in node_facts(fact, MAP, NOW, key=key, refusal=refusal)]


def test_how_to_ask_and_what_it_leaves_behind() -> None:
    assert node_words(Fact()) == [("its node", "n asks; leaves a connection log entry")]
    (fact,) = node_facts(Fact(), MAP, NOW, key="n")
    (span,) = fact.value.spans
    assert (fact.value.text[span.start : span.end], span.tone) == ("n", Tone.ACCENT)
    assert "palette" in node_words(Fact(), key="")[0][1]
    assert node_words(Fact(), refusal="Not now.") == [("its node", "Not now.")]


def test_what_it_said() -> None:
    node = AgentNode(
        1,
        Map({2: 90.0, 1: 12.3, 9: 40.0}),
        endpoints=("10.0.0.5:41641", "203.0.113.7:41641"),
        as_of=before(7200),
    )
    assert node_words(Fact().read(node, before(60), live=False)) == [
        ("its node", "home Frankfurt  as of 2h ago, asked 1m ago"),
        ("it measures", "Frankfurt 12 ms  9 40 ms  Sydney 90 ms"),
        ("endpoints", "10.0.0.5:41641  203.0.113.7:41641"),
    ]
    bare = node_words(Fact().read(AgentNode(42), NOW, live=False))
    assert bare == [
        ("its node", "home relay 42  asked just now"),
        ("it measures", "?"),
        ("endpoints", "none: direct connections are blocked there"),
    ]


def test_asking_and_failing() -> None:
    assert node_words(Fact(freshness=Freshness.LOADING)) == [("its node", "being asked…")]
    problem = Problem("NotFound", "Not found", "Resource not found", "Ask somebody.")
    assert node_words(Fact().failed(problem, refused=True)) == [
        ("its node", "Not found: Resource not found. Ask somebody.")
    ]
    kept = Fact().read(AgentNode(1), NOW, live=False).failed(problem)
    assert [label for label, _ in node_words(kept)] == ["its node", "it measures", "endpoints", "its node"]


# The frame


def test_the_frame_tells_how_old_the_measurement_is() -> None:
    agent = make_agent()
    workspace = make_workspace(agent)
    store = Store()
    store.apply(
        [ev.WorkspacesRead((workspace,), NOW, "page"), ev.ConnectionRead(agent.id, MAP, before(3600))]
    )
    (row,) = rows_of(workspace)

    def border() -> str:
        heads = pane_heads(store.state, row, verdict(workspace, agent, NOW, ()), NOW)
        return heads[8].freshness.text

    assert border() == "1 h ago"
    store.apply([ev.LinksRead(agent.id, measured(), before(60))])
    assert border() == "1 m ago"
    store.apply(
        [ev.FactFailed(agent.id, "links", Problem("TlsFailure", "No secure connection"), refused=True)]
    )
    assert border() == "No secure connection"
