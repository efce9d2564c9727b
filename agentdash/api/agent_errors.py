"""What can go wrong on the agent's side, as leaves of the tree in `errors`.

    NotLoggedIn
    ├── AgentNotAuthorized    401: no token, a user's, or an agent of an outdated build
    └── IdentityRefused       401: the cloud's document was not accepted
    Conflict
    ├── NotReinitialisable    409: no prebuild waits here, or its claim failed for good
    └── SeveralAgents         409: the machine has several agents, name one
    NotFound
    ├── NoProvider            404: nobody to log in at for this host
    └── InstanceUnknown       404: no agent with that instance
    BadRequest
    ├── LogsFull              413: the log has had its 1 MiB
    ├── MessageTooLong        an app status of more than 160 bytes
    └── InstanceOutdated      400: the machine is of an older build
    NotConnected
    └── NoMetadataService     this is not that cloud

(contract: agent-side.md §2, §3, §5, §7–§9)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agentdash.api import errors


class AgentNotAuthorized(errors.NotLoggedIn):
    title = "The agent's token is not accepted"
    next_step = (
        "It is good only while its agent belongs to the workspace's latest build; a user's token never is."
    )


class IdentityRefused(errors.NotLoggedIn):
    title = "The machine's identity is not accepted"
    next_step = "The document must come, unchanged, from this machine's own metadata service."


class NotReinitialisable(errors.Conflict):
    """Final: do not ask again. `is_claim_failed`: a prebuild whose claim build failed."""

    title = "There is no claim to wait for"
    next_step = "Only the agent of an unclaimed prebuilt workspace waits here."

    def __init__(self, detail: str = "", *, is_claim_failed: bool = False, **facts: Any) -> None:
        self.is_claim_failed = is_claim_failed
        super().__init__(detail, **facts)


class SeveralAgents(errors.Conflict):
    title = "This machine has several agents"
    next_step = "Set CODER_AGENT_NAME to one of them."


class NoProvider(errors.NotFound):
    title = "No external login for this"
    next_step = "Ask an administrator to configure a provider for it."


class InstanceUnknown(errors.NotFound):
    title = "No agent of this machine"
    next_step = "The workspace's build must have finished; the template must set the agent's instance id."


class LogsFull(errors.BadRequest):
    """Nothing of the refused batch was stored. A smaller one may still fit on this endpoint."""

    title = "The log is full"
    next_step = "An agent's log holds 1 MiB per build; a new build of the workspace begins a new one."


class MessageTooLong(errors.BadRequest):
    title = "The message is too long"
    next_step = "160 bytes are taken."


class InstanceOutdated(errors.BadRequest):
    title = "This machine is of an older build"
    next_step = "Wait for the newer build, or start the workspace again."


class NoMetadataService(errors.NotConnected):
    title = "No metadata service of this cloud"
    next_step = "CODER_AGENT_AUTH must name the cloud this machine runs on."


@dataclass(frozen=True, slots=True)
class _Rule:
    """Which words of the server make which leaf."""

    status: int
    words: str
    leaf: type[errors.ApiError]


_ME = (
    _Rule(401, "", AgentNotAuthorized),
    _Rule(409, "", NotReinitialisable),
    _Rule(413, "Logs limit exceeded", LogsFull),
    _Rule(413, "max_logs_length", LogsFull),
    _Rule(400, "Message is too long", MessageTooLong),
    _Rule(404, "external auth provider", NoProvider),
)
_IDENTITY = (
    _Rule(401, "", IdentityRefused),
    _Rule(409, "Multiple agents", SeveralAgents),
    _Rule(400, "registered on the latest history", InstanceOutdated),
    _Rule(404, "nstance", InstanceUnknown),
)


def of_agent(error: errors.ApiError) -> errors.ApiError:
    """The leaf for an error of `me/*`; the error itself where there is none."""
    return _leaf(error, _ME)


def of_identity(error: errors.ApiError) -> errors.ApiError:
    """The leaf for an error of an identity exchange."""
    return _leaf(error, _IDENTITY)


def _leaf(error: errors.ApiError, rules: tuple[_Rule, ...]) -> errors.ApiError:
    if isinstance(error, errors.RouteNotFound):
        return error
    for rule in rules:
        if error.status == rule.status and rule.words in error.detail:
            facts: dict[str, Any] = {
                "status": error.status,
                "request_id": error.request_id,
                "path": error.path,
            }
            if rule.leaf is NotReinitialisable:
                facts["is_claim_failed"] = "Claim build failed" in error.detail
            return rule.leaf(error.detail, **facts)
    return error
