"""TLS on a real socket: an unknown authority is named as such, the CA file is what is trusted."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from agentdash.api import errors
from agentdash.api.client import Client
from agentdash.api.exchange import TlsOptions
from agentdash.api.fleet import FleetApi
from agentdash.api.relays import RelayProbe
from agentdash.api.schema import DerpMap, decode
from agentdash.api.sources import WorkspaceSource
from agentdash.api.stream import Closed, Stream
from agentdash.local.server import Served

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed"),
]


class Hidden:
    def reveal(self) -> str:
        return "AAAAAAAAAA-BBBBBBBBBBBBBBBBBBBBBB"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    command += [
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-keyout",
        str(key),
        "-out",
        str(cert),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


def answer(connection: ServerConnection, request: Request) -> Response | None:
    if "watch-ws" in request.path:
        return None
    response = connection.respond(HTTPStatus.OK, '{"username":"ada"}')
    response.headers["Connection"] = "close"
    return response


async def play(connection: ServerConnection) -> None:
    await connection.close(1000, "bye")


@pytest.fixture
async def url(certificate: tuple[Path, Path]) -> AsyncIterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    async with serve(play, "127.0.0.1", 0, ssl=context, process_request=answer) as running:
        yield f"https://127.0.0.1:{next(iter(running.sockets)).getsockname()[1]}"


async def test_an_unknown_authority_is_refused_by_both_ways(url: str) -> None:
    async with Client(url, Hidden()) as client:
        with pytest.raises(errors.CertificateNotTrusted, match="self-signed"):
            await FleetApi(client).me()
        with pytest.raises(errors.CertificateNotTrusted, match="self-signed"):
            async with Stream(client, WorkspaceSource("w")):
                pass


async def test_the_ca_file_is_trusted_by_both_ways(url: str, certificate: tuple[Path, Path]) -> None:
    async with Client(url, Hidden(), tls=TlsOptions(ca_file=certificate[0])) as client:
        assert (await FleetApi(client).me()).username == "ada"
        async with Stream(client, WorkspaceSource("w")) as items:
            closed = [item async for item in items][-1]
        assert isinstance(closed, Closed)
        assert closed.reason == "bye"


async def test_https_to_a_plain_port_says_so(served: Served) -> None:
    async with Client(served.url.replace("http:", "https:"), Hidden()) as client:
        with pytest.raises(errors.TlsFailure, match="http://"):
            await FleetApi(client).me()


# Relays


@pytest.mark.parametrize(
    ("node", "has_ca", "trouble"),
    [
        ({"HostName": "127.0.0.1"}, False, "untrusted"),
        ({"HostName": "127.0.0.1"}, True, ""),
        ({"HostName": "127.0.0.1", "InsecureForTests": True}, False, ""),
        ({"HostName": "localhost", "IPv4": "127.0.0.1"}, True, ""),
        ({"HostName": "other.example", "IPv4": "127.0.0.1"}, True, "untrusted"),
        ({"HostName": "other.example", "IPv4": "127.0.0.1", "CertName": "localhost"}, True, ""),
    ],
)
async def test_relays_are_trusted_as_the_deployment_is(
    url: str, certificate: tuple[Path, Path], node: dict[str, object], has_ca: bool, trouble: str
) -> None:
    given = {"Name": "n", "DERPPort": int(url.rpartition(":")[2]), **node}
    found = decode(DerpMap, json.dumps({"Regions": {"1": {"RegionID": 1, "Nodes": [given]}}}).encode()).value
    tls = TlsOptions(ca_file=certificate[0]) if has_ca else TlsOptions()
    async with Client("https://coder.example", Hidden(), tls=tls) as client:
        (region,) = [one async for one in RelayProbe(client).latencies(found)]
    assert region.trouble == trouble
    assert (region.seconds is None) is bool(trouble)
