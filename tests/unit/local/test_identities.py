"""Signatures of the invented clouds, and what is not accepted (contract: agent-side.md §3)."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentdash.local import der, pkcs7
from agentdash.local.identities import ROOT_NAME, IdentityAuthority, IdentityError
from agentdash.local.rsa import PrivateKey, new_key

NOW = datetime(2026, 8, 22, 10, tzinfo=UTC)
AUTHORITY = IdentityAuthority(bits=768)
OTHER = IdentityAuthority(bits=768)


def refusal(call: object) -> str:
    with pytest.raises(IdentityError) as caught:
        call()  # type: ignore[operator]
    return str(caught.value)


def test_signatures_are_of_one_message_and_one_key() -> None:
    key, other = new_key(768), new_key(768)
    assert key.public.modulus.bit_length() == 768
    signature = key.sign(b"message")
    assert key.public.verifies(signature, b"message")
    assert not key.public.verifies(signature, b"massage")
    assert not other.public.verifies(signature, b"message")
    assert not key.public.verifies(signature[:-1], b"message")
    assert not key.public.verifies(b"\xff" * len(signature), b"message")
    assert str(key.secret_exponent) not in repr(key)


def _openssl() -> str:
    found = shutil.which("openssl")
    if found is None:
        pytest.skip("no openssl here")
    return found


@pytest.mark.system
def test_openssl_reads_and_believes_them(tmp_path: Path) -> None:
    """Certificate, chain and signed message, judged by somebody else's code."""
    openssl = _openssl()
    root, key = new_key(1024), new_key(1024)
    files = {
        "root.der": pkcs7.issue(ROOT_NAME, root.public, ROOT_NAME, root),
        "signed.der": pkcs7.sign(
            b'{"vmId":"x"}', pkcs7.issue("metadata.azure.com", key.public, ROOT_NAME, root), key
        ),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    pem = tmp_path / "root.pem"
    convert = [openssl, "x509", "-inform", "DER", "-in", str(tmp_path / "root.der"), "-out", str(pem)]
    subprocess.run(convert, check=True, capture_output=True)
    verify = [
        openssl,
        "smime",
        "-verify",
        "-inform",
        "DER",
        "-in",
        str(tmp_path / "signed.der"),
        "-CAfile",
        str(pem),
    ]
    done = subprocess.run([*verify, "-purpose", "any", "-auth_level", "0"], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == b'{"vmId":"x"}'


def test_aws() -> None:
    body = AUTHORITY.aws("i-0abc")
    assert AUTHORITY.check_aws(**body) == "i-0abc"
    assert refusal(lambda: OTHER.check_aws(**body)) == "crypto/rsa: verification error"
    changed = body["document"].replace("i-0abc", "i-0abd")
    assert (
        refusal(lambda: AUTHORITY.check_aws(body["signature"], changed)) == "crypto/rsa: verification error"
    )
    assert (
        refusal(lambda: AUTHORITY.check_aws("x", "{}"))
        == "decode signature: illegal base64 data at input byte 0"
    )
    assert refusal(lambda: AUTHORITY.check_aws("ab~d", "{}")).endswith("byte 2")
    # What is no document is found out before its signature is.
    assert refusal(lambda: AUTHORITY.check_aws("x", "no json")).startswith("parse document: ")


def test_google() -> None:
    token = AUTHORITY.google("123", NOW)["json_web_token"]
    assert AUTHORITY.check_google(token, NOW) == "123"
    assert refusal(lambda: OTHER.check_google(token, NOW)) == "idtoken: crypto/rsa: verification error"
    later = NOW + timedelta(hours=2)
    assert "token expired: now=" in refusal(lambda: AUTHORITY.check_google(token, later))
    assert refusal(lambda: AUTHORITY.check_google("x", NOW)) == (
        "idtoken: invalid token, token must have three segments; found 1"
    )
    header, claims, signature = token.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    for broken in (
        f"{none}.{claims}.",
        f"{none}.{claims}.{signature}",
        f"{header}.{claims}.",
        "a.b.c",
        "..",
        "é.é.é",
    ):
        assert refusal(lambda broken=broken: AUTHORITY.check_google(broken, NOW))  # type: ignore[misc]


def test_azure() -> None:
    body = AUTHORITY.azure("vm-1")
    assert AUTHORITY.check_azure(body["signature"]) == "vm-1"
    for signature in ("x", "", body["signature"][:-8], base64.b64encode(b"0" * 50).decode()):
        assert refusal(lambda s=signature: AUTHORITY.check_azure(s)) == "Signature verification failed."  # type: ignore[misc]
    assert refusal(lambda: OTHER.check_azure(body["signature"]))


def _root(authority: IdentityAuthority) -> PrivateKey:
    return authority._root


@pytest.mark.parametrize("name", ["metadata.azure.com", "eu.metadata.azure.us", "metadata.microsoftazure.de"])
def test_names_of_azure(name: str) -> None:
    certificate = pkcs7.issue(name, AUTHORITY._key.public, ROOT_NAME, _root(AUTHORITY))
    assert AUTHORITY.check_azure(AUTHORITY.azure("vm", certificate)["signature"]) == "vm"


@pytest.mark.parametrize(
    ("name", "issuer"),
    [
        ("evil.example", ROOT_NAME),
        ("metadata.azure.com.evil.example", ROOT_NAME),
        ("xmetadata.azure.com", ROOT_NAME),
        ("metadata.azure.com", "somebody else"),
    ],
)
def test_names_of_others(name: str, issuer: str) -> None:
    certificate = pkcs7.issue(name, AUTHORITY._key.public, issuer, _root(AUTHORITY))
    assert refusal(lambda: AUTHORITY.check_azure(AUTHORITY.azure("vm", certificate)["signature"]))


def test_a_signer_with_a_key_of_his_own() -> None:
    certificate = pkcs7.issue("metadata.azure.com", AUTHORITY._key.public, ROOT_NAME, new_key(768))
    assert refusal(lambda: AUTHORITY.check_azure(AUTHORITY.azure("vm", certificate)["signature"]))


def test_changed_content_is_found_out() -> None:
    message = base64.b64decode(AUTHORITY.azure("vm-1")["signature"])
    changed = message.replace(b'"vm-1"', b'"vm-2"')
    assert changed != message
    assert refusal(lambda: AUTHORITY.check_azure(base64.b64encode(changed).decode()))


@settings(max_examples=60)
@given(st.data())
def test_no_change_of_a_byte_is_accepted_as_another_machine(data: st.DataObject) -> None:
    message = bytearray(base64.b64decode(AUTHORITY.azure("vm-1")["signature"]))
    at = data.draw(st.integers(0, len(message) - 1))
    message[at] ^= data.draw(st.integers(1, 255))
    try:
        found = AUTHORITY.check_azure(base64.b64encode(bytes(message)).decode())
    except IdentityError:
        return
    assert found == "vm-1"


@given(st.binary(max_size=60))
def test_no_bytes_make_the_reader_fail_otherwise(data: bytes) -> None:
    with pytest.raises(der.DerError):
        pkcs7.verified_content(data, ROOT_NAME, AUTHORITY._key.public)


@given(st.integers(0, 2**80))
def test_integers_come_back(number: int) -> None:
    assert der.read(der.integer(number)).number() == number


def test_json_that_is_no_object_names_no_machine() -> None:
    key = AUTHORITY._key
    document = json.dumps([1])
    signature = base64.b64encode(key.sign(document.encode())).decode()
    assert AUTHORITY.check_aws(signature, document) == ""
