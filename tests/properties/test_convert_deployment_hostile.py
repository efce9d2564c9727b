"""Hostile text in what surrounds the workspaces: none of it reaches the state, and no value makes a conversion fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from agentdash.api import schema
from agentdash.state import convert_deployment as convert
from agentdash.state.deployment import BuildSummary
from tests.properties import test_convert_hostile as hostile

CONVERSIONS: dict[type[schema.Wire], Callable[[Any], Any]] = {
    schema.Template: convert.template,
    schema.TemplateVersion: convert.template_version,
    schema.Preset: lambda raw: convert.presets([raw], "v1"),
    schema.DeploymentConfig: convert.prebuilds_config,
    schema.ProvisionerDaemon: convert.daemon,
    schema.ProvisionerJob: convert.job,
    schema.HealthReport: convert.health,
    schema.Region: lambda raw: convert.proxies([raw]),
    schema.Build: lambda raw: convert.build_summaries([raw]),
    schema.BuildParameter: lambda raw: convert.parameters([raw]),
    schema.BuildLog: lambda raw: convert.build_tail([raw]),
    schema.AgentLog: lambda raw: convert.agent_tail([raw], frozenset({"s1"})),
}


@pytest.mark.parametrize("kind", CONVERSIONS, ids=lambda kind: kind.__name__)
def test_no_hostile_text_reaches_the_deployment(
    kind: type[schema.Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hostile, "BLOCKS", hostile.BLOCKS | {(BuildSummary, "error")})

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(hostile.wire_objects(kind))
    def check(raw: schema.Wire) -> None:
        hostile.assert_harmless(CONVERSIONS[kind](raw))

    check()
