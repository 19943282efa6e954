"""How the code is written: its size, its heads, and what no file may hold."""

import ast
from collections.abc import Callable, Iterable

from tests.arch.tree import ROOT, SOURCE, Module, calls, modules, of_tests, package

MODULE_LINES = 600
FUNCTION_LINES = 80
NAMES_OF_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "stuff", "base", "core"}
STEP_S = 0.05  # the longest step between two looks of a loop that waits for a condition
MARKS = ("TODO", "FIXME", "XXX", "HACK")
WAYS_OUT = {
    "pytest.skip", "pytest.xfail", "pytest.importorskip", "pytest.mark.skip", "pytest.mark.skipif",
    "pytest.mark.xfail", "unittest.skip", "unittest.skipIf", "self.skipTest",
}  # fmt: skip


def offences(of: Iterable[Module], find: Callable[[Module], Iterable[str]]) -> list[str]:
    """Return where a rule is broken, as lines that one can jump to."""
    return [f"{module.place}: {found}" for module in of for found in find(module)]


def test_a_module_is_read_in_one_sitting() -> None:
    def too_long(module: Module) -> list[str]:
        lines = len(module.text.splitlines())
        return [f"{lines} lines"] if lines > MODULE_LINES else []

    assert offences(modules(), too_long) == []


def test_a_function_fits_on_a_screen_or_two() -> None:
    def too_long(module: Module) -> list[str]:
        lengths = {f.name: (f.end_lineno or f.lineno) - f.lineno + 1 for f in module.functions()}
        return [f"{name} has {lines} lines" for name, lines in lengths.items() if lines > FUNCTION_LINES]

    assert offences(modules(), too_long) == []


def test_a_module_says_what_it_is() -> None:
    def silent(module: Module) -> list[str]:
        head = ast.get_docstring(module.tree) or ""
        return [] if head.partition("\n\n")[0].rstrip()[-1:] in tuple(".:") else ["no sentence at its head"]

    assert offences(package(), silent) == []


def test_a_module_has_a_name_of_the_domain() -> None:
    assert offences(package(), lambda module: set(module.name.split(".")) & NAMES_OF_NOTHING) == []


def test_nothing_is_put_off() -> None:
    def put_off(module: Module) -> list[str]:
        found = [line.strip() for line in module.text.splitlines() if any(mark in line for mark in MARKS)]
        raised = [ast.unparse(node) for node in ast.walk(module.tree) if isinstance(node, ast.Raise)]
        return found + [text for text in raised if "NotImplementedError" in text]

    assert offences(package(), put_off) == []


def test_no_type_check_is_switched_off_without_a_reason() -> None:
    def unexplained(module: Module) -> list[str]:
        found = [line.partition("# type: ignore")[2] for line in module.text.splitlines() if "# type: ignore" in line]
        return [rest or "# type: ignore" for rest in found if not (rest.startswith("[") and "#" in rest)]

    assert offences(package(), unexplained) == []


def test_no_test_is_left_out() -> None:
    def left_out(module: Module) -> set[str]:
        return {ast.unparse(node) for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)} & WAYS_OUT

    assert offences(of_tests(), left_out) == []


def test_no_test_waits_for_time_to_pass() -> None:
    """A sleep of nothing lets others run; any other is the step of a loop that waits for a condition."""

    def sleeps(module: Module) -> list[str]:
        loops = [node for node in ast.walk(module.tree) if isinstance(node, ast.While)]
        steps = {id(node) for loop in loops for node in ast.walk(loop)}
        found = []
        for call, name in calls(module):
            if name in ("asyncio.sleep", "time.sleep", "sleep"):
                length = float(str(call.args[0].value)) if isinstance(call.args[0], ast.Constant) else STEP_S + 1
                if length and (length > STEP_S or id(call) not in steps):
                    found.append(f"line {call.lineno}: {ast.unparse(call)}")
        return found

    assert offences(of_tests(), sleeps) == []


def test_every_test_is_collected() -> None:
    """pytest looks into ``test_*.py`` only; what the suites hold is inherited there."""

    def lost(module: Module) -> list[str]:
        names = [f.name for f in module.functions() if f.name.startswith("test_")]
        return [] if module.path.name.startswith("test_") or "suites" in module.path.parts else names

    assert offences(of_tests(), lost) == []


def test_unit_tests_mirror_the_package() -> None:
    unit = ROOT / "tests" / "unit"
    folders = {path.parent.relative_to(unit) for path in unit.rglob("test_*.py")}
    assert [str(folder) for folder in folders if not (SOURCE / folder).is_dir()] == []
