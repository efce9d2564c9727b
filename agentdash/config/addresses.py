"""Deployment addresses, read as `coder login` reads them (contract: README §1, §2.3)."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from agentdash.config.errors import ConfigError

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def read_address(text: str, *, key: str, file: Path | None = None) -> str:
    """Bring an address to `scheme://host[:port]`; a path is dropped, as the API is always at the root.

    Without a scheme it is `https`, or `http` if the address begins with `localhost`.

    Raises:
        ConfigError: No http address, no host, a bad port, or credentials in it. The address is not repeated,
        since
            it may hold a password.
    """
    text = text.strip()
    if "://" not in text:
        text = f"{'http' if text.startswith('localhost') else 'https'}://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _bad("the address of the deployment cannot be read", key, file) from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise _bad("the address of the deployment is neither http nor https", key, file)
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            "the address of the deployment holds a user name or password",
            "Credentials in an address end up in logs.",
            "Remove them; log in with `coder login`, and use `headers` for a proxy in front of the deployment.",
            key=key,
            file=file,
        )
    host = parts.hostname or ""
    if not host or any(ch.isspace() or not ch.isprintable() for ch in host) or set(host) & set('<>"\\^`{|}%'):
        raise _bad("the address of the deployment has no usable host", key, file)
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + (f":{port}" if port is not None else "")


def host_of(url: str) -> str:
    """Give the host in lower case, with the port if one is written: the key of the keyring and of `deployments`."""
    return urlsplit(url).netloc.lower()


def is_same_origin(one: str, other: str) -> bool:
    """Tell whether two addresses name the same server; a default port may be written or not."""
    return _origin(urlsplit(one)) == _origin(urlsplit(other))


def is_in_clear(url: str) -> bool:
    """Tell whether a token sent there could be read on the way."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in _LOOPBACK


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _bad(title: str, key: str, file: Path | None) -> ConfigError:
    return ConfigError(title, "", "Write it like https://coder.example.com.", key=key, file=file)
