"""The file of policies is read again when it changes, and a broken one changes nothing."""

from pathlib import Path

import pytest

from podbay.apiserver.policies import Policy
from podbay.standalone.errors import ClusterError
from podbay.standalone.policy_file import PolicyFile

LINE = '{"apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy", "spec": {"user": "%s"}}\n'


def test_policies_come_and_go_with_the_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "policies.jsonl"
    file = PolicyFile(path)
    assert file.policies() == ()
    path.write_text(LINE % "jane")
    assert file.policies() == [Policy(user="jane")]
    path.write_text("broken")
    assert file.policies() == [Policy(user="jane")]
    assert "the policies stay as they were" in caplog.text
    path.unlink()
    assert file.policies() == ()


def test_a_file_that_is_broken_from_the_start_is_told(tmp_path: Path) -> None:
    path = tmp_path / "policies.jsonl"
    path.write_text("broken")
    with pytest.raises(ClusterError, match=r"policies\.jsonl: line 1: "):
        PolicyFile(path)
