"""`agentdash triage`: one read of a deployment, or one after the other, and what needs a person."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio import sleep
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from agentdash.cli import output
from agentdash.cli.connect import end_of, load_settings, make_client, need_login, opened, stored_token
from agentdash.cli.judging import thresholds_of
from agentdash.cli.output import CliError, ExitCode

if TYPE_CHECKING:
    from agentdash.api.client import Client
    from agentdash.api.exchange import Exchange
    from agentdash.cli.main import Call
    from agentdash.config.settings import Settings
    from agentdash.present.findings import Item
    from agentdash.present.glyphs import Glyphs
    from agentdash.state.query import Query
    from agentdash.state.store import Store
    from agentdash.triage.finding import Diagnosis, Finding
    from agentdash.triage.thresholds import Thresholds
    from agentdash.ui.diagnosis import Eyes, View

OFFSET_NOISE_S = 2.0
"""The header `Date` has whole seconds: a smaller move of the clock is none."""


def run(call: Call) -> int:
    """Read, judge, write; with `--watch` until ended."""
    options = call.options
    if options.schema:
        from agentdash.present.triage_json import triage_schema  # noqa: PLC0415

        output.say_json(triage_schema())
        return ExitCode.OK
    settings = load_settings(call).settings
    watch = Watch(
        settings=settings,
        query=_query(options.query),
        thresholds=thresholds_of(settings),
        fails_on=frozenset(options.fail_on),
        as_json=options.as_json,
        is_ascii=settings.ascii or "utf" not in (sys.stdout.encoding or "").lower(),
    )
    need_login(settings)
    client = _client(call, settings, watch)
    every_s = options.every if options.watch else None
    return asyncio.run(watch.run(client, every_s))


def _query(text: str) -> Query:
    from agentdash.state.query import QueryError, parse  # noqa: PLC0415 - after the command line has been understood

    try:
        return parse(text)
    except QueryError as error:
        raise CliError(f"the filter cannot be understood: {error}", ExitCode.USAGE) from None


def _client(call: Call, settings: Settings, watch: Watch) -> Client:
    from agentdash.config.errors import ConfigError  # noqa: PLC0415

    try:
        return make_client(settings, dict(call.environ), watch.answered, stored_token(call, settings))
    except ConfigError as error:
        raise CliError(str(error), ExitCode.USAGE) from None


@dataclass(slots=True)
class Watch:
    """Reads and judges, once or again and again.

    Attributes:
        settings: As loaded.
        query: Which findings are wanted.
        thresholds: Limits of the rules.
        fails_on: Severities that make the program end with `ExitCode.FOUND`.
        as_json: Write JSON: one object, or one a line while watching.
        is_ascii: Signs of ASCII only.
    """

    settings: Settings
    query: Query
    thresholds: Thresholds
    fails_on: frozenset[str] = frozenset()
    as_json: bool = False
    is_ascii: bool = False
    _store: Store | None = None
    _eyes: Eyes | None = None
    _told: dict[str, Finding] = field(default_factory=dict)
    _offset_s: float | None = None

    @property
    def store(self) -> Store:
        """Holder of what was read."""
        if self._store is None:
            from urllib.parse import urlsplit  # noqa: PLC0415

            from agentdash.state.events import ServerNamed  # noqa: PLC0415
            from agentdash.state.store import Store  # noqa: PLC0415

            self._store = Store()
            url = self.settings.url or ""
            self._store.apply([ServerNamed(url, urlsplit(url).netloc, is_embedded=False)])
        return self._store

    def answered(self, exchange: Exchange) -> None:
        """Each answer tells the server's time, which is the only one that counts."""
        offset = exchange.clock_offset_s
        if exchange.status == 0 or offset is None:
            return
        if self._offset_s is not None and abs(offset - self._offset_s) < OFFSET_NOISE_S:
            return
        from agentdash.state.convert import name  # noqa: PLC0415
        from agentdash.state.events import ServerAnswered  # noqa: PLC0415

        self._offset_s = offset
        version = name(exchange.server_version)
        self.store.apply([ServerAnswered(exchange.at, version, offset, exchange.latency_s)])

    def now(self) -> datetime:
        """Server time."""
        return datetime.now(UTC) + timedelta(seconds=self._offset_s or 0.0)

    async def run(self, client: Client, every_s: float | None) -> int:
        """Read once, or every so many seconds until ended. Returns the exit code."""
        async with opened(client):
            if every_s is None:
                view = await self._look(client, is_only=True)
                self._write(view)
                return self._code(view)
            news: View | None = await self._look(client)
            while True:
                if news is not None:
                    self._write_news(news)
                    output.flush()
                    if self._code(news) != ExitCode.OK:
                        return ExitCode.FOUND
                await sleep(every_s)
                news = await self._look_again(client)

    async def _look(self, client: Client, *, is_only: bool = False) -> View:
        from agentdash.feed.clock import SystemClock  # noqa: PLC0415
        from agentdash.feed.deployment import Deployment  # noqa: PLC0415
        from agentdash.feed.settings import feed_settings  # noqa: PLC0415
        from agentdash.feed.surroundings_once import read_once  # noqa: PLC0415
        from agentdash.ui.diagnosis import Eyes  # noqa: PLC0415

        clock = SystemClock()
        store = self.store
        await read_once(
            Deployment(client, clock),
            lambda batch: _apply(store, batch),
            lambda: store.state,
            clock,
            settings=feed_settings(self.settings),
        )
        eyes = self._eyes = self._eyes or Eyes(self.thresholds)
        return eyes.glance(store.state, self.now()) if is_only else eyes.look(store.state, self.now())

    async def _look_again(self, client: Client) -> View | None:
        """A later look; a trouble that may pass is told and waited out."""
        from agentdash.api.errors import ApiError  # noqa: PLC0415

        try:
            return await self._look(client)
        except ApiError as error:
            if error.is_final:
                raise
            output.warn(str(end_of(error).message))
            return None

    # What is written

    def findings(self, view: View) -> tuple[Finding, ...]:
        """Those that are wanted, worst first."""
        from agentdash.present.finding_filter import matcher  # noqa: PLC0415

        state = view.facts.state
        matches = matcher(self.query, state)
        organization = (self.settings.organization or "").lower()

        def is_wanted(finding: Finding) -> bool:
            workspace = state.workspaces.get(finding.subject.workspace_id)
            if organization and workspace is not None:
                names = (workspace.organization_name.lower(), workspace.organization_id.lower())
                if organization not in names:
                    return False
            return matches(finding)

        return tuple(f for f in view.diagnosis.findings if is_wanted(f))

    def _code(self, view: View) -> int:
        found = {f.severity.label for f in self.findings(view)}
        return ExitCode.FOUND if found & self.fails_on else ExitCode.OK

    def _write(self, view: View) -> None:
        found = self.findings(view)
        if self.as_json:
            from agentdash.present.triage_json import triage_json  # noqa: PLC0415

            output.say_json(triage_json(view.facts.state, view.diagnosis, self.now(), findings=found))
            return
        for line in report(view, found, self.now(), is_ascii=self.is_ascii):
            output.say(line)

    def _write_news(self, view: View) -> None:
        """What has come and what has gone since the last look; with JSON the whole on one line."""
        found = self.findings(view)
        if self.as_json:
            from agentdash.present.triage_json import triage_json  # noqa: PLC0415

            body = triage_json(view.facts.state, view.diagnosis, self.now(), findings=found)
            output.say(json.dumps(body, ensure_ascii=True))
            return
        now = {f.id: f for f in found if f.primary}
        at = f"{self.now():%H:%M:%S}Z"
        for line in changes(self._told, now, is_ascii=self.is_ascii):
            output.say(f"{at} {line}")
        if not self._told and not now:
            output.say(f"{at} nothing needs a person")
        self._told = now


