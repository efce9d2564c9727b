"""Six templates of a believable company: what their workspaces run, say and show.

Log texts carry colours as real tools write them; the words of failures are those that people search for.
"""

from __future__ import annotations

from agentdash.local.blueprints import (
    AgentPlan,
    AppPlan,
    Blueprint,
    MetadataPlan,
    ResourcePlan,
    ScriptPlan,
)

_GREEN, _YELLOW, _RED, _CYAN, _DIM, _BOLD, _OFF = (
    "\x1b[32m",
    "\x1b[33m",
    "\x1b[31m",
    "\x1b[36m",
    "\x1b[2m",
    "\x1b[1m",
    "\x1b[0m",
)
TROUBLESHOOTING_URL = "https://coder.example.com/docs/troubleshooting"


def ok(text: str) -> tuple[str, str]:
    """A line with a green tick before it."""
    return ("info", f"{_GREEN}✓{_OFF} {text}")


def info(text: str) -> tuple[str, str]:
    """A plain line of stdout."""
    return ("info", text)


def err(text: str) -> tuple[str, str]:
    """A plain line of stderr; its level is `error` whatever it says."""
    return ("error", text)


def warn(text: str) -> tuple[str, str]:
    """A yellow warning on stderr."""
    return ("error", f"{_YELLOW}warning{_OFF} {text}")


CPU = MetadataPlan("cpu", "CPU", "percent", base=14)
MEMORY = MetadataPlan("mem", "Memory", "gib", base=5.2, total=16)
DISK = MetadataPlan(
    "disk", "Home disk", "percent", interval_s=60, base=41, script="coder stat disk --path $HOME"
)
LOAD = MetadataPlan(
    "load", "Load average", "load", interval_s=15, base=0.7, script="cut -d' ' -f1 /proc/loadavg"
)
GPU = MetadataPlan(
    "gpu", "GPU", "percent", interval_s=5, base=48, script="nvidia-smi --query-gpu=utilization.gpu"
)
KERNEL = MetadataPlan("kernel", "Kernel", "text", interval_s=0, script="uname -r", text="6.8.0-45-generic")
BASICS = (CPU, MEMORY, DISK, LOAD)

DOTFILES = ScriptPlan(
    "Dotfiles",
    (
        info("Cloning into '/home/coder/.config/coderv2/dotfiles'..."),
        info(f"{_CYAN}→{_OFF} running install.sh"),
        ok("linked 14 files"),
    ),
    duration_s=5,
    icon="/icon/dotfiles.svg",
    script="#!/bin/sh\ncoder dotfiles -y https://git.example.com/$CODER_WORKSPACE_OWNER_NAME/dotfiles\n",
    timeout_s=120,
)
GIT_CLONE = ScriptPlan(
    "Git Clone",
    (
        info("Cloning into '/home/coder/src/shop'..."),
        err("remote: Enumerating objects: 48213, done."),
        err("Receiving objects: 100% (48213/48213), 61.4 MiB | 28.1 MiB/s, done."),
        err("Resolving deltas: 100% (31877/31877), done."),
    ),
    duration_s=9,
    icon="/icon/git.svg",
    start_blocks_login=True,
    timeout_s=300,
)
CODE_SERVER = ScriptPlan(
    "code-server",
    (
        info("Installing code-server 4.103.2 to /tmp/code-server..."),
        info(
            f"{_DIM}[2026-08-24T07:00:31.402Z]{_OFF} {_BOLD}info{_OFF}  HTTP server listening on 127.0.0.1:13337"
        ),
    ),
    duration_s=7,
    icon="/icon/code.svg",
    timeout_s=300,
    log_path="/tmp/code-server.log",  # noqa: S108 - a path shown, never opened
)
NPM_INSTALL = ScriptPlan(
    "Install dependencies",
    (
        info(f"{_BOLD}npm ci{_OFF} --no-audit"),
        warn("deprecated inflight@1.0.6: This module is not supported, and leaks memory."),
        info("added 1284 packages in 19s"),
        info(["> shop@2.14.0 prepare", "> husky install"][0]),
        ok("dependencies ready"),
    ),
    duration_s=19,
    icon="/icon/nodejs.svg",
    script="#!/bin/bash\nset -euo pipefail\ncd ~/src/shop\nnpm ci --no-audit\n",
    timeout_s=600,
)
NIGHTLY = ScriptPlan(
    "Prune caches",
    (info("removed 214 MB of build cache"),),
    duration_s=1,
    cron="0 */5 * * * *",
    run_on_start=False,
    timeout_s=60,
)
GOODBYE = ScriptPlan(
    "Save state",
    (info("state saved to ~/.state.json"),),
    duration_s=0.5,
    run_on_start=False,
    run_on_stop=True,
    timeout_s=30,
)

