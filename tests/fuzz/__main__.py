"""Made and raw bytes against what reads from the network: `python -m tests.fuzz [--frames N]`."""

# a tool for the command line

from __future__ import annotations

import argparse
import importlib
import pkgutil
import time
from pathlib import Path


def targets() -> list[str]:
    """Modules of this folder that have `run(frames, seed)`."""
    names = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])]
    return [name for name in names if name not in ("__main__", "grammar")]


def main() -> None:
    """Run every target with its share of the frames."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1_000_000, help="frames for each target")
    parser.add_argument("--seed", type=int, default=None, help="first seed; default: the clock")
    parser.add_argument("--target", choices=targets(), action="append")
    options = parser.parse_args()
    seed = time.time_ns() % 1_000_000_000 if options.seed is None else options.seed
    for name in options.target or targets():
        print(f"{name}: from seed {seed}", flush=True)
        importlib.import_module(f"tests.fuzz.{name}").run(options.frames, seed)


if __name__ == "__main__":
    main()
