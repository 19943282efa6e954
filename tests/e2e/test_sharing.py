"""What the containers of one pod share and what they do not; what two pods share: nothing."""

from tests.e2e.harness import SLEEP, RealCluster, fetch, pod, shell, until


def test_containers_of_a_pod_share_network_hostname_and_ipc_but_no_processes(cluster: RealCluster) -> None:
    serve = "echo served-by-web > /tmp/index.html; exec httpd -f -p 8000 -h /tmp"
    cluster.apply(pod("pair", shell("web", serve), shell("other", SLEEP)))
    try:
        cluster.wait_ready("pair")
        assert cluster.exec("pair", "wget", "-q", "-O", "-", "http://localhost:8000", container="other") == (
            "served-by-web\n"
        )
        assert cluster.exec("pair", "hostname", container="web") == "pair\n"
        assert cluster.exec("pair", "hostname", container="other") == "pair\n"
        cluster.exec("pair", "sh", "-c", "echo shared > /dev/shm/object", container="web")
        assert cluster.exec("pair", "cat", "/dev/shm/object", container="other") == "shared\n"
        namespaces = [
            cluster.exec("pair", "sh", "-c", "for n in ipc uts net pid mnt; do readlink /proc/self/ns/$n; done",
                         container=name).split()
            for name in ("web", "other")
        ]  # fmt: skip
        same = [one == other for one, other in zip(*namespaces, strict=True)]
        assert same == [True, True, True, False, False]
        assert "httpd" not in cluster.exec("pair", "ps", container="other")
        cluster.exec("pair", "touch", "/only-here", container="web")
        assert "only-here" not in cluster.exec("pair", "ls", "/", container="other")
    finally:
        cluster.wait_gone("pair")


def test_a_pod_that_shares_processes_shows_them_and_its_sandbox_reaps(cluster: RealCluster) -> None:
    cluster.apply(pod("seen", shell("one", SLEEP), shell("two", "exec sleep 4242"), shareProcessNamespace=True))
    try:
        cluster.wait_ready("seen")
        processes = cluster.exec("seen", "ps", container="one")
        assert "sleep 4242" in processes
        assert "catatonit" in processes.splitlines()[1]
        cluster.exec("seen", "sh", "-c", "(sleep 0.1 &) ; true", container="one")
        until(
            lambda: " Z " not in cluster.exec("seen", "ps", "-o", "pid,stat,comm", container="one"),
            "orphans are reaped",
        )
    finally:
        cluster.wait_gone("seen")


def test_two_containers_that_bind_one_port_collide_and_two_pods_do_not(cluster: RealCluster) -> None:
    serve = "exec httpd -f -p 8000"
    cluster.apply(
        pod("collide", shell("first", serve), shell("second", f"sleep 1; {serve}")),
        pod("apart-1", shell("web", serve)),
        pod("apart-2", shell("web", serve)),
    )
    try:
        cluster.wait_ready("apart-1", "apart-2")

        def restarted() -> bool:
            statuses = cluster.get("pod", "collide")["status"].get("containerStatuses", [])
            return any(s["name"] == "second" and s["restartCount"] > 0 for s in statuses)

        until(restarted, "the second container fails and is started again")
        statuses = {s["name"]: s for s in cluster.get("pod", "collide")["status"]["containerStatuses"]}
        assert statuses["first"]["restartCount"] == 0
        assert "running" in statuses["first"]["state"]
    finally:
        cluster.wait_gone("collide", "apart-1", "apart-2")


def test_a_sidecar_downloads_what_the_web_server_serves(cluster: RealCluster) -> None:
    mounts = [{"name": "content", "mountPath": "/content"}]
    download = f"echo fetched > /content/index.html; {SLEEP}"
    cluster.apply(
        pod(
            "sidecar",
            shell("web", "exec httpd -f -p 80 -h /content", volumeMounts=mounts),
            shell("downloader", download, volumeMounts=mounts),
            volumes=[{"name": "content", "emptyDir": {}}],
        )
    )
    try:
        (made,) = cluster.wait_ready("sidecar")
        url = f"http://{made['status']['podIP']}"
        until(lambda: fetch(f"{url}/index.html") == "fetched\n", "the file is served")
    finally:
        cluster.wait_gone("sidecar")
