"""Flags as pflag reads them."""

import pytest

from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Flag, duration_s, parse

FLAGS = (
    Flag(name="stdin", short="i", kind="bool", default=False),
    Flag(name="tty", short="t", kind="bool", default=False),
    Flag(name="tail", kind="int", default=-1),
    Flag(name="filename", short="f", kind="list"),
    Flag(name="env", kind="list"),
    Flag(name="dry-run", default="none", optional="unchanged"),
)


@pytest.mark.parametrize("words", [["-n", "a"], ["-na"], ["-n=a"], ["--namespace", "a"], ["--namespace=a"]])
def test_a_value_may_be_written_in_each_of_pflags_ways(words: list[str]) -> None:
    assert parse(FLAGS, words)["namespace"] == "a"


def test_short_switches_stand_together_and_the_last_may_take_a_value() -> None:
    parsed = parse(FLAGS, ["-itn", "a", "pod"])
    assert (parsed["stdin"], parsed["tty"], parsed["namespace"], parsed.words) == (True, True, "a", ["pod"])


def test_flags_may_stand_after_words_but_not_after_two_dashes() -> None:
    parsed = parse(FLAGS, ["pod", "-i", "--", "ls", "-t"])
    assert (parsed.words, parsed.after, parsed["stdin"], parsed["tty"]) == (["pod"], ["ls", "-t"], True, False)


def test_what_follows_the_first_word_can_be_left_alone() -> None:
    assert parse(FLAGS, ["pod", "-i"], stop_at_word=True).words == ["pod", "-i"]


def test_a_switch_takes_its_value_only_after_an_equals_sign() -> None:
    parsed = parse(FLAGS, ["--stdin=false", "-t", "false"])
    assert (parsed["stdin"], parsed["tty"], parsed.words) == (False, True, ["false"])


def test_lists_grow_by_commas_and_by_repetition_but_variables_keep_their_commas() -> None:
    parsed = parse(FLAGS, ["-f", "a,b", "-f", "c", "--env", "A=1,2"])
    assert (parsed["filename"], parsed["env"]) == (["a", "b", "c"], ["A=1,2"])


def test_a_flag_with_an_optional_value_does_not_take_the_next_word() -> None:
    parsed = parse(FLAGS, ["--dry-run", "pod"])
    assert (parsed["dry-run"], parsed.words) == ("unchanged", ["pod"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--nope"], "unknown flag: --nope"),
        (["-z"], "unknown shorthand flag: 'z' in -z"),
        (["--namespace"], "flag needs an argument: --namespace"),
        (["-n"], "flag needs an argument: 'n' in -n"),
        (
            ["--tail=x"],
            'invalid argument "x" for "--tail" flag: strconv.ParseInt: parsing "x": invalid syntax',
        ),
        (
            ["--stdin=x"],
            'invalid argument "x" for "-i, --stdin" flag: strconv.ParseBool: parsing "x": invalid syntax',
        ),
    ],
)
def test_a_wrong_line_is_refused_in_pflags_words(words: list[str], message: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse(FLAGS, words)
    assert caught.value.message == message


@pytest.mark.parametrize(("text", "seconds"), [("1h30m", 5400.0), ("500ms", 0.5), ("0", 0.0), ("-1s", -1.0)])
def test_durations_are_read_as_go_reads_them(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "s", "1x"])
def test_a_text_that_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(CommandError):
        duration_s(text, "--timeout")
