"""What the documents say is so: links lead somewhere, commands and flags exist, lists are those of the code."""

import inspect
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from podbay.api.resources import RESOURCES
from podbay.api.validation import unsupported
from podbay.kubectl import dispatch
from podbay.kubectl.catalog import COMMANDS, find_command
from podbay.kubectl.flags import GLOBAL, Flag
from podbay.kubectl.help import pages
from podbay.kubelet import configuration_file
from podbay.standalone import commands
from tests.arch.tree import ROOT, SOURCE

PAGES: Final = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")})
LINK: Final = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
CODE: Final = re.compile(r"`([^`\n]+)`")
OURS: Final = ("k", "podbay", ".venv/bin/podbay")
README: Final = ROOT / "README.md"


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and the text of each code block."""
    yield from re.findall(r"^```(\w*)\n(.*?)^```", text, re.M | re.S)


def prose(text: str) -> str:
    return re.sub(r"^```\w*\n.*?^```", "", text, flags=re.M | re.S)


def command_lines(page: Path) -> list[str]:
    """Return every command line of a page: in code blocks, and in the text where a command of ours begins it."""
    text = page.read_text("utf-8")
    found = []
    for kind, body in blocks(text):
        if kind == "console":
            found += [line[2:] for line in body.splitlines() if line.startswith("$ ")]
        elif kind == "sh":
            found += [line for line in body.splitlines() if line.strip()]
    for code in CODE.findall(prose(text)):
        if code.split()[0] in (*OURS, "make") or code.startswith("scripts/"):
            found.append(code)
    return found


def flags_of(words: list[str]) -> dict[str, Flag]:
    """Return the flags of a command line of kubectl's, by name and by letter."""
    command, module, _ = dispatch.find(words)
    own = pages.flags_of(command.name, module)
    found = {f"--{flag.name}": flag for flag in (*GLOBAL, *own)}
    return found | {f"-{flag.short}": flag for flag in (*GLOBAL, *own) if flag.short}


def problem_of(line: str) -> str:
    """Return what is wrong with a command line, or nothing."""
    words = shlex.split(line, comments=True)
    first, rest = words[0], words[1:]
    if first == "make":
        targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
        return "" if rest[0] in targets else f"no target {rest[0]}"
    if first.startswith("scripts/"):
        return "" if (ROOT / first).exists() else "no such script"
    if first not in OURS:
        return "" if first in ("alias", "cat", "curl", "kubectl", "cd", "kill", "pip", "sudo") else f"what is {first}?"
    if not rest:
        return ""
    command, words = rest[0], rest[1:]
    own = commands._OWN.get(command)
    if own is not None:
        known = {"--name"} | {f"--{name}" for name in re.findall(r'"([\w-]+)"', inspect.getsource(own))}
        strange = [word for word in words if word.startswith("-") and word.partition("=")[0] not in known]
        return f"no flag {strange[0]}" if strange else ""
    if find_command([command]) is None:
        return f"no command {command}"
    known_flags = flags_of(rest)
    for word in words:
        if word == "--":
            break
        given = word.partition("=")[0] if word.startswith("--") else word
        bundled = [f"-{letter}" for letter in word[1:]]
        if word.startswith("-") and given not in known_flags and not set(bundled) <= set(known_flags):
            return f"no flag {word}"
    return ""


def test_every_link_leads_somewhere() -> None:
    broken = []
    for page in PAGES:
        for target in LINK.findall(page.read_text("utf-8")):
            path, _, anchor = target.partition("#")
            if "://" in target:
                continue
            aim = page if not path else (page.parent / path)
            if not aim.exists():
                broken.append(f"{page.name}: {target}")
            elif anchor:
                titles = re.findall(r"^#+ (.*)$", aim.read_text("utf-8"), re.M)
                slugs = {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}
                if anchor not in slugs:
                    broken.append(f"{page.name}: {target}")
    assert broken == []


def test_every_command_line_exists() -> None:
    wrong = {f"{page.name}: {line}": problem_of(line) for page in PAGES for line in command_lines(page)}
    assert {line: problem for line, problem in wrong.items() if problem} == {}
    assert len(command_lines(README)) > 15


def test_every_path_that_is_named_is_there() -> None:
    """A path of the repository, or of the package, which the pages name without ``src/podbay``."""
    missing = []
    for page in PAGES:
        for code in CODE.findall(prose(page.read_text("utf-8"))):
            is_path = re.fullmatch(r"[\w./-]+/[\w./-]*|[\w-]+\.(?:py|md|toml)", code) and not code.startswith("/")
            made = code.startswith((".venv", ".cache", "data/", "http"))
            if is_path and not made and not any((place / code).exists() for place in (ROOT, SOURCE, ROOT / "docs")):
                missing.append(f"{page.name}: {code}")
    assert missing == []


def part_of(text: str, begin: str, end: str) -> set[str]:
    return set(CODE.findall(text.partition(begin)[2].partition(end)[0]))


def test_the_readme_lists_the_kinds_and_commands_that_there_are() -> None:
    text = README.read_text("utf-8")
    assert part_of(text, "server-side field validation:", ".\n") == {resource.plural for resource in RESOURCES}
    assert part_of(text, "output and exit codes:", ".\n") == {name for name in COMMANDS if " " not in name}


def test_the_readme_lists_the_fields_that_are_refused_and_the_volumes_that_are_not() -> None:
    """Who honours a field takes it off the README's list, so that the list stays the whole truth."""
    text = README.read_text("utf-8")
    data = json.loads((SOURCE / "api" / "schema" / "data" / "structure.json").read_text("utf-8"))
    of_pods, of_containers = (
        set(data[f"io.k8s.api.core.v1.{kind}"]["properties"]) for kind in ("PodSpec", "Container")
    )
    honoured = {*unsupported._POD_SPEC, *unsupported._CONTAINER}
    assert (
        part_of(text, "These fields of pods are refused:", "and other volumes") == (of_pods | of_containers) - honoured
    )
    volumes = unsupported._POD_SPEC["volumes"]
    assert isinstance(volumes, unsupported.Fields)
    assert part_of(text, "Volumes:", ".\n") == set(volumes.rules) - {"name"}


def test_the_page_of_settings_lists_those_that_a_node_takes() -> None:
    rows = [line for line in (ROOT / "docs" / "settings.md").read_text("utf-8").splitlines() if line.startswith("| `")]
    assert {row.split("`")[1] for row in rows} == set(configuration_file._FIELDS)


def test_the_readme_is_short() -> None:
    assert len(README.read_text("utf-8").split()) < 1200


def test_the_directories_of_the_readme_are_those_of_the_code() -> None:
    from podbay.standalone import cluster

    text = README.read_text("utf-8")
    for root in (cluster.LOG_ROOT, cluster.STATE_ROOT, cluster.RUN_ROOT):
        assert f"`{root}/NAME" in text
    assert f"NAME is `{cluster.DEFAULT}`" in text


def test_the_help_tells_every_command_of_ours() -> None:
    told = set(re.findall(r"^  ([\w-]+)  ", commands._HELP, re.M))
    assert told == set(commands._OWN)


def test_the_pages_about_pods_have_the_same_transcripts_in_both_languages() -> None:
    blocks = [
        re.findall(r"```\w+\n(.*?)```", (ROOT / "docs" / name).read_text("utf-8"), re.DOTALL)
        for name in ("pods.md", "pods.zh-CN.md")
    ]
    assert blocks[0] and blocks[0] == blocks[1]
