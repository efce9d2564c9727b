"""The query language of `GET /workspaces?q=` with the server's own complaints (contract: fleet.md §1.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from agentdash.local.deployment import Deployment
from agentdash.local.errors import ApiError
from agentdash.local.records_org import User, Workspace

STATUSES = (
    "pending", "starting", "running", "stopping", "stopped", "failed", "canceling", "canceled", "deleting", "deleted",
)  # fmt: skip
_REPEATABLE = {"param", "include_agent_metadata", "id", "has-agent"}
_BOOLEANS = {"healthy", "dormant", "outdated", "has-ai-task", "has_external_agent", "shared"}
_TIMES = {"last_used_after", "last_used_before"}
_TEXTS = {"name", "owner", "template", "status", "organization", "shared_with_user", "shared_with_group"}
_TRUE, _FALSE = {"true", "1", "t"}, {"false", "0", "f"}

Test = Callable[[Workspace], bool]


@dataclass(slots=True)
class Query:
    """A parsed query: values by key (lists for repeatable keys), and what is wrong with it."""

    values: dict[str, list[str]] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)

    @property
    def agent_metadata_keys(self) -> Sequence[str]:
        """Keys asked for by `include_agent_metadata`."""
        return self.values.get("include_agent_metadata", [])


def parse(text: str) -> Query:
    """Parse `q`. Raises `ApiError` 400 `Invalid workspace search query.` with the server's validations."""
    query = Query()
    words: list[str] = []
    for term in _split(text.lower(), " "):
        parts = _split(term, ":")
        if term.startswith(":") or term.endswith(":"):
            query.problems.append(("q", f"Query element {_quoted(term)} cannot start or end with ':'"))
        elif len(parts) == 1:
            words.append(_unquote(term))
        elif len(parts) > 2:
            query.problems.append(("q", f"Query element {_quoted(term)} can only contain 1 ':'"))
        else:
            query.values.setdefault(parts[0], []).append(_unquote(parts[1]))
    if words:
        _take_words(query, " ".join(words))
    if not query.problems:
        _validate(query)
    if query.problems:
        raise ApiError(400, "Invalid workspace search query.", validations=query.problems)
    return query


def _take_words(query: Query, pattern: str) -> None:
    parts = pattern.split("/")
    if len(parts) > 2:
        query.problems.append(("q", f"Query element {_quoted(pattern)} can only contain 1 '/'"))
        return
    if len(parts) == 2:
        query.values.setdefault("owner", []).append(parts[0])
    if parts[-1]:
        query.values.setdefault("name", []).append(parts[-1])


def _validate(query: Query) -> None:
    known = _REPEATABLE | _BOOLEANS | _TIMES | _TEXTS
    for key, values in query.values.items():
        if key not in known:
            query.problems.append((key, f"{_quoted(key)} is not a valid query param"))
        elif len(values) > 1 and key not in _REPEATABLE:
            only = "Only provide 1 instance of this query param."
            detail = f'Query param "{key}" provided more than once, found {len(values)} times. {only}'
            query.problems.append((key, detail))
        else:
            query.problems.extend(
                (key, problem) for value in values if (problem := _value_problem(key, value))
            )


def _value_problem(key: str, value: str) -> str:
    prefix = f'Query param "{key}"'
    if key == "status" and value not in STATUSES:
        return f"{prefix} has invalid value: {_quoted(value)} is not a valid value"
    if key in _BOOLEANS and value not in _TRUE | _FALSE:
        return f"{prefix} must be a valid boolean"
    if key in _TIMES and _time(value) is None:
        return f"{prefix} must be a valid date format (2006-01-02T15:04:05.999999999Z07:00)"
    if key == "id" and not all(_is_uuid(part) for part in value.split(",")):
        return f"{prefix} has invalid value: {_quoted(value)} is not a valid uuid"
    return ""


def select(
    deployment: Deployment, viewer: User, readable: Sequence[Workspace], query: Query
) -> list[Workspace]:
    """The readable workspaces that match, in the server's order."""
    tests = [
        _test(deployment, viewer, key, values)
        for key, values in query.values.items()
        if key != "include_agent_metadata"
    ]
    found = [workspace for workspace in readable if all(test(workspace) for test in tests)]
    return in_server_order(deployment, viewer, found)


