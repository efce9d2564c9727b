"""Builds the scripted fleet by playing its last nine days, so that every log, timing and id has a past."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias

from agentdash.local import plays, queueing, reconciler, vitals, world_people
from agentdash.local import world_templates as plans
from agentdash.local.blueprints import Blueprint
from agentdash.local.deployment import Deployment
from agentdash.local.faults import FaultPlan
from agentdash.local.player import Player
from agentdash.local.records_org import Preset, User, Workspace
from agentdash.local.world_cast import CAST, Part
from agentdash.local.world_people import Catalogue

_DAY_S = 86_400.0
_HOUR_S = 3600.0
_PAST_S = 9 * _DAY_S
_BAD_VERSION_AGO_S = 1.75 * _HOUR_S

_Events: TypeAlias = list[tuple[float, Callable[[], None]]]


@dataclass(slots=True)
class World:
    """A deployment with a fleet in it; `cast` maps what a workspace shows to the ids of those that show it."""

    deployment: Deployment
    player: Player
    catalogue: Catalogue
    cast: dict[str, list[str]] = field(default_factory=dict)
    is_staged: bool = False
    """One condition is on show: nothing moves but metadata and what is still going on."""
    faults: FaultPlan = field(default_factory=FaultPlan)
    """What goes wrong on the way to whoever looks; for whoever serves the world."""

    def showing(self, what: str) -> list[Workspace]:
        """Workspaces cast for `what`, e.g. `start_error`, that still exist."""
        found = [self.deployment.workspaces[workspace_id] for workspace_id in self.cast.get(what, [])]
        return [workspace for workspace in found if not workspace.is_deleted]

    def user(self, username: str) -> User:
        """The user of that name. Raises `KeyError` when there is none."""
        user = self.deployment.find_user(username)
        if user is None:
            raise KeyError(username)
        return user

    def preset(self, template_id: str) -> Preset:
        """The first preset of the template's active version: the one with a pool, if any has."""
        version = self.deployment.versions[self.deployment.templates[template_id].active_version_id]
        return version.presets[0]


def build_fleet(deployment: Deployment, seed: int = 7) -> World:
    """Fill an empty deployment with 40 workspaces in 6 templates, as of now on its clock.

    The same seed and start time give the same ids, names and times. The fleet stands still until `world.run`.
    """
    deployment.rng.seed(seed)
    player = Player(deployment)
    builder = _Builder(deployment, player)
    plays.play_past(deployment, _PAST_S, builder.events())
    world = builder.world
    assert world is not None
    vitals.refresh(deployment, player)
    deployment.health_time = deployment.now()
    return world


