"""What two real servers told their agents: read, or refused by its right name (contract: agent-side.md §2–§9)."""

from __future__ import annotations

import json

import pytest

from agentdash.api import agent_errors, errors
from agentdash.api.agent_side import ReinitSource
from agentdash.api.mapping import RawAnswer, error_from
from agentdash.api.schema import LogSource, decode
from agentdash.api.schema.agent_side import ExternalAuth, GitSshKey, ReinitEvent
from agentdash.wire.events import Data, Malformed
from agentdash.wire.sse import SseDecoder
from tests.contract.conftest import EXCHANGES, STREAMS, Exchange

MINE = [one for one in EXCHANGES if "/workspaceagents/me/" in one.path or "instance-identity" in one.path]
REFUSED = [one for one in MINE if one.status >= 400]
REINITS = [one for one in STREAMS if one.route.endswith("/me/reinit")]

LEAVES: dict[str, type[errors.ApiError]] = {
    "me-no-token.json": agent_errors.AgentNotAuthorized,
    "me-with-user-token.json": agent_errors.AgentNotAuthorized,
    "me-external-auth.json": agent_errors.NoProvider,
    "me-external-auth-none.json": agent_errors.NoProvider,
    "me-external-auth-nothing.json": errors.BadRequest,
    "me-app-status-long.json": agent_errors.MessageTooLong,
    "me-app-status-bad.json": errors.BadRequest,
    "me-app-status-unknown-app.json": errors.BadRequest,
    "me-logs-patch-empty.json": errors.BadRequest,
    "me-logs-patch-bad-level.json": errors.BadRequest,
    "me-rpc-plain.json": errors.BadRequest,
    "refused.json": agent_errors.LogsFull,
}


def _error(one: Exchange) -> errors.ApiError:
    return error_from(RawAnswer(one.status, one.headers, one.raw, one.route))


@pytest.mark.parametrize("one", REFUSED, ids=lambda one: one.name)
def test_refusals_have_their_names(one: Exchange) -> None:
    name = one.name.rpartition("/")[2]
    if "instance-identity" in name:
        found = agent_errors.of_identity(_error(one))
        assert type(found) is agent_errors.IdentityRefused
    else:
        found = agent_errors.of_agent(_error(one))
        is_gone = "Route not found." in str(one.body)
        assert type(found) is (errors.RouteNotFound if is_gone else LEAVES[name])
    assert found.status == one.status
    assert found.detail
    assert found.title
    assert found.next_step or type(found) is errors.BadRequest


def test_answers_are_read() -> None:
    kinds = {
        "gitsshkey": GitSshKey,
        "external-auth": ExternalAuth,
        "gitauth": ExternalAuth,
        "log-source": LogSource,
    }
    seen = set()
    for one in MINE:
        kind = kinds.get(one.route.rpartition("/")[2])
        if kind is None or one.status >= 300:
            continue
        found = decode(kind, one.raw)
        assert found.notes == ()
        seen.add(kind)
        if isinstance(found.value, ExternalAuth):
            assert found.value.needs_login
            assert found.value.url == "http://coder.example.com/external-auth/github"
            assert found.value.expires_at is None
        if isinstance(found.value, GitSshKey):
            assert found.value.private_key.startswith("-----BEGIN")
            assert "BEGIN" not in repr(found.value)
    assert seen == set(kinds.values())


@pytest.mark.parametrize("one", REINITS, ids=lambda one: one.name)
def test_claim_channels_are_read(one: object) -> None:
    decoder, source = SseDecoder(), ReinitSource(wait=True)
    events = [event for chunk in one.received() for event in decoder.feed(chunk)]  # type: ignore[attr-defined]
    assert not any(isinstance(event, Malformed) for event in events)
    for event in events:
        if isinstance(event, Data):
            found = source.payload(event.value)
            assert (found.reason, bool(found.workspace_id), bool(found.owner_id)) == (
                "prebuild_claimed",
                True,
                True,
            )


def test_there_is_a_recorded_claim() -> None:
    assert any(b"prebuild_claimed" in chunk for one in REINITS for chunk in one.received())


def test_the_older_spelling_is_read_too() -> None:
    found = decode(ReinitEvent, json.dumps({"WorkspaceID": "w", "reason": "prebuild_claimed"}))
    assert (found.value.workspace_id, found.value.owner_id) == ("w", "")
