"""Who is logged in where: build, user, licence, experiments, apps' host. Read at start and on a slow clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from agentdash.api import errors
from agentdash.api.errors import ApiError
from agentdash.feed.clock import Alarm
from agentdash.feed.context import Context, is_of_deployment, retry_after
from agentdash.state import events as ev

Question = Callable[[], Awaitable[ev.Event]]


class Account:
    """Each of the questions on its own: one that is refused does not hold up the others."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._alarm = Alarm(ctx.clock)

    def refresh(self) -> None:
        """Ask again now."""
        self._alarm.ring()

    async def run(self) -> None:
        """Ask everything; what could not be answered again after a delay, the rest after an hour."""
        backoff = self._ctx.backoff()
        open_questions = self._questions()
        while True:
            unanswered, error = await self._round(open_questions)
            if error is None:
                backoff.reset()
                open_questions = self._questions()
                wait = self._ctx.settings.account_s
            else:
                open_questions = unanswered
                wait = backoff.delay(retry_after(error))
                if error.is_final:
                    wait = max(wait, self._ctx.settings.refused_retry_s)
            if await self._alarm.wait(wait):
                open_questions = self._questions()

    def _questions(self) -> list[Question]:
        return [self._build_info, self._user, self._entitlements, self._experiments, self._wildcard_host]

    async def _round(self, questions: list[Question]) -> tuple[list[Question], ApiError | None]:
        """Ask in turn. Returns what is to be asked again and why, None if nothing is."""
        again: list[Question] = []
        why: ApiError | None = None
        for index, ask in enumerate(questions):
            try:
                self._ctx.emit(await ask())
            except (errors.Forbidden, errors.NotFound, errors.RouteNotFound):
                continue
            except ApiError as error:
                why = error
                self._ctx.failed(error)
                if is_of_deployment(error):
                    return [*again, *questions[index:]], error
                again.append(ask)
        return again, why

    async def _build_info(self) -> ev.Event:
        return await self._ctx.source.build_info()

    async def _user(self) -> ev.Event:
        return ev.UserRead(await self._ctx.source.user())

    async def _entitlements(self) -> ev.Event:
        return ev.EntitlementsRead(await self._ctx.source.entitlements())

    async def _experiments(self) -> ev.Event:
        return ev.ExperimentsRead(await self._ctx.source.experiments())

    async def _wildcard_host(self) -> ev.Event:
        return ev.RegionsRead(await self._ctx.source.wildcard_host())
