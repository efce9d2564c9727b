"""A machine without a token: its cloud's metadata service, the exchange, every refusal (contract: agent-side.md §3)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from agentdash.api import agent_errors, errors
from agentdash.api.agent_side import AgentSideApi
from agentdash.api.client import Client
from agentdash.api.identity import Metadata, Proof, exchange
from agentdash.config.secret import Secret
from agentdash.local import queueing
from agentdash.local.agent_side import side_of
from agentdash.local.identities import IdentityAuthority
from agentdash.local.records import Agent, Workspace
from agentdash.local.server import Served

INSTANCE = "i-0abc"
CLOUDS = ("aws", "azure", "google")


def the_workspace(served: Served) -> Workspace:
    return next(iter(served.deployment.workspaces.values()))


def the_agent(served: Served) -> Agent:
    return the_workspace(served).latest_build.agents[0]


@pytest.fixture(scope="module")
def authority() -> IdentityAuthority:
    return IdentityAuthority(bits=768)


@pytest.fixture
async def client(served: Served, authority: IdentityAuthority) -> AsyncIterator[Client]:
    side_of(served.runtime).identities = authority
    the_agent(served).instance_id = INSTANCE
    async with Client(served.url, Secret("")) as made:
        yield made


def machine(served: Served, authority: IdentityAuthority) -> httpx.MockTransport:
    """The metadata service of a machine that is in all three clouds."""
    aws, azure = authority.aws(INSTANCE), authority.azure(INSTANCE)
    google = authority.google(INSTANCE, served.deployment.now())

    def answer(request: httpx.Request) -> httpx.Response:
        headers = request.headers
        match (request.method, request.url.host, request.url.path):
            case ("PUT", "169.254.169.254", "/latest/api/token"):
                assert headers["X-aws-ec2-metadata-token-ttl-seconds"].isdigit()
                return httpx.Response(200, text="imds")
            case ("GET", "169.254.169.254", "/latest/dynamic/instance-identity/signature"):
                assert headers["X-aws-ec2-metadata-token"] == "imds"
                return httpx.Response(200, text=aws["signature"])
            case ("GET", "169.254.169.254", "/latest/dynamic/instance-identity/document"):
                assert headers["X-aws-ec2-metadata-token"] == "imds"
                return httpx.Response(200, text=aws["document"])
            case ("GET", "169.254.169.254", "/metadata/attested/document"):
                assert headers["Metadata"] == "true"
                assert request.url.query == b"api-version=2020-09-01"
                return httpx.Response(200, text=json.dumps({**azure, "nonce": "1"}))
            case ("GET", "metadata.google.internal", path) if path.endswith("/default/identity"):
                assert headers["Metadata-Flavor"] == "Google"
                assert request.url.query == b"audience=coder&format=full"
                return httpx.Response(200, text=google["json_web_token"] + "\n")
        raise AssertionError(request.url)

    return httpx.MockTransport(answer)


@pytest.mark.parametrize("cloud", CLOUDS)
async def test_the_whole_way(
    served: Served, client: Client, authority: IdentityAuthority, cloud: str
) -> None:
    proof = await Metadata(machine(served, authority)).proof(cloud)
    token = await exchange(client, proof)
    assert token == await exchange(client, proof)
    assert token.session_token not in repr(token)
    assert token.session_token == side_of(served.runtime).tokens.token_of(
        served.deployment, the_agent(served)
    )
    async with Client(served.url, Secret(token.session_token)) as agent:
        assert (await AgentSideApi(agent).git_ssh_key()).public_key


def proofs(served: Served, authority: IdentityAuthority, instance: str = INSTANCE) -> dict[str, Proof]:
    return {
        "aws": Proof("aws", authority.aws(instance)),
        "azure": Proof("azure", authority.azure(instance)),
        "google": Proof("google", authority.google(instance, served.deployment.now())),
    }


@pytest.mark.parametrize("cloud", CLOUDS)
async def test_documents_of_others(served: Served, client: Client, cloud: str) -> None:
    proof = proofs(served, IdentityAuthority(bits=768))[cloud]
    with pytest.raises(agent_errors.IdentityRefused) as caught:
        await exchange(client, proof)
    assert caught.value.status == 401
    assert not any(value in str(caught.value) for value in proof.fields.values())


@pytest.mark.parametrize(
    ("proof", "words"),
    [
        (
            Proof("aws", {"signature": "x", "document": '{"instanceId":"i-1"}'}),
            "illegal base64 data at input byte 0",
        ),
        (Proof("aws", {"signature": "x", "document": "no"}), "parse document"),
        (Proof("azure", {"signature": "x", "encoding": "y"}), "Signature verification failed."),
        (Proof("google", {"json_web_token": "x"}), "three segments; found 1"),
    ],
)
async def test_malformed_documents(client: Client, proof: Proof, words: str) -> None:
    with pytest.raises(agent_errors.IdentityRefused, match=words):
        await exchange(client, proof)


@pytest.mark.parametrize(
    ("cloud", "fields"),
    [
        ("aws", ["signature", "document"]),
        ("azure", ["signature", "encoding"]),
        ("google", ["json_web_token"]),
    ],
)
async def test_missing_fields_are_named(client: Client, cloud: str, fields: list[str]) -> None:
    with pytest.raises(errors.BadRequest) as caught:
        await exchange(client, Proof(cloud, {}))
    assert [problem.field for problem in caught.value.validations] == fields


async def test_unknown_machines(served: Served, client: Client, authority: IdentityAuthority) -> None:
    with pytest.raises(agent_errors.InstanceUnknown, match='"i-0def" not found'):
        await exchange(client, proofs(served, authority, "i-0def")["aws"])
    with pytest.raises(agent_errors.InstanceUnknown, match='and name "x"'):
        await exchange(client, proofs(served, authority)["aws"], "x")
    the_agent(served).instance_id = ""
    with pytest.raises(agent_errors.InstanceUnknown):
        await exchange(client, proofs(served, authority, "")["aws"])


async def test_several_agents_of_one_machine(
    served: Served, client: Client, authority: IdentityAuthority
) -> None:
    workspace, main = the_workspace(served), the_agent(served)
    resource = workspace.latest_build.resources[0]
    new_id = served.deployment.new_id
    twin = Agent(
        new_id(), "aux", workspace.id, main.build_id, resource.id, main.created_at, instance_id=INSTANCE
    )
    sub = Agent(
        new_id(),
        "dev",
        workspace.id,
        main.build_id,
        resource.id,
        main.created_at,
        main.id,
        instance_id=INSTANCE,
    )
    served.deployment.add_agent(resource, twin)
    served.deployment.add_agent(resource, sub)
    proof = proofs(served, authority)["aws"]
    with pytest.raises(agent_errors.SeveralAgents, match="one of: aux, main"):
        await exchange(client, proof)
    token = (await exchange(client, proof, "aux")).session_token
    assert token == side_of(served.runtime).tokens.token_of(served.deployment, twin)


async def test_a_machine_of_an_older_build(
    served: Served, client: Client, authority: IdentityAuthority
) -> None:
    workspace = the_workspace(served)
    build = queueing.queue_build(served.deployment, workspace, "start", workspace.owner_id)
    proof = proofs(served, authority)["google"]
    with pytest.raises(agent_errors.InstanceOutdated, match="latest history"):
        await exchange(client, proof)
    queueing.finish_job(served.deployment, build)
    with pytest.raises(agent_errors.InstanceUnknown):
        await exchange(client, proof)


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize(
    "answer",
    [
        lambda _: httpx.Response(404),
        lambda _: httpx.Response(200, text="   "),
        lambda _: httpx.Response(302, headers={"Location": "http://evil.example/"}),
        lambda _: httpx.Response(200, content=b"x" * 100_000),
    ],
)
async def test_another_cloud_or_none(cloud: str, answer: Callable[[Any], httpx.Response]) -> None:
    with pytest.raises(agent_errors.NoMetadataService):
        await Metadata(httpx.MockTransport(answer)).proof(cloud)


@pytest.mark.parametrize("text", ["no json", "[]", "{}", '{"signature":1,"encoding":"x"}'])
async def test_a_broken_attested_document(text: str) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, text=text))
    with pytest.raises(agent_errors.NoMetadataService):
        await Metadata(transport).proof("azure")


async def test_nothing_answers() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route")

    with pytest.raises(agent_errors.NoMetadataService, match="Nothing answers"):
        await Metadata(httpx.MockTransport(refuse)).proof("aws")
    with pytest.raises(ValueError, match="clouds are"):
        await Metadata().proof("ovh")
