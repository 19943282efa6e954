"""Processes that outlive us: started in a session of their own, found again by a file, stopped by pid.

Takes a command; gives its pid. A pid is trusted only together with the process's start time, so that a number used
again is never mistaken.
Source: proc(5), pidfd_open(2).
"""

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from podbay.kubelet import cgroups
from podbay.standalone.errors import ClusterError


def start(command: Sequence[str], *, log: Path, pid_file: Path, cgroup: str = "") -> int:
    """Start a process in a session and a cgroup of its own, its output in ``log``; write its pid file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    pid_file.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
            env=_environment(),
        )
    process.returncode = 0  # it is watched by its pid: Popen is not to look after it, nor to warn that it still runs
    if cgroup:
        cgroups.join(cgroup, process.pid)
    write_pid(pid_file, process.pid)
    return process.pid


def _environment() -> dict[str, str]:
    """Return our environment for a process that starts elsewhere: relative places to import from would be lost."""
    paths = os.environ.get("PYTHONPATH", "")
    absolute = os.pathsep.join(os.path.abspath(path) for path in paths.split(os.pathsep) if path)
    return {**os.environ, **({"PYTHONPATH": absolute} if paths else {})}


def write_pid(pid_file: Path, pid: int) -> None:
    """Write a pid with its start time."""
    partial = pid_file.with_suffix(".partial")
    partial.write_text(f"{pid} {_started(pid)}\n")
    partial.replace(pid_file)


def claim(pid_file: Path, what: str) -> None:
    """Write our own pid. Raises ClusterError if another process has the place."""
    pid = running(pid_file)
    if pid is not None and pid != os.getpid():
        raise ClusterError(f"{what} runs already, as process {pid}")
    pid_file.parent.mkdir(parents=True, exist_ok=True)
    write_pid(pid_file, os.getpid())


def running(pid_file: Path) -> int | None:
    """Return the pid of the process that a file names, or None if it does not run any more."""
    try:
        pid_text, started = pid_file.read_text().split()
    except (OSError, ValueError):
        return None
    pid = int(pid_text)
    return pid if _started(pid) == started and _state(pid) != "Z" else None


def stop(pid_file: Path, *, patience_s: float = 10.0) -> bool:
    """End the process that a file names: asked first, then killed. Return whether there was one."""
    pid = running(pid_file)
    if pid is None:
        pid_file.unlink(missing_ok=True)
        return False
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            if running(pid_file) == pid:
                os.kill(pid, signal.SIGTERM)
                if not _wait(descriptor, pid, patience_s):
                    os.kill(pid, signal.SIGKILL)
                    _wait(descriptor, pid, patience_s)
        finally:
            os.close(descriptor)
    pid_file.unlink(missing_ok=True)
    return True


def kill(pids: Iterable[int], *, patience_s: float = 5.0) -> None:
    """End processes at once, and wait until they are gone."""
    descriptors = {}
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            descriptors[pid] = os.pidfd_open(pid)
            signal.pidfd_send_signal(descriptors[pid], signal.SIGKILL)
    for pid, descriptor in descriptors.items():
        _wait(descriptor, pid, patience_s)
        os.close(descriptor)


async def ended(pid: int) -> None:
    """Return when a process has ended, whoever started it."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_reader(descriptor, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        _reap(pid)


def _reap(pid: int) -> None:
    """Take the exit status of a process, if it is a child of ours."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _wait(descriptor: int, pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        left = deadline - time.monotonic()
        ready, _, _ = select.select([descriptor], [], [], max(0.0, left))
        if ready:
            _reap(pid)
            return True
        if left <= 0:
            return False


def _started(pid: int) -> str:
    fields = _stat(pid)
    return fields[19] if fields else ""


def _state(pid: int) -> str:
    fields = _stat(pid)
    return fields[0] if fields else ""


def _stat(pid: int) -> list[str]:
    """Return the fields of ``/proc/PID/stat`` after the command's name."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def last_words(log: Path) -> str:
    """Return the last line of a log, or what stands for it."""
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except OSError:
        return "it left no log"
    return lines[-1][:500] if lines else "it said nothing"
