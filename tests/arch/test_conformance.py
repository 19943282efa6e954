"""What the tests say of upstream's conformance tests holds together, and its page is the current one."""

import ast

from tests.arch.tree import ROOT
from tests.conformance.document import document
from tests.conformance.names import HERE, Carrier, Name, carrier, carriers, names, rows

FOUND = list(carriers())
NAMES = names(FOUND)


def function(docstring: str) -> ast.FunctionDef:
    node = ast.parse(f'def test_it() -> None:\n    """{docstring}"""').body[0]
    assert isinstance(node, ast.FunctionDef)
    return node


def test_the_page_is_what_the_tests_say() -> None:
    page = (ROOT / "docs" / "conformance.md").read_text("utf-8")
    assert page == document(NAMES), "run `python -m tests.conformance`"


def test_every_carried_name_is_one_of_upstreams() -> None:
    known = {name.name for name in NAMES}
    assert not [(one.place, name) for one in FOUND for name in one.names if name not in known]


def test_every_test_that_carries_a_name_lists_its_assertions() -> None:
    assert not [one.place for one in FOUND if not one.listed]


def test_a_compared_list_names_the_file_that_upstreams_test_is_in() -> None:
    sources = {name.name: name.source for name in NAMES}
    wrong = [
        one.place
        for one in FOUND
        if one.compared and {sources[name] for name in one.names if name in sources} != set(one.compared)
    ]
    assert not wrong


def test_a_name_that_waits_is_carried_by_no_test() -> None:
    assert not [name.name for name in NAMES if name.waits_for and name.covered]
    assert {name for name, _ in rows(HERE / "waiting.tsv")} <= {name.name for name in NAMES}


def test_names_are_read_over_line_ends_and_one_after_the_other() -> None:
    read = carrier("tests/e2e/test_x.py", function("[sig-a] one\n    two\n    [sig-b] three\n\n    - so: here\n    "))
    assert read == Carrier("tests/e2e/test_x.py", "test_it", ("[sig-a] one two", "[sig-b] three"), True, ())


def test_a_name_without_a_list_is_not_counted_and_without_a_source_not_compared() -> None:
    bare = Carrier("m", "test_it", ("[sig-a] one",), False, ("test/e2e/a.go",))
    listed = Carrier("m", "test_it", ("[sig-a] one",), True, ("test/e2e/b.go",))
    assert not Name("[sig-a] one", "test/e2e/a.go", (bare,)).covered
    name = Name("[sig-a] one", "test/e2e/a.go", (listed,))
    assert name.covered
    assert not name.compared


def test_only_tests_against_real_containers_carry_names() -> None:
    assert FOUND and list(carriers(ROOT / "tests")) == FOUND
