"""Ed25519 key pairs in OpenSSH's form, as Coder makes one for each user (contract: agent-side.md §4).

The arithmetic follows RFC 8032 §5.1.5, straight and slow: a key is made once per user, of a deployment that
never leaves this machine.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import struct
import textwrap
from dataclasses import dataclass, field
from typing import Final

_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P
_BASE_Y: Final = 4 * pow(5, -1, _P) % _P
_BASE_X: Final = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_KIND: Final = b"ssh-ed25519"
_Point = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Both halves as text."""

    public_key: str
    private_key: str = field(repr=False)


def new_key_pair(seed: bytes | None = None) -> KeyPair:
    """A key pair from 32 bytes, random ones if None."""
    seed = seed or secrets.token_bytes(32)
    public = public_half(seed)
    blob = _string(_KIND) + _string(public)
    check = secrets.token_bytes(4)
    inner = check + check + blob + _string(seed + public) + _string(b"")
    inner += bytes(range(1, 1 + -len(inner) % 8))
    outer = b"openssh-key-v1\0" + _string(b"none") * 2 + _string(b"") + struct.pack(">I", 1)
    outer += _string(blob) + _string(inner)
    lines = "\n".join(textwrap.wrap(base64.b64encode(outer).decode(), 70))
    private = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{lines}\n-----END OPENSSH PRIVATE KEY-----\n"
    return KeyPair(f"{_KIND.decode()} {base64.b64encode(blob).decode()}\n", private)


def public_half(seed: bytes) -> bytes:
    """The 32 public bytes of a 32-byte seed."""
    scalar = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little")
    scalar = scalar & ((1 << 254) - 8) | 1 << 254
    point: _Point = (0, 1, 1, 0)
    adding: _Point = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)
    while scalar:
        if scalar & 1:
            point = _add(point, adding)
        adding = _add(adding, adding)
        scalar >>= 1
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _add(one: _Point, other: _Point) -> _Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c = 2 * one[3] * other[3] * _D % _P
    d = 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data