def _apply(store: Store, batch: Sequence[object]) -> None:
    store.apply(batch)  # type: ignore[arg-type]  # the feed's events are the store's


def report(view: View, found: Sequence[Finding], now: datetime, *, is_ascii: bool = False) -> Iterator[str]:
    """Everything as text: a heading, each row with its proof and next step, what could not be judged."""
    from agentdash.present.findings import items_of, need_a_person  # noqa: PLC0415

    glyphs = _glyphs(is_ascii)
    wanted = {f.id for f in found}
    items = items_of(view.diagnosis, matches=lambda f: f.id in wanted)
    server = view.facts.state.server
    count = need_a_person(items)
    rows = [item for item in items if item.findings]
    words = f"{count} need{'s' * (count == 1)} a person" if count else "nothing needs a person"
    notes = len(rows) - count
    words += f", {notes} note{'s' * (notes != 1)}" if notes else ""
    words += f" in {len(view.facts.state.workspaces)} workspaces"
    left_out = sum(f.primary for f in view.diagnosis.findings) - sum(f.primary for f in found)
    words += f"; the filter leaves out {left_out}" if left_out > 0 else ""
    where = " ".join(part for part in (server.host, server.version) if part)
    yield f"{words}  ({where}, {now:%Y-%m-%d %H:%M:%S}Z)"
    for item in rows:
        yield ""
        yield from _row(item, view.diagnosis, now, glyphs)
    untold = [told for item in items for told in item.untold]
    if untold:
        yield ""
        yield "cannot be judged:"
        for why, rules in untold:
            yield f"  {' '.join(rules)}: {glyphs.say(why)}"


def _row(item: Item, diagnosis: Diagnosis, now: datetime, glyphs: Glyphs) -> Iterator[str]:
    from agentdash.present.findings import item_facts, item_title  # noqa: PLC0415

    finding = item.finding
    group = next((g for g in diagnosis.groups if finding is not None and g.id == finding.group), None)
    yield f"{item.severity.label} {item_title(item, now, glyphs).text}"
    facts = item_facts(item, now, group=group, glyphs=glyphs)
    width = max((len(fact.label) for fact in facts), default=0)
    for fact in facts:
        extra = f"  [{fact.extra.text}]" if fact.extra.text else ""
        yield f"   {fact.label.ljust(width)}  {fact.value.text.strip()}{extra}".rstrip()


def changes(
    before: dict[str, Finding], after: dict[str, Finding], *, is_ascii: bool = False
) -> Iterator[str]:
    """What has come, worst first, then what has gone, then what got worse or better."""
    from agentdash.present.findings import finding_title  # noqa: PLC0415

    glyphs = _glyphs(is_ascii)
    for finding_id, finding in after.items():
        if finding_id not in before:
            yield f"+ {finding.severity.label} {finding_title(finding, glyphs)}"
    for finding_id, finding in before.items():
        if finding_id not in after:
            yield f"- {finding.severity.label} {finding_title(finding, glyphs)}"
    for finding_id, finding in after.items():
        was = before.get(finding_id)
        if was is not None and was.severity is not finding.severity:
            yield f"~ {was.severity.label} to {finding.severity.label} {finding_title(finding, glyphs)}"


def _glyphs(is_ascii: bool) -> Glyphs:
    from agentdash.present.glyphs import ASCII, UNICODE  # noqa: PLC0415

    return ASCII if is_ascii else UNICODE
