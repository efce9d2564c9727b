"""One question asked, and what its failure means: shared by the standing feed and the single read."""

from __future__ import annotations

from datetime import timedelta

from agentdash.api import errors
from agentdash.api.errors import ApiError
from agentdash.feed.context import Context, is_of_deployment
from agentdash.feed.surroundings_cases import Ask
from agentdash.feed.surroundings_topics import Part
from agentdash.state import deployment_events as ev
from agentdash.state.deployment import LogTail
from agentdash.state.freshness import Problem

FOREVER = float("inf")


async def answer(ctx: Context, ask: Ask, known: LogTail | None) -> ev.DeploymentEvent:
    """The answer to a question about one workspace.

    Args:
        ctx: The feed's.
        ask: The question.
        known: Of a log: what was read of it before, for the same sources.

    Raises:
        ApiError: There is none.
    """
    source, at = ctx.source, ctx.clock.now()
    event: ev.DeploymentEvent
    if ask.kind == "builds":
        builds = await source.builds(ask.subject, ctx.settings.builds_limit)
        event = ev.BuildsRead(ask.subject, builds, ctx.server_time(at))
    elif ask.kind == "timings":
        timings = await source.timings(ask.subject)
        event = ev.BuildTimingsRead(ask.subject, timings, ctx.server_time(at))
    elif ask.kind == "build_logs":
        tail = await source.build_tail(ask.subject, known)
        event = ev.BuildTailRead(ask.subject, tail, ctx.server_time(at))
    elif ask.kind == "agent_logs":
        tail = await source.agent_tail(ask.subject, ask.sources, known)
        event = ev.AgentTailRead(ask.subject, tail, ctx.server_time(at))
    else:
        parameters = await source.parameters(ask.subject)
        event = ev.ParametersRead(ask.subject, parameters, ctx.server_time(at))
    return event


def is_refusal(error: ApiError) -> bool:
    """Whether asking again will not help before something changes."""
    return isinstance(error, errors.Refused | errors.ServerTooOld) and error.is_final


def hold_s(ctx: Context, error: ApiError, delay_s: float) -> float:
    """How long not to ask again: `delay_s` after a trouble, long after a refusal, for ever if the route is missing."""
    if isinstance(error, errors.RouteNotFound):
        return FOREVER
    if is_of_deployment(error):
        return max(delay_s, ctx.settings.refused_retry_s) if error.is_final else delay_s
    return ctx.settings.refused_again_s if is_refusal(error) else delay_s


def failure(
    ctx: Context, part: Part, subject: str, problem: Problem, *, is_refused: bool, wait_s: float
) -> list[ev.DeploymentEvent]:
    """What to tell of a failed question; nothing of one that fills no fact."""
    if part == "version" or part == "rights":  # noqa: PLR1714 - a type checker follows this form only
        return []
    retry_at = None if wait_s == FOREVER else ctx.clock.now() + timedelta(seconds=wait_s)
    return [ev.SurroundingsFailed(part, subject, problem, refused=is_refused, retry_at=retry_at)]
