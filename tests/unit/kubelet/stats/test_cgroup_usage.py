from pathlib import Path

from podbay.kubelet.stats.cgroup_usage import first_process, process_count, usage
from podbay.kubelet.stats.samples import CgroupUsage


def files(directory: Path, **contents: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in contents.items():
        (directory / name.replace("__", ".")).write_text(text)


def test_version_1_keeps_an_account_in_each_hierarchy(tmp_path: Path) -> None:
    files(
        tmp_path / "memory/a/b",
        memory__usage_in_bytes="1000\n",
        memory__stat="rss 1\nhierarchical_memory_limit 4096\ntotal_rss 300\ntotal_inactive_file 400\n"
        "total_pgfault 7\ntotal_pgmajfault 2\n",
        cgroup__procs="12\n13\n",
    )
    files(tmp_path / "cpuacct/a/b", cpuacct__usage="5000000000\n")
    files(tmp_path / "pids/a/b", pids__current="3\n")
    assert usage("/a/b", at=1.0, mount=tmp_path) == CgroupUsage(
        at=1.0,
        cpu_ns=5_000_000_000,
        memory_bytes=1000,
        working_set_bytes=600,
        rss_bytes=300,
        page_faults=7,
        major_page_faults=2,
        limit_bytes=4096,
    )
    assert process_count("/a/b", tmp_path) == 3
    assert first_process("/a/b", tmp_path) == 12


def test_version_2_keeps_all_accounts_in_one(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").touch()
    files(
        tmp_path / "a/b",
        memory__current="1000\n",
        memory__max="max\n",
        memory__stat="anon 300\ninactive_file 400\npgfault 7\npgmajfault 2\n",
        cpu__stat="usage_usec 5000000\nuser_usec 1\n",
        pids__current="3\n",
        cgroup__procs="",
    )
    found = usage("/a/b", at=1.0, mount=tmp_path)
    assert found is not None
    assert (found.cpu_ns, found.working_set_bytes, found.rss_bytes, found.limit_bytes) == (
        5_000_000_000,
        600,
        300,
        None,
    )
    assert process_count("/a/b", tmp_path) == 3
    assert first_process("/a/b", tmp_path) is None


def test_the_root_of_version_2_uses_what_the_machine_uses(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").touch()
    stat = "anon 300\ninactive_file 0\npgfault 7\npgmajfault 2\n"
    files(tmp_path, memory__stat=stat, cpu__stat="usage_usec 5\n")
    found = usage("/", at=1.0, mount=tmp_path)
    assert found is not None and found.memory_bytes > 1 << 20 and found.limit_bytes is None


def test_no_limit_is_a_number_that_no_machine_has(tmp_path: Path) -> None:
    stat = "hierarchical_memory_limit 9223372036854771712\ntotal_rss 3\ntotal_inactive_file 4\ntotal_pgfault 7\n"
    files(tmp_path / "memory/a", memory__usage_in_bytes="1", memory__stat=f"{stat}total_pgmajfault 2\n")
    files(tmp_path / "cpuacct/a", cpuacct__usage="5")
    found = usage("/a", at=1.0, mount=tmp_path)
    assert found is not None and found.limit_bytes is None and found.working_set_bytes == 0


def test_a_cgroup_that_is_gone_uses_nothing_that_could_be_told(tmp_path: Path) -> None:
    assert usage("/gone", at=1.0, mount=tmp_path) is None
    assert process_count("/gone", tmp_path) == 0
    assert first_process("/gone", tmp_path) is None
