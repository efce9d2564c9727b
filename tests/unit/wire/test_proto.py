"""The messages by the worked bytes: numbers and types of fields are those of the contract (tailnet.md §5, §7)."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError

from agentdash.wire.proto import agent_pb2, tailnet_pb2
from tests.unit.wire import tailnet_examples as x

AGENT = bytes.fromhex("22222222222242228222222222222222")
WORKSPACE = bytes.fromhex("11111111111141118111111111111111")


def test_the_worked_token() -> None:
    answer = tailnet_pb2.RefreshResumeTokenResponse.FromString(x.RESUME_ANSWER[4:])
    assert (answer.token, answer.refresh_in.seconds, answer.expires_at.seconds) == ("tok", 43200, 1787400000)
    assert answer.SerializeToString() == x.RESUME_ANSWER[4:]


def test_the_worked_snapshot() -> None:
    update = tailnet_pb2.WorkspaceUpdate.FromString(x.UPDATES_ANSWER[4:])
    (workspace,), (agent,) = update.upserted_workspaces, update.upserted_agents
    assert (workspace.id, workspace.name, workspace.status) == (
        WORKSPACE,
        "dev",
        tailnet_pb2.Workspace.RUNNING,
    )
    assert (agent.id, agent.name, agent.workspace_id) == (AGENT, "main", WORKSPACE)
    assert update.SerializeToString() == x.UPDATES_ANSWER[4:]


def test_the_worked_node() -> None:
    answer = tailnet_pb2.CoordinateResponse.FromString(x.NODE_UPDATE[4:])
    (peer,) = answer.peer_updates
    assert (peer.id, peer.kind, peer.reason) == (
        AGENT,
        tailnet_pb2.CoordinateResponse.PeerUpdate.NODE,
        "add tunnel",
    )
    assert dict(peer.node.derp_latency) == {"999-v4": 0.0123}
    assert (peer.node.id, peer.node.preferred_derp, list(peer.node.endpoints)) == (7, 999, ["10.0.0.5:41641"])
    assert answer.SerializeToString() == x.NODE_UPDATE[4:]


def test_the_worked_requests() -> None:
    tunnel = tailnet_pb2.CoordinateRequest(add_tunnel=tailnet_pb2.CoordinateRequest.Tunnel(id=AGENT))
    assert tunnel.SerializeToString() == x.ADD_TUNNEL[4:]
    leaving = tailnet_pb2.CoordinateRequest(disconnect=tailnet_pb2.CoordinateRequest.Disconnect())
    assert leaving.SerializeToString() == x.DISCONNECT[4:]


def test_a_negative_port_is_ten_bytes() -> None:
    node = tailnet_pb2.DERPMap.Region.Node(stun_port=-1)
    assert node.SerializeToString() == bytes.fromhex("38ffffffffffffffffff01")
    assert tailnet_pb2.DERPMap.Region.Node.FromString(node.SerializeToString()).stun_port == -1


def test_numbers_that_are_easily_taken_wrong() -> None:
    metadata = agent_pb2.BatchUpdateMetadataRequest(metadata=[agent_pb2.Metadata(key="k")])
    assert metadata.SerializeToString() == bytes.fromhex("1203 0a016b")
    status = agent_pb2.UpdateAppStatusRequest(slug="a", state=agent_pb2.UpdateAppStatusRequest.WORKING)
    assert status.SerializeToString() == bytes.fromhex("0a0161")
    assert agent_pb2.Lifecycle.READY == 5
    assert agent_pb2.Log.INFO == 3
    assert agent_pb2.Manifest.DESCRIPTOR.fields_by_name["parent_id"].number == 18


def test_values_nobody_knows_yet_are_kept() -> None:
    update = tailnet_pb2.Workspace.FromString(bytes.fromhex("1863"))
    assert int(update.status) == 99


def test_a_message_cut_in_the_middle_is_refused() -> None:
    for cut in (1, 5, 40, 70):
        with pytest.raises(DecodeError):
            tailnet_pb2.WorkspaceUpdate.FromString(x.UPDATES_ANSWER[4 : 4 + cut])
