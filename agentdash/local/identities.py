"""Three invented clouds: each signs documents of its machines, and tells whether one is its own.

The keys are of this deployment alone; no document of a real cloud is ever accepted (contract: agent-side.md §3).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from agentdash.local import pkcs7
from agentdash.local.der import DerError
from agentdash.local.rsa import BITS, PrivateKey, new_key

ROOT_NAME: Final = "agentdash test root"
AZURE_NAME: Final = "metadata.azure.com"
GOOGLE_ISSUER: Final = "https://accounts.google.com"
_LIFE: Final = timedelta(hours=1)
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/=\r\n]")


class IdentityError(Exception):
    """A document that is not accepted; the text is the server's `detail`."""


class IdentityAuthority:
    """The clouds of one deployment. Keys are made when they are first needed."""

    def __init__(self, bits: int = BITS) -> None:
        self._bits = bits

    @cached_property
    def _key(self) -> PrivateKey:
        return new_key(self._bits)

    @cached_property
    def _root(self) -> PrivateKey:
        return new_key(self._bits)

    @cached_property
    def _azure_certificate(self) -> bytes:
        return pkcs7.issue(AZURE_NAME, self._key.public, ROOT_NAME, self._root)

    # what the metadata services give

    def aws(self, instance_id: str) -> dict[str, str]:
        """Body of the AWS exchange."""
        document = json.dumps({"instanceId": instance_id, "region": "eu-central-1"})
        signature = base64.b64encode(self._key.sign(document.encode())).decode()
        return {"signature": signature, "document": document}

    def azure(self, vm_id: str, certificate: bytes | None = None) -> dict[str, str]:
        """Body of the Azure exchange, signed under another certificate if one is given."""
        content = json.dumps({"vmId": vm_id}).encode()
        message = pkcs7.sign(content, certificate or self._azure_certificate, self._key)
        return {"signature": base64.b64encode(message).decode(), "encoding": "pkcs7"}

    def google(self, instance_id: str, now: datetime) -> dict[str, str]:
        """Body of the Google exchange."""
        engine = {"instance_id": instance_id}
        claims = {
            "aud": "coder",
            "iss": GOOGLE_ISSUER,
            "exp": int((now + _LIFE).timestamp()),
            "google": {"compute_engine": engine},
        }
        head = f"{_encoded({'alg': 'RS256', 'typ': 'JWT'})}.{_encoded(claims)}"
        signature = base64.urlsafe_b64encode(self._key.sign(head.encode())).rstrip(b"=").decode()
        return {"json_web_token": f"{head}.{signature}"}

    # what the server checks

    def check_aws(self, signature: str, document: str) -> str:
        """The instance id of a signed document. Raises `IdentityError`."""
        try:
            fields = json.loads(document)
        except (ValueError, RecursionError) as error:
            raise IdentityError(f"parse document: {error}") from None
        raw = _decoded(signature)
        if not self._key.public.verifies(raw, document.encode()):
            raise IdentityError("crypto/rsa: verification error")
        return str(fields.get("instanceId", "")) if isinstance(fields, dict) else ""

    def check_azure(self, signature: str) -> str:
        """The id of the attested machine. Raises `IdentityError` without a text, as the server has none."""
        try:
            message = base64.b64decode(signature, validate=True)
            content = pkcs7.verified_content(message, ROOT_NAME, self._root.public)
            fields = json.loads(content)
        except (DerError, ValueError, RecursionError):
            raise IdentityError("Signature verification failed.") from None
        return str(fields.get("vmId", "")) if isinstance(fields, dict) else ""

    def check_google(self, token: str, now: datetime) -> str:
        """The instance id of a token. Raises `IdentityError`."""
        segments = token.split(".")
        if len(segments) != 3:
            raise IdentityError(
                f"idtoken: invalid token, token must have three segments; found {len(segments)}"
            )
        header, claims = (_json_segment(segment) for segment in segments[:2])
        expires = claims.get("exp", 0)
        expires_s = expires if isinstance(expires, int) else 0
        if expires_s < now.timestamp():
            raise IdentityError(f"idtoken: token expired: now={int(now.timestamp())}, expires={expires_s}")
        signature = _segment(segments[2])
        signed = ".".join(segments[:2]).encode()
        if header.get("alg") != "RS256" or not self._key.public.verifies(signature, signed):
            raise IdentityError("idtoken: crypto/rsa: verification error")
        google = claims.get("google")
        engine = google.get("compute_engine") if isinstance(google, dict) else None
        return str(engine.get("instance_id", "")) if isinstance(engine, dict) else ""


def _decoded(text: str) -> bytes:
    raw = text.encode()
    try:
        return base64.b64decode(raw, validate=True)
    except (binascii.Error, ValueError):
        at = next((index for index in range(len(raw)) if not _BASE64.match(raw, index)), 0)
        raise IdentityError(f"decode signature: illegal base64 data at input byte {at}") from None


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _segment(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise IdentityError("idtoken: illegal base64 data") from None


def _json_segment(text: str) -> dict[str, object]:
    try:
        value = json.loads(_segment(text))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise IdentityError("idtoken: invalid character in token")
    return value
