"""How peers were told of each other until v2.12: JSON values one after the other in binary messages, whose borders mean
nothing (contract: agent-side.md §10, tailnet.md §4).

An agent or client says one node after the other, the server lists of nodes.
"""

from __future__ import annotations

import codecs

from agentdash.wire.errors import JsonSyntaxError, MessageError
from agentdash.wire.jsonstream import ValueScanner
from agentdash.wire.jsontext import dumps, loads
from agentdash.wire.messages import JsonObject

MAX_NODES = 4 * 1024 * 1024
"""Characters of one value: some thousand nodes."""
MAX_DEPTH = 8


class NodeDecoder:
    """Bytes in, nodes out, however they are cut. After an error nothing more can be read."""

    def __init__(self, max_value: int = MAX_NODES) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._scanner = ValueScanner(max_value, MAX_DEPTH)

    @property
    def is_inside(self) -> bool:
        """Whether an end now would cut a value."""
        return self._scanner.is_inside

    def feed(self, data: bytes) -> list[list[JsonObject]]:
        """The lists of nodes that these bytes complete; a single node is a list of one, null an empty one.

        Raises:
            MessageError: No JSON, larger or deeper than any node, or not nodes.
        """
        try:
            texts = list(self._scanner.feed(self._utf8.decode(data)))
        except JsonSyntaxError as error:
            raise MessageError(f"not a stream of nodes: {error}") from None
        return [_nodes(loads(text)) for text in texts]


def encode_node(node: JsonObject) -> bytes:
    """One node, as an agent says it."""
    return (dumps(node) + "\n").encode()


def encode_nodes(nodes: list[JsonObject]) -> bytes:
    """A list of nodes, as the server says it."""
    return (dumps(nodes) + "\n").encode()


def _nodes(value: object) -> list[JsonObject]:
    if value is None:
        return []
    found: list[JsonObject] = []
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, dict):
            raise MessageError("a node that is no object")
        found.append(one)
    return found
