"""What lies between the deployment and whoever looks: N04, N05, V03, V05, V08 (triage catalogue §4.8, §4.10).

Most of it shows only to somebody who keeps watching: streams that are refused or cut, a session that ends.
"""

from __future__ import annotations

from agentdash.local.faults import HTML_PAGE, Answer, Fault, failing, html_instead, rate_limited
from agentdash.local.staging import Condition, Stage

_UPGRADES = Fault(answer=Answer(502, HTML_PAGE, "text/html; charset=utf-8"), is_for_websockets=True)
"""A proxy that does not pass `Upgrade`."""
_SIGNED_OUT = "You are signed out or your session has expired. Please sign in again to continue."
_CUT_AFTER_S = 20.0
_IN_A_MOMENT_S = 20.0


def _some(stage: Stage) -> None:
    for name in ("one", "two", "three"):
        stage.workspace(name=name)


def _no_upgrades(stage: Stage) -> None:
    _some(stage)
    stage.world.faults.add(_UPGRADES)


def _no_metadata_stream(stage: Stage) -> None:
    """One kind of stream is refused; the others work, so it is no proxy."""
    _some(stage)
    stage.world.faults.add(html_instead("*/watch-metadata-ws", 502))


def _cut_by_age(stage: Stage) -> None:
    _some(stage)
    stage.world.faults.add(Fault(is_for_websockets=True, cut_after_s=_CUT_AFTER_S))


def _cut_now_and_then(stage: Stage) -> None:
    """Streams break, each at another age."""
    _some(stage)
    for age_s in (61, 43, 29, 19, 12):
        stage.world.faults.add(Fault(is_for_websockets=True, cut_after_s=age_s, times=1))


def _rate_limited(stage: Stage) -> None:
    _some(stage)
    stage.world.faults.add(rate_limited("*/prebuilds/settings", times=None))


def _overloaded(stage: Stage) -> None:
    """The server is short of breath, but counts nobody's requests."""
    _some(stage)
    stage.world.faults.add(failing("*/prebuilds/settings", 503, "Service unavailable."))


def _session_ends(stage: Stage) -> None:
    _some(stage)

    def end() -> None:
        stage.world.faults.add(failing("*", 401, _SIGNED_OUT))

    # At once nobody would get in to see it.
    stage.deployment.timeline.after(_IN_A_MOMENT_S, end)


def _one_thing_forbidden(stage: Stage) -> None:
    """A right is missing, the session has not ended."""
    _some(stage)
    stage.world.faults.add(failing("*/provisionerdaemons", 403, "Forbidden."))


def _proxy_down(stage: Stage) -> None:
    stage.deployment.proxies = {"sydney": False, "saopaulo": True}
    _some(stage)


def _proxies_up(stage: Stage) -> None:
    stage.deployment.proxies = {"sydney": True, "saopaulo": True}
    _some(stage)


WIRE_CONDITIONS = (
    Condition("N04", "A proxy does not pass websockets", _no_upgrades, _no_metadata_stream),
    Condition("N05", "Streams are cut at one age", _cut_by_age, _cut_now_and_then),
    Condition("V03", "Too many requests", _rate_limited, _overloaded),
    Condition("V05", "The session ends after a moment", _session_ends, _one_thing_forbidden),
    Condition("V08", "Workspace proxy down", _proxy_down, _proxies_up),
)
