"""The switch of all prebuild pools on a real socket."""

from __future__ import annotations

import pytest

from agentdash.actions.doer import ClientDoer
from agentdash.api import errors
from agentdash.api.client import Client
from agentdash.local.server import Served


async def test_pools_are_paused_and_resumed(served: Served) -> None:
    served.runtime.deployment.entitlements = {"workspace_prebuilds": True}
    async with Client(served.url, served.token) as client:
        doer = ClientDoer(client)
        await doer.set_prebuilds_paused(True)
        assert served.runtime.deployment.prebuilds_paused
        await doer.set_prebuilds_paused(True)  # unchanged: 304 without a body
        await doer.set_prebuilds_paused(False)
        assert not served.runtime.deployment.prebuilds_paused


async def test_nothing_is_sent_in_read_only_mode(served: Served) -> None:
    async with Client(served.url, served.token, read_only=True) as client:
        with pytest.raises(errors.ReadOnly):
            await ClientDoer(client).set_prebuilds_paused(True)
    assert not served.runtime.deployment.prebuilds_paused