WEB_AGENT = AgentPlan(
    "main",
    scripts=(DOTFILES, GIT_CLONE, NPM_INSTALL, CODE_SERVER, NIGHTLY, GOODBYE),
    apps=(
        AppPlan(
            "code-server",
            "VS Code Web",
            "http://localhost:13337",
            "/icon/code.svg",
            healthcheck_url="http://localhost:13337/healthz",
        ),
        AppPlan(
            "preview",
            "Shop preview",
            "http://localhost:3000",
            "/icon/nodejs.svg",
            healthcheck_url="http://localhost:3000",
            subdomain=True,
        ),
        AppPlan("docs", "Handbook", "https://handbook.example.com", "/icon/book.svg", external=True),
    ),
    metadata=BASICS,
    ports=((3000, "node"), (9229, "node"), (6379, "redis-server"), (13337, "node")),
    connect_s=4,
    directory="~/src/shop",
    troubleshooting_url=TROUBLESHOOTING_URL,
    has_docker=True,
    environment=(("GIT_AUTHOR_NAME", "coder"), ("NODE_ENV", "development")),
)
WEB = Blueprint(
    (
        ResourcePlan(
            "docker_container",
            "workspace",
            "/icon/docker.svg",
            apply_s=4,
            daily_cost=4,
            metadata=(("image", "registry.example.com/web:24.04", False), ("node", "docker-02", False)),
            agents=(WEB_AGENT,),
        ),
        ResourcePlan("docker_volume", "home", "/icon/folder.svg", hide=True, apply_s=1),
    ),
)

DATA = Blueprint(
    (
        ResourcePlan(
            "kubernetes_deployment",
            "notebook",
            "/icon/k8s.png",
            apply_s=11,
            daily_cost=22,
            metadata=(("node", "gpu-pool-7", False), ("gpu", "1 × L4", False)),
            agents=(
                AgentPlan(
                    "main",
                    scripts=(
                        DOTFILES,
                        ScriptPlan(
                            "Conda environment",
                            (
                                info(["Channels:", " - conda-forge"][0]),
                                info("Solving environment: done"),
                                info("Downloading and Extracting Packages: 100%"),
                                ok("environment 'research' is up to date"),
                            ),
                            duration_s=26,
                            icon="/icon/conda.svg",
                        ),
                        ScriptPlan(
                            "JupyterLab",
                            (
                                err("[I ServerApp] jupyterlab | extension was successfully loaded."),
                                err(
                                    "[I ServerApp] Jupyter Server 2.14.2 is running at http://localhost:8888/lab"
                                ),
                            ),
                            duration_s=6,
                            icon="/icon/jupyter.svg",
                        ),
                    ),
                    apps=(
                        AppPlan(
                            "jupyter",
                            "JupyterLab",
                            "http://localhost:8888",
                            "/icon/jupyter.svg",
                            healthcheck_url="http://localhost:8888/api",
                        ),
                    ),
                    metadata=(*BASICS, GPU),
                    ports=((8888, "jupyter-lab"), (6006, "tensorboard")),
                    connect_s=8,
                    directory="~/notebooks",
                    troubleshooting_url=TROUBLESHOOTING_URL,
                ),
            ),
        ),
        ResourcePlan("kubernetes_persistent_volume_claim", "home", hide=True, apply_s=3),
    ),
)

