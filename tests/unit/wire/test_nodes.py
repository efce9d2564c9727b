"""Nodes as JSON in a stream of bytes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdash.wire.errors import MessageError
from agentdash.wire.nodes import NodeDecoder, encode_node, encode_nodes

VALUES = st.integers(-(2**53), 2**53) | st.text(max_size=5) | st.lists(st.text(max_size=3))
NODES = st.lists(st.dictionaries(st.text(max_size=5), VALUES), max_size=3)


@pytest.mark.parametrize(
    ("data", "lists"),
    [
        (b'{"id":1}\n', [[{"id": 1}]]),
        (b'[{"id":1},{"id":2}]\n[]\n', [[{"id": 1}, {"id": 2}], []]),
        (b"null ", [[]]),
        (b'[{"disco":"a]\\"}"}]', [[{"disco": 'a]"}'}]]),
        (b' \n [{"id":1}', []),
    ],
)
def test_what_is_read(data: bytes, lists: list[object]) -> None:
    assert NodeDecoder().feed(data) == lists


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<html>", "invalid character '<'"),
        (b'[{"id":1}]}', "invalid character '}'"),
        (b"[1]", "no object"),
        (b'"node" ', "no object"),
        (b"[" * 20, "nested too deeply"),
        (b'{"disco":"' + b"a" * 200, "value larger than 100 characters"),
        (b"[" + b"{}," * 50, "value larger than 100 characters"),
    ],
)
def test_what_is_no_node(data: bytes, words: str) -> None:
    with pytest.raises(MessageError, match=words):
        NodeDecoder(max_value=100).feed(data)


def test_an_end_inside_a_value_is_known() -> None:
    decoder = NodeDecoder()
    assert not decoder.is_inside
    decoder.feed(b'[{"id":1}]\n')
    assert not decoder.is_inside
    decoder.feed(b'[{"id":')
    assert decoder.is_inside


@given(st.lists(NODES, max_size=3), st.data())
def test_where_it_is_cut_does_not_matter(lists: list[list[dict[str, object]]], data: st.DataObject) -> None:
    body = b"".join(encode_nodes(nodes) for nodes in lists) + encode_node({"id": 7})
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    decoder, found = NodeDecoder(), []
    for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
        found += decoder.feed(body[start:end])
    assert found == [*lists, [{"id": 7}]]


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail_otherwise(data: bytes) -> None:
    with contextlib.suppress(MessageError):
        NodeDecoder().feed(data)
