"""What `coder login` left on this machine (contract: README §2.3). Read only, never written."""

from __future__ import annotations

import base64
import binascii
import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from agentdash.config.addresses import host_of, is_same_origin, read_address
from agentdash.config.errors import ConfigError
from agentdash.config.secret import Secret

SERVICE = "coder-v2-credentials"
ACCOUNT = "coder-login-credentials"
KEYRING_PLATFORMS = ("darwin", "win32")

KeyringReader = Callable[[str], str | None]
"""Takes the platform (as `sys.platform`), gives the raw value of the keyring entry; `None` if there is none."""

_LARGEST_FILE = 65536


@dataclass(frozen=True, slots=True)
class StoredLogin:
    """The token found for a deployment, and where."""

    token: Secret
    place: str


def config_root(environ: Mapping[str, str], home: Path, platform: str) -> Path:
    """Give the directory under which programs keep their configuration on this system."""
    if platform == "darwin":
        return home / "Library" / "Application Support"
    if platform == "win32":
        roaming = environ.get("APPDATA", "")
        return Path(roaming) if roaming else home / "AppData" / "Roaming"
    xdg = environ.get("XDG_CONFIG_HOME", "")
    # A relative path is invalid by the XDG specification.
    return Path(xdg) if PurePath(xdg).is_absolute() else home / ".config"


def login_directory(environ: Mapping[str, str], home: Path, platform: str) -> Path:
    """Give the directory of `coder`'s own files, unless it was told another one."""
    return config_root(environ, home, platform) / "coderv2"


def stored_url(directory: Path) -> str | None:
    """Give the deployment that `coder login` was last used for.

    Raises:
        ConfigError: The file is there and cannot be read, or holds no address.
    """
    path = directory / "url"
    text = read_line_file(path)
    return read_address(text, key="url", file=path) if text else None


def stored_login(
    url: str,
    directory: Path,
    platform: str,
    *,
    use_keyring: bool,
    read_keyring: KeyringReader,
) -> StoredLogin | None:
    """Find the token stored for this deployment, in the keyring first where there is one, else in the file.

    The file belongs to the deployment that the file `url` names, and its token is given for no other.
    """
    if use_keyring and platform in KEYRING_PLATFORMS:
        value = read_keyring(platform)
        token = token_in_keyring(value, url) if value else None
        if token:
            return StoredLogin(token, "keyring")
    path = directory / "session"
    owner = stored_url(directory)
    if owner is None or not is_same_origin(owner, url):
        return None
    text = read_line_file(path)
    return StoredLogin(Secret(text), str(path)) if text else None


def token_in_keyring(value: str, url: str) -> Secret | None:
    """Find the token for one host in the value of the keyring entry: JSON, or base64 of it (macOS)."""
    entries = _json_object(value)
    if entries is None:
        try:
            entries = _json_object(base64.b64decode(value.strip(), validate=True).decode())
        except (binascii.Error, ValueError):
            return None
    entry = entries.get(host_of(url)) if entries else None
    token = entry.get("api_token") if isinstance(entry, dict) else None
    return Secret(token.strip()) if isinstance(token, str) and token.strip() else None


def read_system_keyring(platform: str) -> str | None:
    """Read the raw keyring entry; `None` on any failure, as the file is the fallback. May block on a prompt."""
    if platform == "darwin":
        command = ["/usr/bin/security", "find-generic-password", "-s", SERVICE, "-wa", ACCOUNT]
        try:
            result = subprocess.run(
                command, capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return result.stdout.decode("utf-8", "replace") if result.returncode == 0 else None
    return _read_with_package()


def _read_with_package() -> str | None:
    """Read through the optional `keyring` package, the only way to a Windows credential."""
    try:
        import keyring  # noqa: PLC0415  # optional and slow to import
        from keyring.errors import KeyringError  # noqa: PLC0415
    except ImportError:
        return None
    try:
        credential = keyring.get_credential(SERVICE, None)
    except (KeyringError, OSError, RuntimeError):
        return None
    if credential is None:
        return None
    value: str = credential.password
    if _json_object(value) is None:
        # The bytes are UTF-8, which the package takes for UTF-16 where it can.
        value = value.encode("utf-16-le", "surrogatepass").decode("utf-8", "replace")
    return value


def read_line_file(path: Path) -> str | None:
    """Read a file that holds one value, trimmed; `None` if it is missing or empty.

    Raises:
        ConfigError: It cannot be read, or is no text.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE)
        text = data.decode().strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError("the file cannot be read", f"{error.strerror}.", file=path) from None
    except UnicodeDecodeError:
        raise ConfigError("the file is not text", file=path) from None
    return text or None


def _json_object(text: str) -> dict[str, object] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
