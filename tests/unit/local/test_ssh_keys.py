from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

import pytest

from agentdash.local.ssh_keys import new_key_pair, public_half


@pytest.mark.parametrize(
    ("seed", "public"),
    [  # RFC 8032 §7.1
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        ),
    ],
)
def test_public_halves_of_the_standard(seed: str, public: str) -> None:
    assert public_half(bytes.fromhex(seed)).hex() == public


def test_a_pair_is_openssh_text() -> None:
    pair = new_key_pair(bytes(range(32)))
    kind, blob = pair.public_key.split()
    assert kind == "ssh-ed25519"
    assert base64.b64decode(blob)[-32:] == public_half(bytes(range(32)))
    assert pair.private_key.startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert pair.private_key not in repr(pair)
    assert new_key_pair().public_key != new_key_pair().public_key


@pytest.mark.system
def test_openssh_reads_it(tmp_path: Path) -> None:
    keygen = shutil.which("ssh-keygen")
    if keygen is None:
        pytest.skip("no ssh-keygen here")
    pair = new_key_pair()
    file = tmp_path / "key"
    file.write_text(pair.private_key)
    file.chmod(0o600)
    done = subprocess.run([keygen, "-y", "-f", str(file)], capture_output=True, text=True, check=True)
    assert done.stdout.split()[:2] == pair.public_key.split()
