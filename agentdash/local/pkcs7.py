"""Certificates and signed messages of the invented Azure: made, and verified up to one root (RFC 5280, RFC 2315)."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from agentdash.local import der
from agentdash.local.der import DerError, Node, child
from agentdash.local.rsa import PrivateKey, PublicKey

_COMMON_NAME = der.oid("2.5.4.3")
_RSA = der.sequence(der.oid("1.2.840.113549.1.1.1"), der.write(der.NULL))
_SHA256_RSA = der.sequence(der.oid("1.2.840.113549.1.1.11"), der.write(der.NULL))
_SHA256 = der.sequence(der.oid("2.16.840.1.101.3.4.2.1"), der.write(der.NULL))
_DATA = der.oid("1.2.840.113549.1.7.1")
_SIGNED_DATA = der.oid("1.2.840.113549.1.7.2")
_MESSAGE_DIGEST = der.oid("1.2.840.113549.1.9.4")
_AZURE = re.compile(r"(?:^|\.)metadata\.(?:azure\.(?:com|us|cn)|microsoftazure\.de)$")
_VALIDITY = der.sequence(der.write(der.UTC_TIME, b"200101000000Z"), der.write(der.UTC_TIME, b"491231235959Z"))


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is read of one."""

    raw: bytes
    tbs: bytes
    serial: int
    issuer: bytes
    subject: bytes
    common_name: str
    key: PublicKey
    signature: bytes


def name(common_name: str) -> bytes:
    """A distinguished name of one part."""
    part = der.sequence(_COMMON_NAME, der.write(der.UTF8_STRING, common_name.encode()))
    return der.sequence(der.write(der.SET, part))


def issue(subject: str, key: PublicKey, issuer: str, issuer_key: PrivateKey) -> bytes:
    """A certificate (version 1)."""
    public = der.sequence(der.integer(key.modulus), der.integer(key.exponent))
    info = der.sequence(_RSA, der.write(der.BIT_STRING, b"\0", public))
    serial = der.integer(secrets.randbits(63) | 1)
    tbs = der.sequence(serial, _SHA256_RSA, name(issuer), _VALIDITY, name(subject), info)
    return der.sequence(tbs, _SHA256_RSA, der.write(der.BIT_STRING, b"\0", issuer_key.sign(tbs)))


def read_certificate(node: Node) -> Certificate:
    """Read a certificate of version 1 or 3.

    Raises:
        DerError: Not one with an RSA key.
    """
    tbs, _, signature = node.children(der.SEQUENCE)[:3]
    fields = tbs.children(der.SEQUENCE)
    if fields and fields[0].tag == der.CONTEXT_0:
        fields = fields[1:]
    algorithm, bits = child(fields, 5).children(der.SEQUENCE)[:2]
    if algorithm.raw != _RSA:
        raise DerError("no RSA key")
    modulus, exponent = der.read(bits.content[1:]).children(der.SEQUENCE)[:2]
    return Certificate(
        raw=node.raw,
        tbs=tbs.raw,
        serial=child(fields, 0).number(),
        issuer=child(fields, 2).raw,
        subject=child(fields, 4).raw,
        common_name=_common_name(child(fields, 4)),
        key=PublicKey(modulus.number(), exponent.number()),
        signature=signature.content[1:],
    )


def sign(content: bytes, certificate: bytes, key: PrivateKey) -> bytes:
    """A signed message that carries its content and the signer's certificate."""
    signer = read_certificate(der.read(certificate))
    who = der.sequence(signer.issuer, der.integer(signer.serial))
    digest = der.write(der.OCTET_STRING, hashlib.sha256(content).digest())
    attributes = der.sequence(_MESSAGE_DIGEST, der.write(der.SET, digest))
    signature = der.write(der.OCTET_STRING, key.sign(der.write(der.SET, attributes)))
    version = der.integer(1)
    info = der.sequence(version, who, _SHA256, der.write(der.CONTEXT_0, attributes), _RSA, signature)
    inner = der.sequence(_DATA, der.write(der.CONTEXT_0, der.write(der.OCTET_STRING, content)))
    certificates = der.write(der.CONTEXT_0, certificate)
    signed = der.sequence(version, der.write(der.SET, _SHA256), inner, certificates, der.write(der.SET, info))
    return der.sequence(_SIGNED_DATA, der.write(der.CONTEXT_0, signed))


def verified_content(message: bytes, root_name: str, root_key: PublicKey) -> bytes:
    """The content of a signed message whose one signer is Azure's metadata service, by a root's word.

    Raises:
        DerError: Not a signed message, or anything about it is wrong.
    """
    try:
        return _verified(message, root_name, root_key)
    except ValueError as error:
        raise DerError(str(error)) from None


def _verified(message: bytes, root_name: str, root_key: PublicKey) -> bytes:
    kind, wrapped = der.read(message).children(der.SEQUENCE)[:2]
    if kind.raw != _SIGNED_DATA:
        raise DerError("no signed message")
    parts = child(wrapped.children(), 0).children(der.SEQUENCE)
    content = child(child(child(parts, 2).children(der.SEQUENCE), 1).children(), 0).content
    certificates = [read_certificate(node) for node in child(parts, 3).children(der.CONTEXT_0)]
    signers = parts[-1].children(der.SET)
    if len(signers) != 1:
        raise DerError("not exactly one signer")
    info = signers[0].children(der.SEQUENCE)
    issuer, serial = child(info, 1).children(der.SEQUENCE)[:2]
    signer = next((c for c in certificates if (c.issuer, c.serial) == (issuer.raw, serial.number())), None)
    if signer is None or not _AZURE.search(signer.common_name):
        raise DerError("signed by somebody else")
    if signer.issuer != name(root_name) or not root_key.verifies(signer.signature, signer.tbs):
        raise DerError("certificate signed by unknown authority")
    if info[3].tag == der.CONTEXT_0:
        _check_digest(info[3], content)
        signed, signature = der.write(der.SET, info[3].content), child(info, 5).content
    else:
        signed, signature = content, child(info, 4).content
    if not signer.key.verifies(signature, signed):
        raise DerError("verification error")
    return content


def _check_digest(attributes: Node, content: bytes) -> None:
    for attribute in attributes.children():
        kind, values = attribute.children(der.SEQUENCE)[:2]
        if kind.raw == _MESSAGE_DIGEST:
            if child(values.children(), 0).content == hashlib.sha256(content).digest():
                return
            break
    raise DerError("the content is not what was signed")


def _common_name(subject: Node) -> str:
    for group in subject.children():
        for part in group.children():
            kind, value = part.children(der.SEQUENCE)[:2]
            if kind.raw == _COMMON_NAME:
                return value.content.decode("utf-8", "replace")
    return ""
