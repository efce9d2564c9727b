"""UUIDs and addresses as RPC messages carry them (contract: tailnet.md §7)."""

from __future__ import annotations

import ipaddress
import uuid

_PREFIX = bytes.fromhex("fd7a115ca1e0")


def id_bytes(text: str) -> bytes:
    """A UUID's 16 bytes."""
    return uuid.UUID(text).bytes


def id_text(raw: bytes) -> str:
    """A UUID as text; "" unless it has 16 bytes."""
    return str(uuid.UUID(bytes=raw)) if len(raw) == 16 else ""


def agent_address(agent_id: str) -> str:
    """The address that belongs to an agent: made of its id's last ten bytes."""
    return str(ipaddress.IPv6Address(_PREFIX + id_bytes(agent_id)[6:]))
