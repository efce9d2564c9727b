from __future__ import annotations

import pytest

from agentdash.config.addresses import host_of, is_in_clear, is_same_origin, read_address
from agentdash.config.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://coder.example.com", "https://coder.example.com"),
        (" https://coder.example.com/ \n", "https://coder.example.com"),
        ("coder.example.com", "https://coder.example.com"),
        ("coder.example.com:8443/path?q#f", "https://coder.example.com:8443"),
        ("localhost:3000", "http://localhost:3000"),
        ("127.0.0.1:3000", "https://127.0.0.1:3000"),
        ("HTTPS://Coder.Example.com/api/v2", "https://coder.example.com"),
        ("http://[::1]:3000/", "http://[::1]:3000"),
    ],
)
def test_addresses(text: str, url: str) -> None:
    assert read_address(text, key="--url") == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://",
        "ftp://a.b",
        "https://u:hunter2@a.b",
        "https://u@a.b",
        "https://a.b:port",
        "https://a.b:99999",
        "https://a b",
        "https://[::1",
        "https://a\u202eb",
        "https:///path",
        "https://a%0ab",
        "ws://a.b",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_address(text, key="--url")
    assert caught.value.key == "--url"
    assert "hunter2" not in str(caught.value)


def test_origins() -> None:
    assert is_same_origin("https://a.b", "https://a.b:443")
    assert is_same_origin("http://a.b:80", "http://a.b")
    assert not is_same_origin("https://a.b", "http://a.b")
    assert not is_same_origin("https://a.b", "https://a.b:444")
    assert not is_same_origin("https://a.b", "https://a.b.evil")
    assert host_of("https://A.b:1") == "a.b:1"


def test_in_clear() -> None:
    assert is_in_clear("http://a.b")
    assert not is_in_clear("https://a.b")
    assert not is_in_clear("http://[::1]:3000")
