"""The Agent service: a program that plays an agent changes the records (contract: agent-side.md §11)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from agentdash.local import bus as topics
from agentdash.local import startup
from agentdash.local.agent_side import side_of
from agentdash.local.errors import ApiError
from agentdash.local.records import Agent, Latency, Script, ScriptTiming
from agentdash.local.routes_me import set_app_status
from agentdash.local.rpc_ids import agent_address, id_text
from agentdash.local.rpc_manifest import manifest_of
from agentdash.local.rpc_tailnet import SERVICE as TAILNET
from agentdash.local.rpc_tailnet import converse, parse, post_telemetry, stream_derp_maps
from agentdash.local.runtime import Runtime
from agentdash.wire.errors import CallFailedError
from agentdash.wire.proto import agent_pb2 as pb
from agentdash.wire.proto import tailnet_pb2
from agentdash.wire.rpc import Handler, ServerCall

SERVICE = "/coder.agent.v2.Agent/"
STATS_INTERVAL_S = 30
MAX_METADATA = 2048
RELAY_NAME = "Coder Embedded Relay"
_DATAPOINTS = 20
_COLLECT_S = 10

Answer = Callable[[bytes], Message]


class AgentService:
    """The methods for one connected agent."""

    def __init__(self, runtime: Runtime, agent: Agent) -> None:
        self._runtime = runtime
        self._deployment = runtime.deployment
        self._agent = agent

    def handlers(self) -> dict[str, Handler]:
        """Methods by name, those of the tailnet that agents have among them."""
        answers: dict[str, Answer] = {
            "GetManifest": lambda _: manifest_of(self._runtime, self._agent),
            "GetServiceBanner": lambda _: pb.ServiceBanner(),
            "GetAnnouncementBanners": lambda _: pb.GetAnnouncementBannersResponse(),
            "UpdateStartup": self._startup,
            "UpdateLifecycle": self._lifecycle,
            "UpdateStats": self._stats,
            "BatchUpdateAppHealths": self._app_healths,
            "BatchUpdateMetadata": self._metadata,
            "BatchCreateLogs": self._logs,
            "ScriptCompleted": self._script,
            "GetResourcesMonitoringConfiguration": self._monitoring,
            "PushResourcesMonitoringUsage": lambda _: pb.PushResourcesMonitoringUsageResponse(),
            "ReportConnection": lambda _: Empty(),
            "DeleteSubAgent": self._delete_sub_agent,
            "ListSubAgents": self._sub_agents,
            "UpdateAppStatus": self._app_status,
        }
        found = {f"{SERVICE}{name}": _unary(answer) for name, answer in answers.items()}
        found[f"{TAILNET}StreamDERPMaps"] = lambda call: stream_derp_maps(self._runtime, call)
        found[f"{TAILNET}Coordinate"] = self._coordinate
        found[f"{TAILNET}PostTelemetry"] = post_telemetry
        return found

    def connect(self, version: str) -> int:
        """The agent is there. Whatever else played it is ended; returns the number of this process."""
        agent = self._agent
        agent.step_aside()
        startup.end_process(self._deployment, agent)
        now = self._deployment.now()
        if agent.disconnected_at is not None and agent.disconnected_at >= now:
            # A connect in the very instant of the disconnect is still the later of the two.
            agent.disconnected_at = now - timedelta(microseconds=1)
        agent.first_connected_at = agent.first_connected_at or now
        agent.last_connected_at = now
        agent.is_beating = True
        agent.is_unreachable = False
        agent.owner_id_at_connect = self._runtime.workspace_of(agent).owner_id
        agent.api_version = version
        self._deployment.touch_agent(agent)
        return agent.process

    def disconnect(self, process: int) -> None:
        """The connection has ended; nothing to do when another process has taken over."""
        if self._agent.process == process:
            side_of(self._runtime).nodes.pop(self._agent.id, None)
            startup.disconnect(self._deployment, self._agent)

    # what the agent says

    def _startup(self, data: bytes) -> Message:
        startup_ = parse(pb.UpdateStartupRequest, data).startup
        if not startup_.version.startswith("v"):
            raise CallFailedError(f'invalid agent semver version "{startup_.version}"')
        agent = self._agent
        agent.version, agent.expanded_directory = startup_.version, startup_.expanded_directory
        names = {number: name.lower() for name, number in pb.Startup.Subsystem.items()}
        agent.subsystems = sorted({names[kind] for kind in startup_.subsystems if kind in names})
        self._deployment.touch_agent(agent)
        return startup_

    def _lifecycle(self, data: bytes) -> Message:
        lifecycle = parse(pb.UpdateLifecycleRequest, data).lifecycle
        names = {number: name.lower() for name, number in pb.Lifecycle.State.items() if number}
        word = names.get(lifecycle.state)
        if word is None:
            raise CallFailedError(f"unknown lifecycle state: {lifecycle.state}")
        agent, moment = self._agent, _time(lifecycle.changed_at)
        agent.lifecycle_state = word
        if word == "starting":
            agent.started_at, agent.ready_at = moment, None
        if word in {"ready", "start_timeout", "start_error"}:
            agent.ready_at = moment
        self._deployment.touch_agent(agent)
        return lifecycle

    def _stats(self, data: bytes) -> Message:
        parse(pb.UpdateStatsRequest, data)
        answer = pb.UpdateStatsResponse()
        answer.report_interval.seconds = STATS_INTERVAL_S
        return answer

    def _app_healths(self, data: bytes) -> Message:
        request = parse(pb.BatchUpdateAppHealthRequest, data)
        names = {number: name.lower() for name, number in pb.AppHealth.items() if number}
        apps = {app.id: app for app in self._agent.apps}
        for update in request.updates:
            app = apps.get(id_text(update.id))
            if app is None:
                raise CallFailedError(f"workspace app ID {id_text(update.id)} not found")
            if not app.healthcheck_url:
                raise CallFailedError(f'workspace app "{app.slug}" does not have healthchecks enabled')
            app.health = names.get(update.health, app.health)
        self._deployment.touch_agent(self._agent)
        return pb.BatchUpdateAppHealthResponse()

    def _metadata(self, data: bytes) -> Message:
        request = parse(pb.BatchUpdateMetadataRequest, data)
        items = {item.key: item for item in self._agent.metadata}
        for entry in request.metadata:
            item = items.get(entry.key)
            if item is None:
                continue
            value = entry.result.value.encode()[:MAX_METADATA].decode("utf-8", "ignore").strip()
            item.value, item.error = value, entry.result.error[:MAX_METADATA]
            if len(entry.result.value.encode()) > MAX_METADATA:
                item.error = (
                    f"value of {len(entry.result.value.encode())} bytes exceeded {MAX_METADATA} bytes"
                )
            item.collected_at = self._deployment.now()
        self._deployment.bus.publish(topics.metadata_topic(self._agent.id))
        return pb.BatchUpdateMetadataResponse()

    def _logs(self, data: bytes) -> Message:
        request = parse(pb.BatchCreateLogsRequest, data)
        names = {number: name.lower() for name, number in pb.Log.Level.items() if number}
        lines = [(names.get(row.level, "info"), row.output.replace("\0", "❌")) for row in request.logs]
        if lines:
            self._deployment.append_logs(self._agent, id_text(request.log_source_id), lines)
        return pb.BatchCreateLogsResponse(log_limit_exceeded=self._agent.logs_overflowed)

    def _script(self, data: bytes) -> Message:
        timing = parse(pb.WorkspaceAgentScriptCompletedRequest, data).timing
        script = next((one for one in self._agent.scripts if one.id == id_text(timing.script_id)), None)
        if script is None:
            raise CallFailedError("insert workspace agent script timings into database: no such script")
        self._keep_timing(script, timing)
        self._deployment.touch_agent(self._agent)
        return pb.WorkspaceAgentScriptCompletedResponse()

    def _keep_timing(self, script: Script, timing: pb.Timing) -> None:
        script.exit_code = timing.exit_code
        script.status = pb.Timing.Status.Name(timing.status).lower() if timing.status <= 3 else "ok"
        stage = pb.Timing.Stage.Name(timing.stage).lower() if timing.stage <= 2 else "start"
        known = {(one.display_name, one.stage) for one in self._agent.script_timings}
        if (script.display_name, stage) not in known:
            # Only the first run of a build is kept.
            began, ended = _time(timing.start), _time(timing.end)
            self._agent.script_timings.append(
                ScriptTiming(script.display_name, began, ended, timing.exit_code, script.status, stage)
            )

    def _monitoring(self, data: bytes) -> Message:
        del data
        answer = pb.GetResourcesMonitoringConfigurationResponse()
        answer.config.num_datapoints = _DATAPOINTS
        answer.config.collection_interval_seconds = _COLLECT_S
        return answer

    def _sub_agents(self, data: bytes) -> Message:
        del data
        answer = pb.ListSubAgentsResponse()
        for agent in self._children():
            token = side_of(self._runtime).tokens.token_of(self._deployment, agent)
            answer.agents.add(name=agent.name, id=_raw(agent.id), auth_token=_raw(token))
        return answer

    def _delete_sub_agent(self, data: bytes) -> Message:
        wanted = id_text(parse(pb.DeleteSubAgentRequest, data).id)
        for agent in self._children():
            if agent.id == wanted:
                self._deployment.remove_agent(agent)
                return pb.DeleteSubAgentResponse()
        raise CallFailedError("subagent does not belong to this parent agent")

    def _children(self) -> list[Agent]:
        build = self._deployment.find_build(self._agent.build_id)
        agents = build.agents if build is not None else []
        return [agent for agent in agents if agent.parent_id == self._agent.id]

    def _app_status(self, data: bytes) -> Message:
        request = parse(pb.UpdateAppStatusRequest, data)
        known = request.state in pb.UpdateAppStatusRequest.AppStatusState.values()
        state = pb.UpdateAppStatusRequest.AppStatusState.Name(request.state) if known else ""
        try:
            set_app_status(
                self._runtime,
                self._agent,
                slug=request.slug,
                state=state.lower(),
                message=request.message,
                uri=request.uri,
            )
        except ApiError as error:
            raise CallFailedError(f"{error.message} {error.detail}".strip()) from None
        return pb.UpdateAppStatusResponse()

    # the agent as a peer

    async def _coordinate(self, call: ServerCall) -> None:
        empty = tailnet_pb2.CoordinateResponse()
        await converse(self._runtime, call, list, self._take_peer, lambda: empty)

    def _take_peer(self, data: bytes) -> tailnet_pb2.CoordinateResponse | None:
        request = parse(tailnet_pb2.CoordinateRequest, data)
        if request.HasField("disconnect"):
            return None
        answer = tailnet_pb2.CoordinateResponse()
        if request.HasField("add_tunnel"):
            answer.error = "authorization: agents cannot open tunnels"
        elif request.HasField("update_self"):
            own = f"{agent_address(self._agent.id)}/128"
            foreign = [text for text in request.update_self.node.addresses if text != own]
            if foreign:
                answer.error = f"authorization: invalid node address {foreign[0]!r}, expected {own!r}"
            else:
                self.know_node(request.update_self.node)
        return answer

    def know_node(self, node: tailnet_pb2.Node) -> None:
        """Where the agent can be reached, by its own word."""
        side_of(self._runtime).nodes[self._agent.id] = node
        values = list(node.derp_latency.values())
        self._agent.latency = {RELAY_NAME: Latency(min(values) * 1000, preferred=True)} if values else {}
        self._deployment.touch_agent(self._agent)


def _unary(answer: Answer) -> Handler:
    async def handle(call: ServerCall) -> None:
        await call.send(answer(await call.request()).SerializeToString())

    return handle


def _time(moment: Timestamp) -> datetime:
    try:
        return moment.ToDatetime(UTC)
    except (ValueError, OverflowError):
        return datetime.fromtimestamp(0, UTC)


def _raw(text: str) -> bytes:
    return bytes.fromhex(text.replace("-", ""))
