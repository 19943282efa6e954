"""The house's floors: imports only go down, and every folder has its floor.

The rules are in ``.importlinter``; ``docs/architecture.md`` tells them in words.
"""

import ast
import configparser
import re
import subprocess
import sys
from pathlib import Path

from tests.arch.tree import ROOT, SOURCE, calls, package

# What decides, and so may neither wait nor ask anybody: the same arguments always give the same answer.
DECIDING = (
    "podbay.api",
    "podbay.client.event_correlation",
    "podbay.client.requests",
    "podbay.controllers.volume_decisions",
    "podbay.kubelet.actions",
    "podbay.kubelet.conditions",
    "podbay.kubelet.container_status",
    "podbay.kubelet.initialization",
    "podbay.kubelet.observed",
    "podbay.kubelet.phase",
    "podbay.kubelet.news",
    "podbay.kubelet.plan",
    "podbay.kubelet.resources",
    "podbay.kubelet.security",
    "podbay.kubelet.status",
    "podbay.scheduler",
)
# The scheduler's loop, queue and writes: all else of it decides.
ACTING = ("podbay.scheduler.bind", "podbay.scheduler.prebind", "podbay.scheduler.queue", "podbay.scheduler.scheduler")
IMPURE = (
    "asyncio", "aiohttp", "grpclib", "http", "socket", "sqlite3", "ssl", "subprocess", "threading", "time", "random",
    "podbay.client.rest", "podbay.client.transport", "podbay.client.informer", "podbay.client.reflector",
    "podbay.cri.client", "podbay.lib.tasks", "podbay.serving", "podbay.store",
)  # fmt: skip


def contracts() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    return parser


def floors() -> list[list[str]]:
    lines = contracts()["importlinter:contract:floors"]["layers"].strip().splitlines()
    return [[name.strip() for name in line.split("|")] for line in lines]


def within(name: str, folders: tuple[str, ...]) -> bool:
    return any(name == folder or name.startswith(f"{folder}.") for folder in folders)


def test_every_import_rule_holds() -> None:
    """In a process of its own: import-linter's command sets the logging of its process up anew."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--config", ".importlinter"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_folder_has_a_floor() -> None:
    placed = sorted(name for floor in floors() for name in floor)
    there = sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))
    assert placed == there, "place a new folder in .importlinter and docs/architecture.md before it gets code"
    assert contracts()["importlinter:contract:floors"]["exhaustive"] == "True"


def test_no_module_stands_outside_the_floors() -> None:
    assert sorted(path.name for path in SOURCE.glob("*.py")) == ["__init__.py", "__main__.py"]


def test_what_decides_neither_waits_nor_asks() -> None:
    deciding = [m for m in package() if within(m.name, DECIDING) and not within(m.name, ACTING)]
    assert [name for name in DECIDING if not any(within(module.name, (name,)) for module in deciding)] == []
    imported = {module.name: [name for name in module.imports() if within(name, IMPURE)] for module in deciding}
    assert {name: found for name, found in imported.items() if found} == {}
    assert [
        module.name for module in deciding if any(isinstance(f, ast.AsyncFunctionDef) for f in module.functions())
    ] == []


def test_tasks_are_made_in_one_place() -> None:
    makers = {"create_task", "ensure_future", "TaskGroup"}
    found = {module.name for module in package() for _, name in calls(module) if name.rpartition(".")[2] in makers}
    assert found == {"podbay.lib.tasks"}


def test_threads_are_made_by_the_stores_writer_and_the_command_line_only() -> None:
    found = {module.name for module in package() if module.imports() & {"threading", "concurrent.futures"}}
    assert {name for name in found if not within(name, ("podbay.kubectl",))} == {"podbay.store.sqlite_writer"}


def test_the_page_has_the_floors_of_the_rules() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d) \| `(\w+)` \|", page, re.M)
    told: dict[int, list[str]] = {}
    for number, name in rows:
        told.setdefault(int(number), []).append(name)
    assert [sorted(told[number]) for number in sorted(told, reverse=True)] == [sorted(floor) for floor in floors()]


def test_only_the_storage_reads_and_writes_the_store() -> None:
    users = {
        module.name for module in package() if within(module.name, ("podbay.apiserver",)) if "_store." in module.text
    }
    assert users == {"podbay.apiserver.storage.cache", "podbay.apiserver.storage.objects"}
