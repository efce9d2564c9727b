"""RSA signatures, PKCS #1 v1.5 with SHA-256 (RFC 8017 §8.2), for the identities of invented machines.

Enough for a deployment that never leaves this machine, and no more: a check builds the whole padded block and
compares it, so nothing is parsed out of a signature; making one is not hardened against observers.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final

EXPONENT: Final = 65537
BITS: Final = 2048
_SHA256_PREFIX: Final = bytes.fromhex("3031300d060960864801650304020105000420")
_SMALL_PRIMES: Final = tuple(n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2)))
_ROUNDS: Final = 24


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Checks signatures."""

    modulus: int
    exponent: int = EXPONENT

    @property
    def size(self) -> int:
        """Bytes of a signature."""
        return (self.modulus.bit_length() + 7) // 8

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature is of this message, by the holder of the private half."""
        if len(signature) != self.size or int.from_bytes(signature, "big") >= self.modulus:
            return False
        found = pow(int.from_bytes(signature, "big"), self.exponent, self.modulus)
        return hmac.compare_digest(found.to_bytes(self.size, "big"), _block(message, self.size))


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """Makes signatures."""

    public: PublicKey
    secret_exponent: int = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """The signature of a message."""
        block = int.from_bytes(_block(message, self.public.size), "big")
        return pow(block, self.secret_exponent, self.public.modulus).to_bytes(self.public.size, "big")


def new_key(bits: int = BITS) -> PrivateKey:
    """A fresh pair; takes up to some seconds for 2048 bits."""
    while True:
        one, other = _prime(bits // 2), _prime(bits // 2)
        if one != other:
            secret = pow(EXPONENT, -1, (one - 1) * (other - 1))
            return PrivateKey(PublicKey(one * other), secret)


def _block(message: bytes, size: int) -> bytes:
    tail = _SHA256_PREFIX + hashlib.sha256(message).digest()
    return b"\x00\x01" + b"\xff" * (size - len(tail) - 3) + b"\x00" + tail


def _prime(bits: int) -> int:
    while True:
        # The two highest bits are set, so that the product of two has all its bits.
        candidate = secrets.randbits(bits) | 3 << (bits - 2) | 1
        if candidate % EXPONENT != 1 and _is_prime(candidate):
            return candidate


def _is_prime(number: int) -> bool:
    if any(number % prime == 0 for prime in _SMALL_PRIMES):
        return number in _SMALL_PRIMES
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd //= 2
        twos += 1
    return all(_passes(number, odd, twos) for _ in range(_ROUNDS))


def _passes(number: int, odd: int, twos: int) -> bool:
    """One round of Miller and Rabin's test with a random base."""
    value = pow(secrets.randbelow(number - 3) + 2, odd, number)
    if value in {1, number - 1}:
        return True
    for _ in range(twos - 1):
        value = value * value % number
        if value == number - 1:
            return True
    return False
