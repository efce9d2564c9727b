"""An agent without a token: its cloud vouches for the machine (contract: agent-side.md §3).

The machine's own metadata service signs a document; Coder exchanges it for the agent's token. The services
answer on link-local addresses alone: no proxy, no redirect, no other host is ever asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from agentdash.api import errors
from agentdash.api.agent_errors import NoMetadataService, of_identity
from agentdash.api.client import Client
from agentdash.api.schema.agent_side import SessionToken

if TYPE_CHECKING:
    import httpx

AWS_ORIGIN: Final = "http://169.254.169.254"
AZURE_ORIGIN: Final = "http://169.254.169.254"
GOOGLE_ORIGIN: Final = "http://metadata.google.internal"
_AWS_TOKEN_LIFE_S: Final = 60
_TIMEOUT_S: Final = 5.0
_MAX_DOCUMENT: Final = 64 * 1024
_BASE: Final = "/api/v2/workspaceagents"


@dataclass(frozen=True, slots=True)
class Proof:
    """What Coder is told. `cloud` is `aws`, `azure` or `google`; the fields are the body of its endpoint."""

    cloud: str
    fields: Mapping[str, str] = field(repr=False)


class Metadata:
    """The metadata service of the machine this runs on.

    Args:
        http_transport: what carries the requests; tests bring their own.
    """

    def __init__(self, http_transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._http_transport = http_transport

    async def proof(self, cloud: str) -> Proof:
        """Fetch the signed document of this machine.

        Raises:
            NoMetadataService: nothing, or nothing usable, answers: this is not that cloud.
            ValueError: no such cloud.
        """
        if cloud == "aws":
            return await self._aws()
        if cloud == "azure":
            return await self._azure()
        if cloud == "google":
            return await self._google()
        raise ValueError("the clouds are aws, azure and google")

    async def _aws(self) -> Proof:
        base = f"{AWS_ORIGIN}/latest"
        life = {"X-aws-ec2-metadata-token-ttl-seconds": str(_AWS_TOKEN_LIFE_S)}
        headers = {"X-aws-ec2-metadata-token": await self._ask("PUT", f"{base}/api/token", life)}
        signature = await self._ask("GET", f"{base}/dynamic/instance-identity/signature", headers)
        document = await self._ask("GET", f"{base}/dynamic/instance-identity/document", headers)
        return Proof("aws", {"signature": signature, "document": document})

    async def _azure(self) -> Proof:
        url = f"{AZURE_ORIGIN}/metadata/attested/document?api-version=2020-09-01"
        text = await self._ask("GET", url, {"Metadata": "true"})
        try:
            found = json.loads(text)
            fields = {name: found[name] for name in ("signature", "encoding")}
        except (ValueError, TypeError, KeyError, RecursionError):
            raise NoMetadataService("Its attested document cannot be read") from None
        if not all(isinstance(value, str) and value for value in fields.values()):
            raise NoMetadataService("Its attested document is incomplete")
        return Proof("azure", fields)

    async def _google(self) -> Proof:
        path = "computeMetadata/v1/instance/service-accounts/default/identity?audience=coder&format=full"
        token = await self._ask("GET", f"{GOOGLE_ORIGIN}/{path}", {"Metadata-Flavor": "Google"})
        return Proof("google", {"json_web_token": token.strip()})

    async def _ask(self, method: str, url: str, headers: Mapping[str, str]) -> str:
        import httpx  # noqa: PLC0415 - 130 ms, not before the first request

        try:
            async with (
                httpx.AsyncClient(
                    transport=self._http_transport,
                    trust_env=False,
                    follow_redirects=False,
                    timeout=_TIMEOUT_S,
                ) as http,
                http.stream(method, url, headers=dict(headers)) as response,
            ):
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _MAX_DOCUMENT:
                        raise NoMetadataService("Its answer is too large")
                status = response.status_code
        except (httpx.HTTPError, OSError):
            raise NoMetadataService("Nothing answers at its address") from None
        if status != 200 or not body.strip():
            raise NoMetadataService(f"It answers {status} instead of a document", status=status)
        return body.decode("utf-8", "replace")


async def exchange(client: Client, proof: Proof, agent_name: str = "") -> SessionToken:
    """Exchange a proof for the agent's token. May be repeated: it is always the same token.

    Args:
        client: without a token; the endpoint wants none.
        agent_name: picks one of several agents of the machine (2026-04 on; older servers ignore it).

    Raises:
        IdentityRefused: the document is not accepted.
        SeveralAgents: none was named and there are several.
        InstanceUnknown, InstanceOutdated: no agent of this machine, or of an older build.
    """
    body = dict(proof.fields)
    if agent_name:
        body["agent_name"] = agent_name
    path = f"{_BASE}/{proof.cloud}-instance-identity"
    try:
        answer = await client.send("POST", path, body)
        found = await client.read(SessionToken, answer)
    except errors.ApiError as error:
        raise of_identity(error) from None
    if not found.session_token:
        raise errors.MalformedAnswer("The answer holds no token", path=path)
    return found
