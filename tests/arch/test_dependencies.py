"""``docs/dependencies.md`` is the whole truth: what is depended on, why, and through which door.

The lock files pin all of it, with hashes, and name no host.
"""

import ast
import re
import tomllib
from functools import cache
from importlib.metadata import distribution, packages_distributions
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement

from tests.arch.tree import ROOT, Module, canonical, modules, of_tests, package

PAGE: Final = ROOT / "docs" / "dependencies.md"
MOST_BYTES: Final = 45_000_000
SECTIONS: Final = ("Run time", "Build", "Development", "The machine's packages")
PINNED: Final = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)(?: ;[^\\]*)? \\$")
STANDARD_DOORS: Final = {
    "sqlite3": {"podbay.store.sqlite", "podbay.store.sqlite_writer"},
    "http": {"podbay.standalone.admin"},
}


@cache
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def section(title: str) -> str:
    return PAGE.read_text("utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def table(title: str) -> dict[str, list[str]]:
    """Return the rows of a section's table by their first cell."""
    rows = [line for line in section(title).splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {row[0].strip("`"): row[1:] for row in cells}


def doors(title: str) -> dict[str, set[str]]:
    return {name: set(re.findall(r"`([^`]+)`", row[-1])) for name, row in table(title).items()}


def wanted(lines: list[str]) -> dict[str, Requirement]:
    return {canonical(Requirement(line).name): Requirement(line) for line in lines}


def run_time() -> dict[str, Requirement]:
    return wanted(project()["project"]["dependencies"])


def group(name: str) -> dict[str, Requirement]:
    return wanted(project()["dependency-groups"][name])


def pins(name: str) -> dict[str, str]:
    """Return the versions of a lock file. Every entry must have a hash, and nothing else may be in it."""
    found, hashed = {}, set()
    current = ""
    for line in (ROOT / "requirements" / name).read_text("utf-8").splitlines():
        pin = PINNED.match(line)
        if pin:
            current = canonical(pin["name"])
            found[current] = pin["version"]
        else:
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line), f"{name}: {line}"
            hashed.add(current)
    assert set(found) == hashed
    return found


def importers(distribution: str) -> set[str]:
    """Return the package's modules that import a distribution."""
    tops = {top for top, owners in packages_distributions().items() if distribution in map(canonical, owners)}
    assert tops, f"{distribution} is not installed"
    generated = [
        Module(path, ".".join(path.relative_to(ROOT / "src").with_suffix("").parts), text, ast.parse(text))
        for path in sorted((ROOT / "src" / "podbay" / "cri" / "proto").glob("*_pb2.py"))
        for text in [path.read_text("utf-8")]
    ]
    return {
        module.name for module in [*package(), *generated] if tops & {name.split(".")[0] for name in module.imports()}
    }


def test_the_page_lists_what_the_project_asks_for() -> None:
    build = group("build")
    assert [canonical(name) for name in table("Run time")] == sorted(run_time())
    assert sorted(map(canonical, table("Build"))) == sorted(build)
    assert sorted(map(canonical, table("Development"))) == sorted(group("dev"))


def test_every_row_says_what_why_and_where() -> None:
    for title in SECTIONS:
        for name, row in table(title).items():
            assert [cell for cell in row if not cell] == [], f"{name} leaves something unsaid"
            assert len(row) == 3
            assert doors(title)[name], f"{name} has no door"


def test_every_door_is_there() -> None:
    known = {module.name for module in package()} | {"podbay.cri.proto.events_pb2", "podbay.cri.proto.runtime_pb2"}
    there = {
        door for title in SECTIONS for found in doors(title).values() for door in found
        if door in known or (not door.startswith("podbay") and (ROOT / door).exists())
    }  # fmt: skip
    assert {door for title in SECTIONS for found in doors(title).values() for door in found} - there == set()


def test_each_library_comes_in_through_its_doors_only() -> None:
    said = {canonical(name): found for name, found in doors("Run time").items()}
    assert {name: importers(name) for name in said} == said


def test_the_standard_librarys_engines_have_doors_too() -> None:
    for top, said in STANDARD_DOORS.items():
        assert {m.name for m in package() if top in {name.split(".")[0] for name in m.imports()}} == said
        assert all(f"`{door}`" in section("Run time") for door in said)


def test_nothing_is_imported_that_is_not_asked_for() -> None:
    asked = set(run_time())
    for_tests = asked | set(group("dev")) | set(group("build"))
    owners = {top: {canonical(name) for name in names} for top, names in packages_distributions().items()}
    strays = []
    for module in modules():
        allowed = for_tests if module in of_tests() or module.name.startswith("bench") else asked
        for top in {name.split(".")[0] for name in module.imports()}:
            if owners.get(top, set()) - {"podbay"} and not owners[top] & allowed:
                strays.append(f"{module.place}: {top}")
    assert strays == []


def test_the_lock_files_pin_what_is_asked_for() -> None:
    run, dev = pins("run.txt"), pins("dev.txt")
    for name, requirement in run_time().items():
        assert requirement.specifier.contains(run[name]), name
    for name, requirement in (run_time() | group("build") | group("dev")).items():
        assert requirement.specifier.contains(dev[name]), name
    assert {name: version for name, version in dev.items() if name in run} == run


def test_the_page_lists_what_comes_along() -> None:
    told = section("Run time").partition("These bring along:")[2].partition(".\n\n")[0]
    assert set(re.findall(r"`([^`]+)`", told)) == set(pins("run.txt")) - set(run_time())


def test_the_lock_files_name_no_host() -> None:
    for path in (ROOT / "requirements").iterdir():
        text = path.read_text("utf-8")
        assert "://" not in text and "--index" not in text and "--find" not in text and "@ " not in text


def test_the_build_is_pinned_where_it_is_asked_for() -> None:
    asked = wanted(project()["build-system"]["requires"])
    locked = group("build")
    assert {name: str(found.specifier) for name, found in asked.items()} == {
        name: str(locked[name].specifier) for name in asked
    }
    assert all(str(found.specifier).startswith("==") for found in asked.values())


def test_the_page_lists_what_set_up_installs() -> None:
    script = (ROOT / "scripts" / "setup").read_text("utf-8")
    named = set(re.findall(r"^ *want \S+ (\S+)$", script, re.M)) | set(
        re.findall(r"\|\| want \S+ (\S+)$", script, re.M)
    )
    named |= set(re.findall(r'need="\$need ([a-z][\w-]+)"', script))
    assert set(table("The machine's packages")) == named


def programs(module: Module) -> set[str]:
    """Return the programs that a module names where it starts one."""
    starters = {"subprocess.run", "subprocess.Popen", "asyncio.create_subprocess_exec", "run", "network.run"}
    found = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in starters and node.args:
            first = node.args[0]
            first = first.elts[0] if isinstance(first, ast.List) and first.elts else first
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                found.add(first.value)
    return found


def test_every_program_that_is_started_is_on_the_page() -> None:
    said = set(re.findall(r"[\w-]+", section("The machine's packages")))
    started = {name for module in package() for name in programs(module)}
    assert "ip" in started and started - said - {"iptables-save"} == set()


def test_the_machines_doors_name_their_programs() -> None:
    sources = {module.name: module.text for module in package()}
    for name, row in table("The machine's packages").items():
        given = re.findall(r"[\w-]+", row[0])
        for door in doors("The machine's packages")[name]:
            text = sources[door] if door in sources else Path(ROOT, door).read_text("utf-8")
            assert any(word in text for word in [*given, name]), f"{door} does not speak of {name}"


def test_what_is_installed_to_run_stays_small() -> None:
    """As files are laid down by pip, without byte code."""
    sizes = {
        name: sum(
            Path(str(file.locate())).stat().st_size
            for file in distribution(name).files or ()
            if file.suffix != ".pyc" and Path(str(file.locate())).exists()
        )
        for name in pins("run.txt")
    }
    assert all(sizes.values())
    assert sum(sizes.values()) < MOST_BYTES, sorted(sizes.items(), key=lambda item: -item[1])[:5]
