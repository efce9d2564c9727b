"""Who I am, what server this is, its templates, provisioners, licence and health.

(contract: fleet.md §6–§9).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agentdash.api.schema.base import (
    Bool,
    Id,
    Int,
    Items,
    Lenient,
    Maybe,
    NullableBool,
    NullableFloat,
    NullableInt,
    NullableStr,
    Str,
    Strings,
    Table,
    Timestamp,
    Wire,
)


class ValidationProblem(Wire):
    field: Str = ""
    detail: Str = ""


class ErrorBody(Wire):
    """The server's error envelope (contract: README §3)."""

    message: Str = ""
    detail: Str = ""
    validations: Items[ValidationProblem] = ()


class Role(Wire):
    name: Str = ""
    display_name: Str = ""
    organization_id: Id = ""


class User(Wire):
    id: Id = ""
    username: Str = ""
    name: Str = ""
    email: Str = ""
    last_seen_at: Timestamp = None
    status: Str = ""
    login_type: Str = ""
    organization_ids: Items[str] = ()
    roles: Items[Role] = ()


class BuildInfo(Wire):
    """contract: README §9. `agent_api_version` is a constant and not read."""

    version: Str = ""
    external_url: Str = ""
    dashboard_url: Str = ""
    workspace_proxy: Bool = False
    upgrade_message: Str = ""
    deployment_id: Id = ""
    provisioner_api_version: Str = ""


class BuildTimeStats(Wire):
    """Milliseconds; None before there were enough builds."""

    p50: NullableInt = Field(None, validation_alias="P50")
    p95: NullableInt = Field(None, validation_alias="P95")


class Template(Wire):
    id: Id = ""
    organization_id: Id = ""
    organization_name: Str = ""
    name: Str = ""
    display_name: Str = ""
    description: Str = ""
    icon: Str = ""
    active_version_id: Id = ""
    active_user_count: Int = 0
    build_time_stats: Table[BuildTimeStats] = Field(default_factory=dict)
    deprecated: Bool = False
    deprecation_message: Str = ""
    allow_user_cancel_workspace_jobs: Bool = False
    require_active_version: Bool = False
    max_port_share_level: Str = ""
    updated_at: Timestamp = None


class TemplateVersion(Wire):
    id: Id = ""
    template_id: Id = ""
    name: Str = ""
    message: Str = ""
    created_at: Timestamp = None


class PresetParameter(Wire):
    name: Str = Field("", validation_alias="Name")
    value: Str = Field("", validation_alias="Value")


class Preset(Wire):
    """Capitalised keys on the wire; `desired_prebuild_instances` None = no prebuilds.

    (contract: fleet.md §7.5).
    """

    id: Id = Field("", validation_alias="ID")
    name: Str = Field("", validation_alias="Name")
    parameters: Items[PresetParameter] = Field((), validation_alias="Parameters")
    default: Bool = Field(False, validation_alias="Default")
    desired_prebuild_instances: NullableInt = Field(None, validation_alias="DesiredPrebuildInstances")
    description: Str = Field("", validation_alias="Description")
    icon: Str = Field("", validation_alias="Icon")


class PrebuildsSettings(Wire):
    reconciliation_paused: Bool = False


class ReconcilerOptions(Wire):
    """Durations are nanoseconds; `failure_hard_limit` 0 = off (contract: triage.md P05, §6)."""

    reconciliation_interval: NullableInt = None
    reconciliation_backoff_interval: NullableInt = None
    reconciliation_backoff_lookback: NullableInt = None
    failure_hard_limit: NullableInt = None


class DeploymentOptions(Wire):
    """Of some hundred options those that pools are judged by; no other is read."""

    workspace_prebuilds: Annotated[ReconcilerOptions, Lenient(make=ReconcilerOptions)] = Field(
        default_factory=ReconcilerOptions
    )


class DeploymentConfig(Wire):
    """Of `/deployment/config`; for owners and auditors (contract: triage.md §5)."""

    config: Annotated[DeploymentOptions, Lenient(make=DeploymentOptions)] = Field(
        default_factory=DeploymentOptions
    )


class InvalidatedPreset(Wire):
    template_name: Str = ""
    template_version_name: Str = ""
    preset_name: Str = ""


class InvalidatedPresets(Wire):
    invalidated: Items[InvalidatedPreset] = ()


class DaemonJob(Wire):
    id: Id = ""
    status: Str = ""
    template_name: Str = ""
    template_display_name: Str = ""


class ProvisionerDaemon(Wire):
    """`status` "" where the list does not tell it (health report, old servers)."""

    id: Id = ""
    organization_id: Id = ""
    created_at: Timestamp = None
    last_seen_at: Timestamp = None
    name: Str = ""
    version: Str = ""
    api_version: Str = ""
    provisioners: Items[str] = ()
    tags: Strings = Field(default_factory=dict)
    key_name: NullableStr = None
    status: Str = ""
    current_job: Maybe[DaemonJob] = None
    previous_job: Maybe[DaemonJob] = None


class LicensedFeature(Wire):
    """Usable iff `enabled`."""

    entitlement: Str = ""
    enabled: Bool = False
    limit: NullableInt = None
    actual: NullableInt = None


class Entitlements(Wire):
    features: Table[LicensedFeature] = Field(default_factory=dict)
    warnings: Items[str] = ()
    errors: Items[str] = ()
    has_license: Bool = False
    trial: Bool = False

    def has(self, feature: str) -> bool:
        found = self.features.get(feature)
        return found is not None and found.enabled


class Region(Wire):
    id: Id = ""
    name: Str = ""
    display_name: Str = ""
    icon_url: Str = ""
    healthy: Bool = False
    path_app_url: Str = ""
    wildcard_hostname: Str = ""


class Regions(Wire):
    regions: Items[Region] = ()


class ApplicationsHost(Wire):
    host: Str = ""


class HealthWarning(Wire):
    code: Str = ""
    message: Str = ""


class HealthSection(Wire):
    """`error` None = the key was absent, as it is without an error."""

    severity: Str = ""
    warnings: Items[HealthWarning] = ()
    dismissed: Bool = False
    error: NullableStr = None


class DerpRegionHealth(HealthSection):
    pass


class DerpHealth(HealthSection):
    regions: Table[DerpRegionHealth] = Field(default_factory=dict)


class AccessUrlHealth(HealthSection):
    access_url: Str = ""
    reachable: Bool = False
    status_code: Int = 0


class WebsocketHealth(HealthSection):
    code: Int = 0


class DatabaseHealth(HealthSection):
    reachable: Bool = False
    latency_ms: NullableFloat = None
    threshold_ms: NullableFloat = None


class WorkspaceProxyHealth(HealthSection):
    workspace_proxies: Maybe[Regions] = None


class ProvisionerDaemonHealth(Wire):
    provisioner_daemon: Maybe[ProvisionerDaemon] = None
    warnings: Items[HealthWarning] = ()


class ProvisionerDaemonsHealth(HealthSection):
    items: Items[ProvisionerDaemonHealth] = ()


class HealthReport(Wire):
    """Of `/debug/health`; `time` is that of the run, up to ten minutes old (contract: fleet.md §8)."""

    time: Timestamp = None
    healthy: NullableBool = None
    severity: Str = ""
    derp: Maybe[DerpHealth] = None
    access_url: Maybe[AccessUrlHealth] = None
    websocket: Maybe[WebsocketHealth] = None
    database: Maybe[DatabaseHealth] = None
    workspace_proxy: Maybe[WorkspaceProxyHealth] = None
    provisioner_daemons: Maybe[ProvisionerDaemonsHealth] = None
    coder_version: Str = ""
