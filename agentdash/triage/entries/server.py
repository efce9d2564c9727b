"""The deployment, versions, and ourselves (contract: triage.md §4.10)."""

from __future__ import annotations

from agentdash.triage.entries.entry import S1, S3, S4, Entry

_HEALTH = "docs: admin/monitoring/health-check"

ENTRIES = (
    Entry(
        "V01",
        "Agent is older than the server",
        S4,
        "the agent's version is behind the server's",
        "a claimed prebuild carries the agent of the day it was built",
        ("the server was upgraded after the workspace started",),
        (("restart the workspace when it suits", "coder restart {ws}"),),
        thresholds=("old_minors",),
        reference="#8266",
    ),
    Entry(
        "V02",
        "Deployment is unhealthy",
        S1,
        "the deployment's own health check finds an error (S1) or a warning (S3)",
        "the report may be ten minutes old",
        (),
        (("open the deployment's health page", ""),),
        ("health",),
        reference=_HEALTH,
    ),
    Entry(
        "V03",
        "Server asks us to slow down",
        S4,
        "requests were refused with 429",
        "the limit is 512 a minute for all programs of a user together",
        ("several dashboards of one user", "a script that polls"),
        (("lower `requests_per_minute`, or close other dashboards", ""),),
    ),
    Entry(
        "V04",
        "Not allowed to read",
        S4,
        "the server refuses a question for want of a right, a licence or a newer version",
        "said beside the rules that need it; never asked again in vain",
    ),
    Entry(
        "V05",
        "Logged out",
        S1,
        "the server does not accept the token any more",
        "",
        ("the session has ended", "the token was deleted"),
        (("log in again", "coder login {server}"),),
    ),
    Entry(
        "V06",
        "Server was restarted, or lost its agents",
        S4,
        "most agents lost their connection within seconds, less than two minutes ago",
        "they come back within half a minute if it was a restart",
        ("a restart or an upgrade of the server", "a cut of the network"),
        (("wait two minutes", ""),),
        ("fleet",),
        ("mass_share_pct", "mass_window_s", "mass_least", "server_restart_s"),
    ),
    Entry(
        "V07",
        "Unknown value",
        S4,
        "the server sent a word that this version does not know",
        "it is shown as it came, and no rule is judged by it",
        ("a server newer than this program",),
        (("update agentdash", ""),),
    ),
    Entry(
        "V08",
        "Workspace proxy is down",
        S3,
        "a workspace proxy is unhealthy",
        "apps and terminals through this proxy are affected, others are not",
        ("the proxy's process or its network",),
        (("look at the proxy", "coder workspace-proxy ls"),),
        ("regions",),
        reference=_HEALTH,
    ),
)
