"""The light reader of plain YAML: whatever it reads, the real parser reads the same; what it cannot, it leaves."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podbay.wire import plain_yaml, yaml

CONFIG = """\
apiVersion: v1
kind: Config
# a comment
clusters:
- cluster:
    certificate-authority-data: LS0tLS1CRUdJTg==
    server: https://127.0.0.1:6443
    insecure-skip-tls-verify: true
  name: podbay
users:
  - name: podbay
    user:
      token: "a b"
contexts: []
preferences: {}
current-context: 'podbay'
extra:
"""
SCALARS = st.one_of(
    st.booleans(), st.none(), st.text(max_size=12), st.integers(), st.sampled_from(["on", "1e3", "a: b", "- x", "#c"])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def test_a_kubeconfig_is_read_like_by_the_real_parser() -> None:
    found = plain_yaml.load(CONFIG)
    assert found == next(yaml.load_all(CONFIG))
    assert found["clusters"][0]["cluster"]["insecure-skip-tls-verify"] is True


@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=4))
def test_what_it_reads_of_any_document_is_what_the_real_parser_reads(document: dict[str, Any]) -> None:
    text = yaml.dump(document)
    found = plain_yaml.load(text)
    assert found is None or found == next(yaml.load_all(text))


@given(st.text(alphabet="ab:- \n#'\"{}[]&*!|>%@,1.", max_size=40))
def test_what_it_reads_of_any_text_is_what_the_real_parser_reads(text: str) -> None:
    found = plain_yaml.load(text)
    if found is not None:
        assert found == next(yaml.load_all(text), None)


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "---\na: b\n", "a: &x b\n", "a: |\n  b\n", "a: 1\n", "a: 2026-01-01\n", "a: on\n", "on: a\n",
        "a: {b: c}\n", 'a: "b\\n"\n', "a: b\n c\n", "a:\n- b\n-\n", "a: b\na: c\n", "a: b # c\n", "\ta: b\n",
        "a: b: c\n",
    ],
)  # fmt: skip
def test_what_is_not_plain_is_left_to_the_real_parser(text: str) -> None:
    assert plain_yaml.load(text) is None