GO_TOOLS = ScriptPlan(
    "Install tools",
    (
        info(f"{_BOLD}mise install{_OFF}"),
        ok("go 1.26.1"),
        ok("golangci-lint 2.6.0"),
        ok("buf 1.57.2"),
    ),
    duration_s=12,
    icon="/icon/go.svg",
    script="#!/bin/sh\nset -e\nmise install\n",
    timeout_s=300,
)
GO_AGENT = AgentPlan(
    "main",
    scripts=(GIT_CLONE, GO_TOOLS),
    apps=(AppPlan("code-server", "VS Code Web", "http://localhost:13337", "/icon/code.svg"),),
    metadata=(*BASICS, KERNEL),
    ports=((8080, "api"), (40000, "dlv")),
    connect_s=6,
    directory="~/src/platform",
    troubleshooting_url=TROUBLESHOOTING_URL,
)
GO = Blueprint(
    (
        ResourcePlan(
            "kubernetes_deployment",
            "main",
            "/icon/k8s.png",
            apply_s=9,
            daily_cost=8,
            metadata=(("namespace", "coder-workspaces", False), ("node", "pool-a-3", False)),
            agents=(GO_AGENT,),
        ),
        ResourcePlan("kubernetes_persistent_volume_claim", "home", hide=True, apply_s=2),
    ),
)
NPM_NOT_FOUND_LINES = (
    info(f"{_BOLD}mise install{_OFF}"),
    ok("go 1.26.1"),
    ok("golangci-lint 2.6.0"),
    info("installing openapi-generator with npm"),
    err("install-tools.sh: line 14: npm: not found"),
    err(f"{_RED}install tools failed, cleaning up{_OFF}"),
)

VM = Blueprint(
    (
        ResourcePlan(
            "aws_instance",
            "dev",
            "/icon/aws.svg",
            apply_s=38,
            daily_cost=30,
            metadata=(
                ("region", "eu-central-1", False),
                ("type", "m7i.xlarge", False),
                ("ami_token", "not-shown", True),
            ),
            agents=(
                AgentPlan(
                    "main",
                    scripts=(
                        DOTFILES,
                        ScriptPlan(
                            "Mount scratch disk",
                            (
                                info("mkfs.ext4: /dev/nvme1n1 already holds a filesystem"),
                                ok("mounted /scratch"),
                            ),
                            duration_s=4,
                            timeout_s=60,
                        ),
                        ScriptPlan(
                            "apt packages",
                            (
                                info("Reading package lists... Done"),
                                info("Setting up clang-19 (1:19.1.7-3) ..."),
                                info("Setting up ninja-build (1.12.1-1) ..."),
                                ok("12 packages installed"),
                            ),
                            duration_s=21,
                            icon="/icon/debian.svg",
                        ),
                    ),
                    metadata=(*BASICS, KERNEL),
                    ports=((22000, "syncthing"), (9090, "prometheus")),
                    connect_s=34,
                    directory="~",
                    troubleshooting_url=TROUBLESHOOTING_URL,
                ),
            ),
        ),
        ResourcePlan("aws_ebs_volume", "home", hide=True, apply_s=8),
    ),
)

AI = Blueprint(
    (
        ResourcePlan(
            "docker_container",
            "task",
            "/icon/docker.svg",
            apply_s=4,
            daily_cost=6,
            metadata=(("image", "registry.example.com/ai:2026.8", False),),
            agents=(
                AgentPlan(
                    "main",
                    scripts=(
                        GIT_CLONE,
                        ScriptPlan(
                            "Coding agent",
                            (
                                info("Installing the coding agent..."),
                                ok("signed in through the AI gateway"),
                                info("agentapi: listening on 127.0.0.1:3284"),
                            ),
                            duration_s=8,
                            icon="/icon/claude.svg",
                        ),
                    ),
                    apps=(
                        AppPlan(
                            "ccw",
                            "Coding agent",
                            "http://localhost:3284",
                            "/icon/claude.svg",
                            healthcheck_url="http://localhost:3284/status",
                            is_ai=True,
                        ),
                        AppPlan(
                            "tmux", "Agent session", command="tmux attach -t agent", icon="/icon/terminal.svg"
                        ),
                    ),
                    metadata=(CPU, MEMORY),
                    ports=((3284, "agentapi"),),
                    directory="~/src/shop",
                    troubleshooting_url=TROUBLESHOOTING_URL,
                ),
            ),
        ),
    ),
    has_ai_task=True,
)