def in_server_order(deployment: Deployment, viewer: User, found: Sequence[Workspace]) -> list[Workspace]:
    """Own favourites, then running ones, then by owner and name: rows move between pages (fleet.md §1)."""

    def rank(workspace: Workspace) -> tuple[bool, bool, str, str]:
        is_favorite = workspace.owner_id == viewer.id and viewer.id in workspace.favorite_of
        is_running = workspace.latest_build.status == "running"
        owner = deployment.owner_of(workspace).username.lower()
        return (not is_favorite, not is_running, owner, workspace.name.lower())

    return sorted(found, key=rank)


def _test(deployment: Deployment, viewer: User, key: str, values: list[str]) -> Test:
    if key in _BOOLEANS:
        return _boolean_test(deployment, key, values[0] in _TRUE)
    if key in _TIMES:
        return _time_test(key, values[0])
    return _text_test(deployment, viewer, key, values)


def _boolean_test(deployment: Deployment, key: str, wanted: bool) -> Test:
    def healthy(workspace: Workspace) -> bool:
        good = {"connected"} if wanted else {"disconnected", "timeout"}
        return any(agent.status(deployment.now()) in good for agent in workspace.agents)

    def outdated(workspace: Workspace) -> bool:
        active = deployment.template_of(workspace).active_version_id
        return (workspace.latest_build.template_version_id != active) == wanted

    tests: dict[str, Test] = {
        "healthy": healthy,
        "outdated": outdated,
        "dormant": lambda workspace: workspace.dormant_at is not None or not wanted,
        "has-ai-task": lambda workspace: workspace.latest_build.has_ai_task == wanted,
        "has_external_agent": lambda workspace: workspace.latest_build.has_external_agent == wanted,
        "shared": lambda workspace: bool(workspace.shared_with) == wanted,
    }
    return tests[key]


def _time_test(key: str, value: str) -> Test:
    moment = _time(value)
    assert moment is not None
    if key == "last_used_after":
        return lambda workspace: workspace.last_used_at >= moment
    return lambda workspace: workspace.last_used_at <= moment


def _text_test(deployment: Deployment, viewer: User, key: str, values: list[str]) -> Test:
    value = values[0]
    if key == "organization":
        organization = None if value == "default" else deployment.find_organization(value)
        if organization is None:
            detail = f'Organization "{value}" either does not exist, or you are unauthorized to view it'
            raise ApiError(400, "Invalid workspace search query.", validations=[(key, detail)])
        return lambda workspace: workspace.organization_id == organization.id
    if key in {"owner", "shared_with_user"}:
        user = deployment.find_user(value, viewer)
        wanted_id = user.id if user is not None else ""
        if key == "owner":
            return lambda workspace: workspace.owner_id == wanted_id
        return lambda workspace: wanted_id in workspace.shared_with
    flat = [part for entry in values for part in entry.split(",")]
    tests: dict[str, Test] = {
        "name": lambda workspace: value in workspace.name.lower(),
        "template": lambda workspace: deployment.template_of(workspace).name == value,
        "status": lambda workspace: workspace.latest_build.status == value,
        "id": lambda workspace: workspace.id in flat,
        "has-agent": lambda workspace: any(
            agent.status(deployment.now()) in flat for agent in workspace.agents
        ),
        "param": lambda workspace: all(_has_parameter(workspace, wanted) for wanted in values),
        "shared_with_group": lambda workspace: False,  # noqa: ARG005
    }
    return tests[key]


def _has_parameter(workspace: Workspace, wanted: str) -> bool:
    name, is_valued, value = wanted.partition("=")
    return any(
        have.lower() == name and (not is_valued or text.lower() == value)
        for have, text in workspace.latest_build.parameters
    )


def _split(text: str, delimiter: str) -> list[str]:
    """Split outside double quotes; empty pieces are dropped at spaces only."""
    parts, current, is_quoted = [], "", False
    for char in text:
        if char == '"':
            is_quoted = not is_quoted
        if char == delimiter and not is_quoted:
            parts.append(current)
            current = ""
        else:
            current += char
    parts.append(current)
    return [part for part in parts if part] if delimiter == " " else parts


def _unquote(text: str) -> str:
    return text.strip('"')


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _time(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
