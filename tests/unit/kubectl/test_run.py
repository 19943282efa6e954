"""The pod that ``run`` makes of its flags."""

import pytest

from podbay.kubectl.commands.run import FLAGS, pod_from
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import parse


def test_a_name_and_an_image_make_a_pod_that_is_labelled_with_its_name() -> None:
    pod = pod_from(parse(FLAGS, ["web", "--image=nginx"]))
    assert pod["metadata"]["labels"] == {"run": "web"}
    assert pod["spec"] == {
        "containers": [{"name": "web", "image": "nginx", "resources": {}}],
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
    }


def test_words_are_arguments_unless_they_are_said_to_be_the_command() -> None:
    words = ["web", "--image=nginx", "--", "sleep", "-x"]
    assert pod_from(parse(FLAGS, words))["spec"]["containers"][0]["args"] == ["sleep", "-x"]
    assert pod_from(parse(FLAGS, ["--command", *words]))["spec"]["containers"][0]["command"] == ["sleep", "-x"]


def test_standard_input_is_closed_after_one_client_unless_it_is_left_open() -> None:
    once = pod_from(parse(FLAGS, ["web", "--image=nginx", "-it"]))["spec"]["containers"][0]
    kept = pod_from(parse(FLAGS, ["web", "--image=nginx", "-i", "--leave-stdin-open"]))["spec"]["containers"][0]
    assert (once["stdin"], once["stdinOnce"], once["tty"]) == (True, True, True)
    assert kept["stdin"] and "stdinOnce" not in kept


def test_overrides_are_merged_into_the_pod() -> None:
    pod = pod_from(parse(FLAGS, ["web", "--image=nginx", '--overrides={"spec":{"nodeName":"n"}}']))
    assert (pod["spec"]["nodeName"], pod["spec"]["restartPolicy"]) == ("n", "Always")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--image=nginx"], "NAME is required for run"),
        (["web"], 'required flag(s) "image" not set'),
        (["web", "--image=UP per"], 'Invalid image name "UP per": invalid reference format'),
        (["web", "--image=a", "-t"], "-i/--stdin is required for containers with -t/--tty=true"),
        (["web", "--image=a", "--port=x"], 'strconv.Atoi: parsing "x": invalid syntax'),
        (["web", "--image=a", "--labels=a"], "unexpected label spec: a"),
        (["web", "--image=a", "--env=A"], "invalid env: A"),
        (
            ["web", "--image=a", "--restart=Never2"],
            "invalid restart policy: Never2",
        ),
    ],
)
def test_flags_that_make_no_pod_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(CommandError) as caught:
        pod_from(parse(FLAGS, words))
    assert caught.value.message.startswith(message)
