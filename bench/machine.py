"""On what and when something was measured: one line of text."""

import datetime as dt
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path


def describe() -> str:
    """Return date, machine, load and the versions of what takes part."""
    date = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    parts = [
        f"{date}; {_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}",
        f"load {os.getloadavg()[0]:.1f}",
        f"Python {platform.python_version()}",
    ]
    parts += [
        f"{name} {version}"
        for name, command in (
            ("containerd", ["containerd", "--version"]),
            (_low_level(), [_low_level(), "--version"]),
            ("kubectl", ["kubectl", "version", "--client"]),
            ("podman", ["podman", "--version"]),
        )
        if (version := _version(command))
    ]
    return "Measured " + ", ".join(parts) + "."


def _low_level() -> str:
    return "runc" if shutil.which("runc") else "crun"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(command: list[str]) -> str:
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    found = re.search(r"\d+\.\d+\.\d+", done.stdout)
    return found[0] if found else ""
