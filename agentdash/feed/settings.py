"""How often the feed asks, and how much it keeps open. Seconds unless said otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from agentdash.config.settings import FleetSource, Settings


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """Numbers of `design: feed.md`, all changeable.

    Attributes:
        page_limit: Workspaces asked for on one page; halved down to `page_limit_least` when pages are heavy.
        page_heavy_bytes: From this size on a page counts as heavy (4 KB a workspace is usual).
        sweep_interval_s: Least time between the starts of two sweeps.
        sweep_free_pages: Pages of the first sweep that are read without a pause.
        sweep_bytes_per_s: Bytes a second that a sweep reads on average.
        sweep_pages_per_minute: Pages a minute that a sweep reads at most.
        trouble_interval_s: Between two rounds of the trouble queries.
        begun_interval_s: Between two looks for builds that have begun.
        prebuilds_interval_s: Between two readings of all prebuilds, which are many where there are any.
        trouble_pages: Pages read of one trouble query; what is beyond comes with the sweep.
        count_interval_s: Between two readings of the total, while sweeps take longer than that.
        watch_cap: Workspaces watched at once.
        fleet_source: Whether one stream tells of changes besides the watches, or instead of those of rows on screen.
        owners_at_once: Owners whose workspaces that stream tells of.
        settle_s: A row must have been on screen this long before it is watched.
        reread_s: Workspaces on screen are read again after this time: a disconnect by silence is not pushed
            (contract: agents.md §2.2).
        reread_moving_s: The same while a build or an agent's start is under way.
        tick_s: How often what is wanted is compared with what runs.
        ports_s: Between two readings of the ports of an opened agent.
        shares_s: Between two readings of its shared ports.
        containers_s: Between two readings of its containers: starts of ordinary ones are not pushed.
        timings_s: Between two readings of timings during a start.
        agent_s: Between two readings of an opened agent that starts or shuts down.
        final_logs_s: Between two readings of the log of an agent that is being stopped.
        log_overlap: Lines read again after a cut: two writers may commit out of order (agents.md §3.4).
        agent_reread_least_s: Least time between readings of an agent because of an unknown log source.
        refused_retry_s: Before a refusal of the whole server (bad token, no Coder) is tried again by itself.
        account_s: Between two readings of user, licence and experiments.
        surroundings_settle_s: Before the first questions about templates, queue and health: trouble comes first.
        templates_s: Between two readings of templates and of presets with a pool, while there are prebuilds.
        templates_idle_s: The same for all others.
        pool_settings_s: Between two readings of the switch of the prebuilds.
        provisioners_s: Between two readings of daemons and standing jobs of an organization.
        jobs_history_s: Between two readings of its newest jobs, finished ones included.
        health_s: Between two readings of the deployment's health; the server's report may be as old.
        proxies_s: Between two readings of the workspace proxies.
        rights_s: Between two readings of rights and options.
        refused_again_s: Before a refused part is asked for again; one the server lacks waits for a new version.
        cases_per_minute: Questions a minute about single unwell or moving workspaces; a log counts as two.
        cases_at_once: How many of them may come in one burst.
        build_log_s: Between two readings of the log of a build that runs for long.
        agent_log_s: Between two readings of the log of an agent that starts for long.
        builds_limit: Builds read of a workspace's history.
        baseline_builds: Latest good builds of each template whose timings are read for comparison.
    """

    page_limit: int = 100
    page_limit_least: int = 25
    page_heavy_bytes: int = 1_000_000
    sweep_interval_s: float = 10.0
    sweep_free_pages: int = 10
    sweep_bytes_per_s: float = 200_000
    sweep_pages_per_minute: float = 60
    trouble_interval_s: float = 10.0
    begun_interval_s: float = 3.0
    prebuilds_interval_s: float = 30.0
    trouble_pages: int = 5
    count_interval_s: float = 30.0
    watch_cap: int = 100
    fleet_source: FleetSource = "watch"
    owners_at_once: int = 100
    settle_s: float = 1.0
    reread_s: float = 30.0
    reread_moving_s: float = 5.0
    tick_s: float = 0.5
    ports_s: float = 5.0
    shares_s: float = 60.0
    containers_s: float = 12.0
    timings_s: float = 5.0
    agent_s: float = 5.0
    final_logs_s: float = 2.0
    log_overlap: int = 100
    agent_reread_least_s: float = 10.0
    refused_retry_s: float = 30.0
    account_s: float = 3600.0
    surroundings_settle_s: float = 1.0
    templates_s: float = 60.0
    templates_idle_s: float = 300.0
    pool_settings_s: float = 60.0
    provisioners_s: float = 30.0
    jobs_history_s: float = 300.0
    health_s: float = 600.0
    proxies_s: float = 300.0
    rights_s: float = 3600.0
    refused_again_s: float = 3600.0
    cases_per_minute: float = 60.0
    cases_at_once: int = 20
    build_log_s: float = 30.0
    agent_log_s: float = 120.0
    builds_limit: int = 10
    baseline_builds: int = 8


SILENT_DISCONNECT_S = 30.0
"""After so long a silent agent counts as disconnected, which nobody pushes (contract: agents.md §2.2)."""


def feed_settings(settings: Settings) -> FeedSettings:
    """What a person may set, and the defaults for the rest."""
    intervals, sweep = settings.intervals, settings.sweep
    return FeedSettings(
        sweep_bytes_per_s=sweep.bytes_per_s,
        sweep_pages_per_minute=sweep.pages_per_minute,
        trouble_interval_s=intervals.trouble_s,
        prebuilds_interval_s=intervals.pools_s,
        watch_cap=settings.watch_cap,
        fleet_source=settings.fleet_source,
        reread_s=min(intervals.refresh_s, SILENT_DISCONNECT_S),
        ports_s=intervals.ports_s,
        account_s=intervals.server_s,
    )
