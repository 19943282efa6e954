"""Go templates: what kubectl 1.33 prints for the same template and object."""

from typing import Any

import pytest

from podbay.kubectl.errors import CommandError
from podbay.kubectl.printers.golang import go_syntax, go_value
from podbay.kubectl.printers.gotemplate import GoTemplate

POD: Any = {
    "kind": "Pod",
    "metadata": {"name": "web", "labels": {"b": "2", "a": "1"}},
    "spec": {"containers": [{"name": "c", "image": "busybox"}, {"name": "d"}], "grace": 1000000, "host": False},
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{.metadata.name}} {{.spec.grace}} {{.spec.host}}", "web 1000000 false"),
        ("{{.metadata.labels}} {{.spec.nope}} {{.nope.nope}}", "map[a:1 b:2] <no value> <no value>"),
        ("{{range $i, $c := .spec.containers}}{{$i}}={{$c.name}};{{end}}", "0=c;1=d;"),
        ("{{range $k, $v := .metadata.labels}}{{$k}}{{$v}}{{end}}", "a1b2"),
        ("{{range .nope}}x{{else}}none{{end}}", "none"),
        ('{{if .nope}}a{{else if eq .kind "Pod"}}b{{else}}c{{end}}', "b"),
        ("{{with .metadata}}{{.name}}{{end}}{{$x := .kind}}{{$x}}{{$.kind}}", "webPodPod"),
        ("{{range .spec.containers}}{{if eq .name `d`}}{{break}}{{end}}{{.name}}{{end}}", "c"),
        ('{{printf "%s-%d %v|%5s|%-3s|%q" .kind 3 .metadata.name "a" "b" "c"}}', 'Pod-3 web|    a|b  |"c"'),
        ("{{.metadata.name | printf `%s!`}}{{(index .spec.containers 1).name}}{{len .spec.containers}}", "web!d2"),
        ('{{"cGFzcw==" | base64decode}}{{exists . "metadata" "name"}}{{exists . "x"}}', "passtruefalse"),
        ("a {{- .kind -}} b{{/* told */}}", "aPodb"),
        ("{{and .kind .nope}}{{or .nope .kind}}{{not .kind}}", "<no value>Podfalse"),
        ('{{html "<a>"}}{{slice .kind 1 2}}{{"a\\tb"}}', "&lt;a&gt;oa\tb"),
    ],
)
def test_templates_are_filled_in_as_go_does(template: str, text: str) -> None:
    assert GoTemplate(template).render(POD) == text


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{{nope}}", 'error parsing template {{nope}}, template: output:1: function "nope" not defined'),
        ("{{if}}", "missing value for if"),
        ("{{range .}}", "unexpected EOF"),
        ("{{.a", "unclosed action"),
        ('{{define "x"}}{{end}}', "podbay does not support define"),
    ],
)
def test_what_is_no_template_is_refused(template: str, problem: str) -> None:
    with pytest.raises(CommandError) as caught:
        GoTemplate(template)
    assert problem in caught.value.message


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{{.kind.x}}", "can't evaluate field x in type interface {}"),
        ("{{index .spec.containers 5}}", "error calling index: index out of range: 5"),
    ],
)
def test_what_cannot_be_filled_in_is_told(template: str, problem: str) -> None:
    with pytest.raises(CommandError) as caught:
        GoTemplate(template).render(POD)
    assert problem in caught.value.message


def test_values_are_written_as_go_writes_them() -> None:
    value = {"b": [1, True, None], "a": "x"}
    assert go_value(value) == "map[a:x b:[1 true <nil>]]"
    assert go_syntax(value) == ('map[string]interface {}{"a":"x", "b":[]interface {}{1, true, interface {}(nil)}}')
