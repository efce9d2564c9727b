"""The template of the scripted fleet whose work happens in devcontainers, and the one that is broken."""

from __future__ import annotations

from agentdash.local.blueprints import AgentPlan, Blueprint, DevcontainerPlan, ResourcePlan
from agentdash.local.world_templates import BASICS, DOTFILES, GIT_CLONE, TROUBLESHOOTING_URL, err, info

API_BOX = DevcontainerPlan(
    "api", "/home/coder/src/api", start_s=14, image="mcr.microsoft.com/devcontainers/go:1.26"
)
SITE_BOX = DevcontainerPlan(
    "site", "/home/coder/src/site", start_s=18, image="mcr.microsoft.com/devcontainers/typescript-node:22"
)
BROKEN_BOX = DevcontainerPlan(
    "site",
    "/home/coder/src/site",
    start_s=6,
    image="registry.example.com/devcontainers/site:next",
    lines=(
        err("@devcontainers/cli 0.89.0. Node.js v20.20.2. linux 6.8.0 x64."),
        err("Start: Run: docker pull registry.example.com/devcontainers/site:next"),
        err("Error response from daemon: manifest for devcontainers/site:next not found: manifest unknown"),
        info('{"outcome":"error","message":"Command failed: docker pull","description":"Could not set up."}'),
    ),
    error="exit status 1",
)
BOXES = Blueprint(
    (
        ResourcePlan(
            "docker_container",
            "host",
            "/icon/docker.svg",
            apply_s=5,
            daily_cost=7,
            metadata=(("image", "registry.example.com/envbox:0.6", False),),
            agents=(
                AgentPlan(
                    "main",
                    scripts=(DOTFILES, GIT_CLONE),
                    metadata=BASICS,
                    devcontainers=(API_BOX, SITE_BOX),
                    ports=((8443, "caddy"),),
                    subsystems=("envbox",),
                    directory="~/src",
                    troubleshooting_url=TROUBLESHOOTING_URL,
                    has_docker=True,
                ),
            ),
        ),
    ),
)
