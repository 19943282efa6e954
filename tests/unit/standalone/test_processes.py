"""Processes that outlive whoever started them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from podbay.standalone import processes


def test_what_is_started_imports_from_where_we_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"here{os.pathsep}/there")
    script = "import json, os; print(json.dumps([os.getcwd(), os.environ['PYTHONPATH']]))"
    pid = processes.start([sys.executable, "-c", script], log=tmp_path / "log", pid_file=tmp_path / "pid")
    os.waitpid(pid, 0)
    assert json.loads((tmp_path / "log").read_text()) == ["/", f"{tmp_path}/here{os.pathsep}/there"]


def test_a_process_number_that_is_used_again_is_not_mistaken(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "100"]) as process:
        pid_file = tmp_path / "pid"
        processes.write_pid(pid_file, process.pid)
        assert processes.running(pid_file) == process.pid
        pid_file.write_text(f"{process.pid} 1\n")
        assert processes.running(pid_file) is None
        assert not processes.stop(pid_file)
        process.kill()


def test_a_process_is_asked_to_end_before_it_is_killed(tmp_path: Path) -> None:
    script = (
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(0)); print('on', flush=True); time.sleep(99)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        processes.write_pid(tmp_path / "pid", process.pid)
        assert processes.stop(tmp_path / "pid")
        assert not (tmp_path / "pid").exists()


def test_a_process_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); print('on', flush=True); time.sleep(99)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        processes.write_pid(tmp_path / "pid", process.pid)
        assert processes.stop(tmp_path / "pid", patience_s=0.05)
