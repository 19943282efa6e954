"""Help pages: every command and every flag is told, and asking for help runs nothing."""

import pytest

from podbay.kubectl.catalog import COMMANDS, find_command
from podbay.kubectl.dispatch import dispatch
from podbay.kubectl.help.pages import all_flags, overview
from podbay.kubectl.help.suggestions import similar
from podbay.kubectl.help.texts import EXAMPLES, FLAG_TEXTS, GROUPS, SUMMARIES


def test_every_command_has_a_summary_and_every_top_one_a_group() -> None:
    assert set(SUMMARIES) == set(COMMANDS)
    assert {name for names in GROUPS.values() for name in names} == {name for name in COMMANDS if " " not in name}
    assert set(EXAMPLES) <= set(COMMANDS)


def test_every_flag_of_every_command_is_told() -> None:
    missing = [
        f"{command} --{flag.name}"
        for command, flags in all_flags().items()
        for flag in flags
        if f"{command} {flag.name}" not in FLAG_TEXTS and flag.name not in FLAG_TEXTS
    ]
    assert missing == []


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_is_printed_for_each_command_and_nothing_is_run(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch([*name.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert SUMMARIES[name] in shown
    assert f"Usage:\n  podbay {name}" in shown


def test_an_alias_means_its_command() -> None:
    command = find_command(["create", "cm"])
    assert command is not None and command.name == "create configmap"


def test_the_overview_names_every_top_command() -> None:
    assert all(f"\n  {name} " in overview() for name in COMMANDS if " " not in name)


@pytest.mark.parametrize(
    ("word", "meant"), [("gte", "get"), ("creat", "create"), ("lgs", "logs"), ("descr", "describe")]
)
def test_a_misspelt_command_is_told_what_it_may_have_meant(
    word: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert meant in similar(word)
    assert dispatch([word]) == 1
    assert f'unknown command "{word}" for "podbay"\n\nDid you mean this?\n\t' in capsys.readouterr().err


def test_a_command_that_kubectl_has_and_podbay_has_not_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["drain", "n1", "--force"]) == 1
    assert capsys.readouterr().err == 'error: podbay does not have the command "drain" yet\n'


def test_flags_may_stand_before_a_subcommand(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["-n", "x", "create", "--dry-run=client", "-o", "name", "configmap", "c"]) == 0
    assert capsys.readouterr().out == "configmap/c\n"
