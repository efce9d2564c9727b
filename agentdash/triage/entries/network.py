"""The network between agent, server and us (contract: triage.md §4.8)."""

from __future__ import annotations

from agentdash.triage.entries.entry import S1, S2, S3, S4, Entry

_DOCS = "docs: admin/networking/troubleshooting"

ENTRIES = (
    Entry(
        "N01",
        "Agent reports no relay",
        S3,
        "the agent has been connected for two minutes and has no preferred relay",
        "with several servers the map may be empty for a moment",
        ("the agent cannot reach any relay", "its map of relays is old"),
        (("measure the way to it", "coder ping {agent}"),),
        thresholds=("no_latency_s",),
        reference=_DOCS,
    ),
    Entry(
        "N02",
        "Agent is far from its relay",
        S4,
        "the round trip between the agent and its relay is long",
        "this is not the way from you to the workspace",
        ("no relay near the agent", "a slow network on its machine"),
        (("measure your own way to it", "coder ping {agent}"), ("", "coder speedtest {agent}")),
        thresholds=("latency_note_ms", "latency_high_ms"),
        reference=_DOCS,
    ),
    Entry(
        "N03",
        "Relayed connections only",
        S4,
        "no direct connection comes about",
        "whether yours is direct is not on the API: `coder ping` from your side tells",
        shown=False,
    ),
    Entry(
        "N04",
        "A proxy breaks websockets",
        S1,
        "streams are refused while ordinary requests work",
        "",
        ("a proxy in front of the deployment does not pass the upgrade",),
        (("let the proxy pass `Upgrade` and keep idle streams for more than 30 s", ""),),
        ("streams",),
        reference="docs: admin/monitoring/health-check (EWS01–EWS03)",
    ),
    Entry(
        "N05",
        "Streams are cut after a fixed time",
        S3,
        "streams end again and again at the same age",
        "",
        ("a proxy or load balancer limits how long a connection may last",),
        (("raise the idle limit of the proxy above 30 s, and its hard limit to hours", ""),),
        ("history",),
        ("cut_spread_s", "cut_count"),
    ),
    Entry(
        "N06",
        "Says connected, does not answer",
        S2,
        "the agent is connected and ready, yet questions to it run into a timeout",
        "the control link works, the way for data does not",
        (
            "the relay is broken by a proxy",
            "packets of full size do not get through",
            "the machine is overloaded, or its agent frozen",
        ),
        (("measure the way to it", "coder ping -v {agent}"), ("", "coder netcheck")),
        ("containers",),
        reference=_DOCS,
    ),
)
