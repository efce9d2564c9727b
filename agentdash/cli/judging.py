"""The diagnosis of what a command has read, by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentdash.cli.output import CliError, ExitCode

if TYPE_CHECKING:
    from datetime import datetime

    from agentdash.config.settings import Settings
    from agentdash.present.verdicts import Told
    from agentdash.state.state import State
    from agentdash.triage.thresholds import Thresholds


def thresholds_of(settings: Settings) -> Thresholds:
    """Limits of the rules.

    Raises:
        CliError: A limit in the settings cannot be understood.
    """
    from agentdash.triage.thresholds import Thresholds  # noqa: PLC0415 - after the command line has been understood

    try:
        return Thresholds().with_settings(settings.triage)
    except ValueError as error:
        raise CliError(f"settings: {error}", ExitCode.USAGE) from None


def look(state: State, now: datetime, settings: Settings) -> Told:
    """Judge a single read.

    Args:
        state: What was read.
        now: Server time.
        settings: For the limits of the rules.
    """
    from agentdash.ui.diagnosis import Eyes  # noqa: PLC0415 - a hundred rules, loaded after the read

    return Eyes(thresholds_of(settings)).glance(state, now).told
