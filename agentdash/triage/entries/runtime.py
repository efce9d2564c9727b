"""The running workspace (contract: triage.md §4.6)."""

from __future__ import annotations

from agentdash.triage.entries.entry import S1, S2, S3, S4, Entry

ENTRIES = (
    Entry(
        "R01",
        "Metadata is stale or fails",
        S3,
        "a metadata script fails, or its value is older than three intervals",
        "",
        ("the script fails or takes longer than its timeout",),
        (("run the script in the workspace", "coder ssh {agent}"),),
        ("metadata",),
        ("metadata_factor", "metadata_stale_s"),
    ),
    Entry(
        "R02",
        "Agent log is full",
        S4,
        "the agent's log reached its limit of 1 MiB",
        "no line of its scripts will arrive any more: silence proves nothing then",
        ("a very talkative script",),
        (("read the log files in the workspace", "coder ssh {agent}"),),
    ),
    Entry(
        "R03",
        "Workspace is dormant",
        S2,
        "the workspace is dormant; it may be deleted soon",
        "",
        ("nobody used it for as long as the template allows",),
        (("activate it on its page in the web interface to keep it", ""),),
        thresholds=("deleting_soon_s",),
    ),
    Entry(
        "R04",
        "Workspace stops soon",
        S4,
        "its autostop is due within half an hour",
        "",
        ("its schedule",),
        (("extend it", "coder schedule extend {ws} 2h"),),
        thresholds=("stops_soon_s", "stops_very_soon_s"),
    ),
    Entry(
        "R05",
        "Out of memory or disk",
        S2,
        "a metadata value that looks like a filling level has been at 95 % or more for three readings",
        "what a value means is the template author's: guessed from its form",
        ("the workspace is too small for what runs in it",),
        (("look at what fills it", "coder ssh {agent}"),),
        ("metadata",),
        ("full_pct", "full_readings"),
    ),
    Entry(
        "R06",
        "Agent restarts in a loop",
        S1,
        "the agent has started three times or more in a quarter of an hour without a new build",
        "",
        (
            "it is killed for memory",
            "the container's restart policy",
            "the claim's event is repeated (C06)",
        ),
        (("read the log around the restarts", "coder logs {ws}"),),
        ("history",),
        ("restarts", "restart_window_s"),
    ),
    Entry(
        "R07",
        "Clock of the machine is wrong",
        S3,
        "the agent's times do not fit the server's, or run backwards",
        "times of scripts are the machine's: they are shown as about",
        ("no time service on the machine", "a machine resumed from a snapshot"),
        (("set the machine's clock", "coder ssh {agent} -- date -u"),),
        thresholds=("skew_s",),
    ),
)