class _Builder:
    """Collects what has to happen when in the past; the first event makes the catalogue."""

    def __init__(self, deployment: Deployment, player: Player) -> None:
        self._deployment = deployment
        self._player = player
        self.world: World | None = None

    def events(self) -> _Events:
        """(seconds ago, call) for everything that happened."""
        events: _Events = [(_PAST_S, self._furnish)]
        for part in CAST:
            events += self._events_of(part)
        events += [
            (5.5 * _HOUR_S, self._reconcile),
            (_BAD_VERSION_AGO_S, self._publish_bad_version),
            (_BAD_VERSION_AGO_S - 60, self._reconcile),
            (_BAD_VERSION_AGO_S - 120, self._reconcile),
            (_BAD_VERSION_AGO_S - 240, self._reconcile),
            (3 * _HOUR_S - 60, self._reconcile),
            (0.5, self._reconcile),
        ]
        return events

    def _furnish(self) -> None:
        catalogue = world_people.furnish(self._deployment)
        self.world = World(self._deployment, self._player, catalogue)

    def _world(self) -> World:
        assert self.world is not None
        return self.world

    def _reconcile(self) -> None:
        reconciler.reconcile(self._deployment)

    def _publish_bad_version(self) -> None:
        bad = world_people.go_with_npm_missing()
        world_people.publish_version(self._deployment, self._world().catalogue.go, "platform-v31", bad)

    def _events_of(self, part: Part) -> _Events:
        last_s = part.hours * _HOUR_S
        if part.shows in {"claimed", "claiming"}:
            return [(last_s, lambda: self._claim(part))]
        if part.shows == "canceled_pending":
            return [(last_s, lambda: self._cancel_pending(part))]
        if part.shows in _SHORT_LIVED:
            return [(last_s, lambda: self._create(part)), *self._after(part)]
        rng = self._deployment.rng
        days = rng.randint(2, 7)
        born_s = last_s + days * _DAY_S - rng.uniform(0, 3) * _HOUR_S
        events: _Events = [(born_s, lambda: self._create(part))]
        for day in range(1, min(days, 4)):
            morning_s = last_s + day * _DAY_S
            events.append((morning_s + 13 * _HOUR_S, lambda: self._build(part, "stop")))
            events.append((morning_s + rng.uniform(0, 0.5) * _HOUR_S, lambda: self._build(part, "start")))
        events.append((last_s + 13 * _HOUR_S, lambda: self._build(part, "stop")))
        events.append((last_s, lambda: self._last_start(part)))
        return events + self._after(part)

    def _after(self, part: Part) -> _Events:
        """What happened to it since its last start."""
        deployment, last_s = self._deployment, part.hours * _HOUR_S

        def with_agent(call: Callable[[Workspace], None]) -> Callable[[], None]:
            return lambda: call(self._find(part))

        match part.shows:
            case "stopped":
                return [(last_s - 9 * _HOUR_S, lambda: self._build(part, "stop"))]
            case "disconnected":
                return [(23 * 60, with_agent(lambda ws: plays.kill(deployment, ws.agents[0])))]
            case "link_lost":
                return [(12 * 60, with_agent(lambda ws: plays.drop_link(deployment, ws.agents[0])))]
            case "canceled_running":
                return [
                    (last_s - 6, with_agent(lambda ws: queueing.cancel_build(deployment, ws.latest_build)))
                ]
            case "ai_working" | "ai_waiting" | "ai_failed":
                return [
                    (ago_s, with_agent(lambda ws, row=row: _post(deployment, ws, row)))  # type: ignore[misc]
                    for ago_s, row in _conversation(part)
                ]
        return []

    def _create(self, part: Part) -> None:
        world = self._world()
        template_id = getattr(world.catalogue, part.template)
        version_id = self._arm_version() if part.shows == "pending" else None
        is_short = part.shows in _SHORT_LIVED
        workspace = queueing.create_workspace(
            self._deployment,
            world.user(part.owner),
            part.name,
            template_id,
            version_id=version_id,
            blueprint=part.blueprint() if is_short and part.blueprint is not None else None,
        )
        world.cast.setdefault(part.shows, []).append(workspace.id)

    def _arm_version(self) -> str:
        blueprint = Blueprint(plans.VM.resources, tags=(("arch", "arm64"),))
        catalogue = self._world().catalogue
        active = self._deployment.templates[catalogue.vm].active_version_id
        version = world_people.publish_version(self._deployment, catalogue.vm, "linux-vm-v6-arm", blueprint)
        self._deployment.templates[catalogue.vm].active_version_id = active
        return version.id

    def _find(self, part: Part) -> Workspace:
        workspace = self._deployment.find_workspace(self._world().user(part.owner), part.name)
        assert workspace is not None
        return workspace

    def _build(self, part: Part, transition: str) -> None:
        workspace = self._find(part)
        if workspace.latest_build.job.is_active:
            return
        queueing.queue_build(self._deployment, workspace, transition, workspace.owner_id)

    def _last_start(self, part: Part) -> None:
        workspace = self._find(part)
        workspace.last_used_at = self._deployment.now() + timedelta(minutes=4)
        if part.blueprint is not None:
            workspace.blueprint = part.blueprint()
        queueing.queue_build(self._deployment, workspace, "start", workspace.owner_id)

    def _cancel_pending(self, part: Part) -> None:
        self._create(part)
        queueing.cancel_build(self._deployment, self._find(part).latest_build)

    def _claim(self, part: Part) -> None:
        world = self._world()
        preset = world.preset(world.catalogue.web)
        workspace = reconciler.claim_one(self._deployment, preset, world.user(part.owner), part.name)
        assert workspace is not None
        world.cast.setdefault(part.shows, []).append(workspace.id)


_SHORT_LIVED = {
    "pending",
    "canceled_running",
    "timeout",
    "build_failed",
    "ai_working",
    "ai_waiting",
    "ai_failed",
}
_TALK = {
    "ai_working": (
        ("working", "Reading the login handler and its tests"),
        ("working", "Writing a failing test for the expired session"),
    ),
    "ai_waiting": (
        ("working", "Upgrading react to 19.2 in 41 packages"),
        ("idle", "Two peer dependencies conflict. Shall I drop enzyme?"),
    ),
    "ai_failed": (
        ("working", "Running the suite 20 times to find flaky tests"),
        ("failure", "Test runner was killed: out of memory"),
    ),
}


def _conversation(part: Part) -> list[tuple[float, tuple[str, str]]]:
    rows = _TALK[part.shows]
    first_s = part.hours * _HOUR_S - 120
    gap_s = (first_s - 90) / len(rows)
    return [(first_s - index * gap_s, row) for index, row in enumerate(rows)]


def _post(deployment: Deployment, workspace: Workspace, row: tuple[str, str]) -> None:
    uri = "https://git.example.com/acme/shop/pull/418" if row[0] != "failure" else ""
    plays.post_app_status(deployment, workspace.agents[0], "ccw", row[0], row[1], uri=uri)
