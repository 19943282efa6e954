"""``python -m bench``: measures figures, prints their tables, and writes them into ``docs/benchmarks.md``."""

import argparse
import importlib
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench import document, machine
from bench.cluster import BenchError
from bench.figures import QUICK, Effort
from bench.table import Section, markdown
from podbay.cri.runtime import RuntimeFailure

FIGURES = ("up", "pods", "rest", "api", "cli", "full")
_HERE: Final = Path(__file__).parent
_FAILURES: Final = (BenchError, OSError, RuntimeError, RuntimeFailure, subprocess.SubprocessError, ExceptionGroup)


def main(arguments: Sequence[str]) -> int:
    """Run the command; return 1 if a figure could not be measured. A goal that is missed is a result."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("figures", nargs="*", choices=[*FIGURES, []], help="which figures; none: all")
    parser.add_argument("--quick", action="store_true", help="few repetitions, and the document is left alone")
    parser.add_argument("--install-podman", action="store_true", help="install Debian's podman if it is missing")
    options = parser.parse_args(arguments)
    if os.geteuid() != 0:
        sys.stderr.write("error: containers need root: run it with sudo\n")
        return 1
    effort = replace(QUICK if options.quick else Effort(), install_podman=options.install_podman)
    failed = False
    for name in options.figures or FIGURES:
        began = time.monotonic()
        try:
            section: Section = importlib.import_module(f"bench.figures.{name}").measure(effort)
        except _FAILURES as error:
            sys.stderr.write(f"error: {name}: {_told(error)}\n")
            failed = True
            continue
        print(markdown(section))
        print(f"({name}: {time.monotonic() - began:.0f} s)\n", flush=True)
        if not options.quick:
            document.write([section], machine.describe(), FIGURES)
    return 1 if failed else 0


def _told(error: Exception) -> str:
    """Return an error's text, or for one that has none what it is and where in the benchmark it came up."""
    if str(error):
        return str(error)
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(_HERE)
    ]
    where = frames[-1]  # this module's, if no other
    path = Path(where.filename).relative_to(_HERE.parent)
    return f"{type(error).__name__} in {where.name}, {path}:{where.lineno}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
