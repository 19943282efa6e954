"""``docs/journey.md`` is true: its names are there, in the order in which they call each other, on their floors."""

import ast
import importlib
import inspect
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.arch.test_floors import floors
from tests.arch.tree import ROOT

PAGE = ROOT / "docs" / "journey.md"
STATIONS = 10
NAME = re.compile(r"`(podbay[\w.]*:[\w.]+)`")


@dataclass(frozen=True, slots=True)
class Station:
    """One section of the page."""

    title: str
    text: str

    @property
    def names(self) -> list[str]:
        return NAME.findall(self.text)

    @property
    def floors(self) -> list[str]:
        said = re.search(r"Floors?: ([^.]*)\.", self.text)
        assert said, f"{self.title}: say on which floors it is"
        return re.findall(r"`(\w+)`", said.group(1))


def sections() -> list[Station]:
    parts = PAGE.read_text("utf-8").split("\n## ")[1:]
    return [Station(*part.split("\n", 1)) for part in parts]


def stations() -> list[Station]:
    return [section for section in sections() if section.title[0].isdigit()]


def resolve(name: str) -> Any:
    module, _, path = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


@cache
def words_of(name: str) -> set[str]:
    """Return every name that a name's module uses: what it calls is among them."""
    source = inspect.getsource(importlib.import_module(name.partition(":")[0]))
    tree = ast.parse(source)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return used | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def floor_of(name: str) -> str:
    return name.partition(":")[0].split(".")[1]


def test_there_are_ten_stations_in_order() -> None:
    assert [station.title.partition(".")[0] for station in stations()] == [str(n) for n in range(1, STATIONS + 1)]
    assert [station.title for station in stations() if not station.names] == []


def test_every_name_is_there() -> None:
    named = NAME.findall(PAGE.read_text("utf-8"))
    assert len(named) > 50
    gone = []
    for name in named:
        try:
            resolve(name)
        except (ImportError, AttributeError) as error:
            gone.append(f"{name}: {error}")
    assert gone == []


def test_every_name_is_tied_to_one_before_it() -> None:
    """A name is called by one before it, or pulls from it, or the composition root hands it over."""
    handed_over = words_of("podbay.standalone.server:") | words_of("podbay.standalone.node:")
    strays = []
    for section in sections():
        before: list[str] = []
        for name in section.names:
            module, _, path = name.partition(":")
            callers = [other for other in before if path.split(".")[-1] in words_of(other)]
            sources = [other for other in before if set(other.rpartition(":")[2].split(".")) & words_of(name)]
            neighbours = [other for other in before if other.partition(":")[0] == module]
            if before and not (callers or sources or neighbours or path.split(".")[-1] in handed_over):
                strays.append(f"{section.title}: {name}")
            before.append(name)
    assert strays == []


def test_every_station_is_on_the_floors_that_it_says() -> None:
    there = {name for floor in floors() for name in floor}
    for station in stations():
        steps = [part for part in station.text.split("\n\n") if re.match(r"\d\.", part)]  # what follows is an aside
        visited = list(dict.fromkeys(floor_of(name) for step in steps for name in NAME.findall(step)))
        visited = [floor for floor in visited if floor != "__main__"]
        assert visited == station.floors, station.title
        assert set(visited) <= there


def test_the_pure_steps_are_pure() -> None:
    text = PAGE.read_text("utf-8")
    marked = re.findall(r"`(podbay[\w.]*:[\w.]+)` \(pure\)", text)
    assert {name.split(":")[0] for name in marked} == {
        "podbay.scheduler.cycle", "podbay.kubelet.plan", "podbay.kubelet.status",
    }  # fmt: skip
    assert [name for name in marked if inspect.iscoroutinefunction(resolve(name))] == []
