"""The feed's numbers follow the user's settings, within what the contract allows."""

from __future__ import annotations

from agentdash.config.settings import Intervals, Settings, Sweep
from agentdash.feed.settings import feed_settings


def test_the_numbers_are_those_of_the_settings() -> None:
    wanted = Settings(
        intervals=Intervals(trouble_s=20, refresh_s=15, ports_s=7, pools_s=50, server_s=60),
        sweep=Sweep(bytes_per_s=50_000, pages_per_minute=10),
        watch_cap=3,
        fleet_source="tailnet",
    )
    numbers = feed_settings(wanted)
    assert (numbers.trouble_interval_s, numbers.reread_s, numbers.ports_s) == (20, 15, 7)
    assert (numbers.prebuilds_interval_s, numbers.watch_cap, numbers.account_s) == (50, 3, 60)
    assert numbers.fleet_source == "tailnet"
    assert (numbers.sweep_bytes_per_s, numbers.sweep_pages_per_minute) == (50_000, 10)


def test_rows_on_screen_are_read_again_before_a_silent_disconnect_grows_old() -> None:
    assert feed_settings(Settings(intervals=Intervals(refresh_s=600))).reread_s <= 30
