"""Figure 3: memory, CPU and writes of a cluster at rest, with the demo's pod running."""

import sys
import time

from bench.cluster import BenchCluster, cluster, kubia_archive, run
from bench.figures import Effort
from bench.pod_watch import MANIFEST
from bench.processes import Use, shims_of, use
from bench.table import Row, Section, megabytes

_SETTLE_S = 15.0
_MEMORY = 150e6
_CPU = 0.005
_WRITTEN = 10e6


def measure(effort: Effort) -> Section:
    """Measure the figure."""
    with cluster("rest") as made:
        made.up()
        made.import_image(kubia_archive())
        made.podbay("create", "-f", str(MANIFEST))
        made.podbay("wait", "--for=condition=Ready", "pod/kubia", "--timeout=30s")
        time.sleep(_SETTLE_S)
        before = _used(made)
        log = made.place.store.with_name(f"{made.place.store.name}-wal")
        began = time.monotonic()
        time.sleep(effort.rest_s)
        elapsed = time.monotonic() - began
        after = _used(made)
        kept = made.place.store.stat().st_size + (log.stat().st_size if log.exists() else 0)
        floor = _interpreter(made)
    cpu = {part: (after[part].cpu_s - before[part].cpu_s) / elapsed for part in after}
    hourly = (after["podbay"].written_bytes - before["podbay"].written_bytes) / elapsed * 3600
    runtime_hourly = (after["runtime"].written_bytes - before["runtime"].written_bytes) / elapsed * 3600
    whole = after["podbay"].pss_bytes + after["runtime"].pss_bytes
    rows = [
        Row(
            what="memory (PSS), control plane and kubelet",
            ours=megabytes(after["podbay"].pss_bytes),
            beside=f"{megabytes(floor)} (Python with asyncio, ssl, sqlite3)",
            ratio=after["podbay"].pss_bytes / floor,
        ),
        Row(
            what="memory (PSS), with containerd and shims",
            ours=megabytes(whole),
            beside=f"{megabytes(after['runtime'].pss_bytes)} (containerd and shims)",
            ratio=whole / after["runtime"].pss_bytes,
            goal="150 MB",
            met=whole <= _MEMORY,
            why="What the server has imported is most of its share; fewer modules would close it.",
        ),
        Row(what="CPU, control plane and kubelet", ours=f"{cpu['podbay']:.2%} of a core"),
        Row(
            what="CPU, with containerd and shims",
            ours=f"{cpu['podbay'] + cpu['runtime']:.2%} of a core",
            beside=f"{cpu['runtime']:.2%} (containerd and shims)",
            goal="0.5 %",
            met=cpu["podbay"] + cpu["runtime"] <= _CPU,
            why="The line above says whose it is; containerd's share is its own timers.",
        ),
        Row(
            what="written per hour, by control plane and kubelet",
            ours=megabytes(hourly),
            beside=f"{megabytes(runtime_hourly)} (containerd and shims)",
            goal="10 MB",
            met=hourly <= _WRITTEN,
            why="Each node's lease is a commit every ten seconds; what a commit writes is whole pages of SQLite's log.",
        ),
    ]
    how = (
        f"One node, one pod of the demo's image running, {_SETTLE_S:.0f} s of quiet before, then {elapsed:.0f} s:"
        " `smaps_rollup`, `stat` and `io` of each process under /proc. The pod's own process and its sandbox's are the"
        f" user's and not counted. The store and its log have {megabytes(kept)}."
    )
    return Section(name="rest", title="3. At rest", how=how, rows=rows)


def _used(made: BenchCluster) -> dict[str, Use]:
    place = made.place.node(1)
    runtime = [made.pid("node-1", "containerd.pid"), *shims_of(place.socket)]
    return {"podbay": use([made.pid("server.pid")]), "runtime": use(runtime)}


def _interpreter(made: BenchCluster) -> int:
    """Return the PSS of a Python that has imported what any such server needs, and does nothing."""
    code = (
        "import asyncio, ssl, sqlite3, pathlib;"
        "print(next(l.split()[1] for l in pathlib.Path('/proc/self/smaps_rollup').open() if l.startswith('Pss:')))"
    )
    return int(run([sys.executable, "-c", code], made.environment)) * 1024
