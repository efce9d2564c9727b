"""Apps of the workspace (contract: triage.md §4.9)."""

from __future__ import annotations

from agentdash.triage.entries.entry import S3, S4, Entry

ENTRIES = (
    Entry(
        "W01",
        "App is unhealthy",
        S3,
        "an app's health check fails",
        "any answer below 500 would count as healthy",
        ("the app did not start, or has crashed", "the check's address is wrong"),
        (("read the log of {suspect}", "coder ssh {agent}"),),
    ),
    Entry(
        "W02",
        "App never becomes healthy",
        S3,
        "an app is still initializing although its check should have spoken",
        "",
        ("the app did not start", "its check has no interval or threshold, so it never runs"),
        (("look at {suspect}", "coder ssh {agent}"),),
        thresholds=("app_grace_s",),
    ),
    Entry(
        "W03",
        "App's health is out of date",
        S4,
        "the agent is not connected, so the app's health is the last one known",
        "",
        ("the agent is away",),
        (("bring the agent back first (A05)", ""),),
    ),
    Entry(
        "W04",
        "App cannot be reached",
        S4,
        "an app wants a subdomain, and the deployment has no wildcard host",
        "",
        ("the deployment has no wildcard access URL",),
        (("set a wildcard access URL, or make the app path-based", ""),),
    ),
)
