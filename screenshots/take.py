"""Make the pictures of the README: the real program on the embedded deployment's scripted fleet, photographed.

    python screenshots/take.py [NAME ...]

Nothing of the machine that makes them is in them: the live agent of this machine is left out.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from textual.pilot import Pilot

from agentdash.cli.dashboard import make_context, session_opener
from agentdash.config.secret import Secret
from agentdash.config.settings import Settings
from agentdash.local import world
from agentdash.local.records import Deployment
from agentdash.local.server import Served, serve_in_loop
from agentdash.ui.app import AgentDash

FOLDER = Path(__file__).parent
SETTLE_S = 4.0


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: its size, the settings, and the keys that lead there (`=text` types, `~s` waits)."""

    size: tuple[int, int]
    keys: tuple[str, ...] = ()
    theme: str = "agentdash"
    is_ascii: bool = False


PICTURES = {
    "fleet": Picture((120, 36)),
    "agent": Picture((120, 36), ("slash", "=name:prebuild script:exit", "enter", "enter", "~3", "4")),
    "triage": Picture((120, 36), ("T", "~6")),
    "prebuilds": Picture((120, 36), ("P", "~6")),
    "fleet-narrow": Picture((80, 24)),
    "confirm": Picture((120, 36), ("slash", "=name:cart", "enter", "R", "~1")),
    "light": Picture((120, 36), theme="agentdash-light"),
    "ascii": Picture((100, 30), is_ascii=True),
}


@asynccontextmanager
async def served() -> AsyncIterator[Served]:
    """The scripted fleet in motion, without this machine."""
    deployment = Deployment()
    fleet = world.build_fleet(deployment)
    async with serve_in_loop(deployment, viewer=fleet.user("ops")) as running:
        motion = asyncio.create_task(world.run(fleet))
        try:
            yield running
        finally:
            motion.cancel()
            await asyncio.gather(motion, return_exceptions=True)


async def take(name: str, picture: Picture) -> None:
    """Take one picture and write it beside this file."""
    async with served() as running:
        settings = Settings(
            url=running.url, token=Secret(running.token.reveal()), theme=picture.theme, ascii=picture.is_ascii
        )
        context = make_context(settings)
        app = AgentDash(context, session_opener(settings, {}))
        async with app.run_test(size=picture.size) as pilot:
            await asyncio.sleep(SETTLE_S)
            for key in picture.keys:
                await press(pilot, key)
            await asyncio.sleep(1)
            await pilot.pause()
            svg = app.export_screenshot(title="agentdash")
            app.exit(0)
    (FOLDER / f"{name}.svg").write_text(clean(svg, running.url), encoding="utf-8")


async def press(pilot: Pilot[int], key: str) -> None:
    """One step of a picture."""
    if key.startswith("~"):
        await asyncio.sleep(float(key[1:]))
    elif key.startswith("="):
        for character in key[1:]:
            await pilot.press({" ": "space", ":": "colon"}.get(character, character))
    else:
        await pilot.press(key)
    await pilot.pause()


def clean(svg: str, url: str) -> str:
    """Without web fonts, which a picture in a README may not load, and without the random port."""
    svg = re.sub(r"@font-face\s*{.*?}", "", svg, flags=re.DOTALL)
    host = url.removeprefix("http://")
    # As wide as the address it replaces, so that every column stays where it is.
    return svg.replace(host, "coder.acme.test".ljust(len(host))[: len(host)].replace(" ", "&#160;"))


async def main(names: list[str]) -> None:
    """Take the named pictures, or all."""
    for name in names or PICTURES:
        await take(name, PICTURES[name])
        print(f"{name}.svg")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
