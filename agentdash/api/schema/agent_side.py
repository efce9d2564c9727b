"""What the agent's own endpoints answer (contract: agent-side.md §3–§10). Secrets stay out of every repr."""

from __future__ import annotations

from pydantic import AliasChoices, Field

from agentdash.api.schema.base import Bool, Float, Id, Int, Items, Str, Strings, Table, Timestamp, Wire


class SessionToken(Wire):
    """Of an instance identity exchange; the agent's own token, not a new one."""

    session_token: Str = Field("", repr=False)


class GitSshKey(Wire):
    """The workspace owner's key pair."""

    public_key: Str = ""
    private_key: Str = Field("", repr=False)


class ExternalAuth(Wire):
    """`url` alone is set when the owner has first to log in there; `gitauth` of 2023 has no other fields
    besides user name and password.
    """

    access_token: Str = Field("", repr=False)
    url: Str = ""
    type: Str = ""
    expires_at: Timestamp = None
    username: Str = Field("", repr=False)
    password: Str = Field("", repr=False)

    @property
    def needs_login(self) -> bool:
        """Whether the owner must open `url` first."""
        return not (self.access_token or self.username or self.password)


class ReinitEvent(Wire):
    """A prebuild was claimed. Keys of before 2026-04 are read too; `owner_id` is "" when unknown."""

    workspace_id: Id = Field("", validation_alias=AliasChoices("workspace_id", "WorkspaceID"))
    reason: Str = ""
    owner_id: Id = ""


class LegacyMetadata(Wire):
    """Description of one metadata item; seconds."""

    display_name: Str = ""
    key: Str = ""
    script: Str = Field("", repr=False)
    interval: Int = 0
    timeout: Int = 0


class LegacyManifest(Wire):
    """Manifest of servers up to v2.12; `*_timeout` in nanoseconds. Scripts may hold secrets."""

    agent_id: Id = ""
    owner_name: Str = ""
    workspace_id: Id = ""
    directory: Str = ""
    environment_variables: Strings = Field(default_factory=dict, repr=False)
    git_auth_configs: Int = 0
    metadata: Items[LegacyMetadata] = ()
    motd_file: Str = ""
    startup_script: Str = Field("", repr=False)
    startup_script_timeout: Int = 0
    shutdown_script: Str = Field("", repr=False)
    shutdown_script_timeout: Int = 0
    vscode_port_proxy_uri: Str = ""
    derp_force_websockets: Bool = False
    disable_direct_connections: Bool = False


class StatsInterval(Wire):
    """Answer to a stats report; nanoseconds."""

    report_interval: Int = 0


class LegacyNode(Wire):
    """A peer as it was told until v2.12 (contract: agent-side.md §10). Seconds; ids of regions as text."""

    id: Int = 0
    as_of: Timestamp = None
    key: Str = ""
    """`nodekey:` and 64 hex digits."""
    disco: Str = ""
    """`discokey:` and 64 hex digits."""
    preferred_derp: Int = 0
    derp_latency: Table[Float] = Field(default_factory=dict)
    derp_forced_websockets: Strings = Field(default_factory=dict)
    addresses: Items[Str] = ()
    allowed_ips: Items[Str] = ()
    endpoints: Items[Str] = ()
