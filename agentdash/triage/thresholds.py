"""Limits of the rules. The catalogue proposes them; a person may set each by name (contract: triage.md, marks [T])."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Names end in their unit: `_s` seconds, `_ms` milliseconds, `_pct` percent; others are counts or factors."""

    # Pools
    pool_short_intervals: float = 3
    pool_left_intervals: float = 5
    pool_empty_s: float = 300
    prebuild_ready_s: float = 600
    prebuild_lost_s: float = 120
    failed_prebuilds: float = 3
    failed_prebuild_age_s: float = 86_400
    parked_age_s: float = 86_400
    old_version_s: float = 600
    churn_factor: float = 3
    swamp_jobs: float = 10
    swamp_age_s: float = 600
    # Claims
    claim_pending_s: float = 30
    claim_running_s: float = 60
    claim_alarm_s: float = 300
    reinit_s: float = 60
    reinit_loop_s: float = 7200
    reinit_loop_count: float = 2
    # Builds
    queue_grace_s: float = 30
    queue_long_s: float = 60
    queue_alarm_s: float = 600
    reap_warning_s: float = 1200
    reap_s: float = 1800
    daemon_stale_s: float = 90
    build_silent_s: float = 180
    resource_factor: float = 3
    resource_least_s: float = 60
    cancel_s: float = 600
    teardown_s: float = 600
    autostart_late_s: float = 300
    # Agents
    connect_warn_s: float = 60
    no_timeout_s: float = 120
    no_timeout_alarm_s: float = 600
    flaps: float = 3
    flap_window_s: float = 600
    lost_s: float = 120
    lost_claim_grace_s: float = 30
    shutdown_s: float = 600
    mass_share_pct: float = 50
    mass_window_s: float = 45
    mass_least: float = 3
    # Start scripts
    script_s: float = 600
    slow_factor: float = 2
    slow_least_s: float = 30
    slow_age_s: float = 86_400
    created_s: float = 60
    no_log_s: float = 60
    logins_wait_s: float = 30
    baseline_samples: float = 5
    baseline_kept: float = 20
    # Running
    metadata_stale_s: float = 60
    metadata_factor: float = 3
    stops_soon_s: float = 1800
    stops_very_soon_s: float = 900
    deleting_soon_s: float = 86_400
    full_pct: float = 95
    full_readings: float = 3
    restarts: float = 3
    restart_window_s: float = 900
    skew_s: float = 5
    # Devcontainers
    devcontainer_s: float = 600
    subagent_lost_s: float = 120
    devcontainer_stopped_s: float = 15
    # Common causes
    group_least: float = 3
    group_share_pct: float = 50
    group_lift: float = 3
    # Network, apps, versions
    no_latency_s: float = 120
    latency_note_ms: float = 150
    latency_high_ms: float = 300
    cut_spread_s: float = 2
    cut_count: float = 3
    app_grace_s: float = 30
    old_minors: float = 2
    server_restart_s: float = 120

    def with_settings(self, settings: Mapping[str, float]) -> Thresholds:
        """These thresholds with some replaced.

        Raises:
            ValueError: no such threshold, or a value that is no limit; names the nearest known one.
        """
        known = self.names()
        for name, value in settings.items():
            if name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise ValueError(f"no triage threshold named {name}{hint}")
            if not 0 <= value < float("inf"):
                raise ValueError(f"triage threshold {name} must be a number from 0 on, not {value}")
        return replace(self, **dict(settings))

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """All names that may be set."""
        return tuple(field.name for field in fields(cls))
