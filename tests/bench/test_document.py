from bench.document import merged
from bench.table import Row, Section, markdown


def section(*rows: Row) -> Section:
    return Section(name="cli", title="5. Command line", how="As whole processes.", rows=rows)


def test_a_part_is_put_after_the_text_written_by_hand() -> None:
    text = merged("# Benchmarks\n\nHow.\n", {"up": "new\n"}, ["up"])
    assert text == "# Benchmarks\n\nHow.\n\n<!-- begin up -->\nnew\n<!-- end up -->\n"


def test_a_figure_measured_anew_replaces_its_own_part_only() -> None:
    first = merged("# Benchmarks\n", {"up": "one\n", "cli": "two\n"}, ["up", "cli"])
    again = merged(first, {"cli": "three\n"}, ["up", "cli"])
    assert again == first.replace("two", "three")


def test_parts_stand_in_the_order_of_the_figures() -> None:
    late = merged("# Benchmarks\n", {"cli": "two\n"}, ["up", "cli"])
    both = merged(late, {"up": "one\n"}, ["up", "cli"])
    assert both.index("begin up") < both.index("begin cli")


def test_a_missed_goal_is_told_with_its_reason() -> None:
    text = markdown(section(Row(what="start", ours="2 s", goal="1 s", met=False, why="It imports too much.")))
    assert "**no**" in text
    assert "Missed: start. It imports too much." in text


def test_columns_that_no_line_uses_are_left_out() -> None:
    text = markdown(section(Row(what="start", ours="2 s")))
    assert "goal" not in text
    assert "| measured | podbay |" in text
