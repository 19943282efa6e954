"""The audit log of a cluster: what ``up`` is told of it is kept when it is understood, and only then."""

from pathlib import Path

import pytest

from podbay.apiserver.audit.policy import Level, Rule
from podbay.lib.clock import ManualClock
from podbay.standalone import auditing
from podbay.standalone import cluster as places
from podbay.standalone.cluster import Cluster
from podbay.standalone.errors import ClusterError

POLICY = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    for root in ("STATE_ROOT", "RUN_ROOT", "LOG_ROOT"):
        monkeypatch.setattr(places, root, tmp_path / root)
    cluster = Cluster("a")
    for directory in (cluster.state, cluster.log):
        directory.mkdir(parents=True)
    return cluster


@pytest.fixture
def policy(tmp_path: Path) -> str:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return str(path)


async def test_a_cluster_that_was_told_nothing_audits_nothing(made: Cluster) -> None:
    assert auditing.read(made, {}) == {}
    assert auditing.auditor(made, ManualClock()) is None


async def test_a_policy_alone_is_followed_and_the_log_is_beside_the_servers(made: Cluster, policy: str) -> None:
    assert not auditing.configure(made, auditing.read(made, {"audit-policy-file": policy}))
    auditor = auditing.auditor(made, ManualClock())
    assert auditor is not None
    await auditor.log.close()
    assert auditor.policy.rules == (Rule(level=Level.METADATA),)
    assert (made.log / "audit.log").stat().st_mode & 0o777 == 0o600


def test_what_was_said_before_stays_when_something_else_is_said(made: Cluster, policy: str, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "a.log"
    auditing.configure(made, auditing.read(made, {"audit-policy-file": policy, "audit-log-path": str(log)}))
    numbers = {"audit-log-maxsize": "1", "audit-log-maxbackup": "2", "audit-log-maxage": "3"}
    auditing.configure(made, auditing.read(made, numbers))
    assert auditing.kept(made) == auditing.Auditing(
        policy=POLICY, path=str(log), max_size_mb=1, max_backups=2, max_age_days=3
    )


def test_a_path_is_kept_whole_wherever_up_was_typed(
    made: Cluster, policy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert auditing.read(made, {"audit-policy-file": policy, "audit-log-path": "a.log"})["path"] == f"{tmp_path}/a.log"
    assert auditing.read(made, {"audit-policy-file": policy, "audit-log-path": "-"})["path"] == "-"


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ({"audit-log-path": "-"}, "an audit log needs a policy"),
        ({"audit-policy-file": "/none"}, r"--audit-policy-file: .*No such file"),
        ({"audit-log-path": "/proc/none/audit.log"}, r"--audit-log-path: .*No such file"),
        ({"audit-log-maxsize": "much"}, "--audit-log-maxsize must be a number"),
        ({"audit-log-maxage": "-1"}, "--audit-log-maxage -1 can't be a negative number"),
    ],
)
def test_what_cannot_be_done_is_refused(made: Cluster, flags: dict[str, str], problem: str) -> None:
    with pytest.raises(ClusterError, match=problem):
        auditing.read(made, flags)


def test_a_policy_that_cannot_be_followed_is_refused_in_upstreams_words(made: Cluster, tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\n")
    with pytest.raises(ClusterError) as raised:
        auditing.read(made, {"audit-policy-file": str(path)})
    assert str(raised.value) == f"loading audit policy file: loaded illegal policy with 0 rules: from file {path}"


@pytest.mark.parametrize("text", ["{", "[]", '{"policy": 1}'])
def test_a_kept_file_that_was_broken_is_told(made: Cluster, text: str) -> None:
    made.audit_file.write_text(text)
    with pytest.raises(ClusterError, match=r"audit\.json is broken"):
        auditing.auditor(made, ManualClock())
