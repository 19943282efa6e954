"""Figure 5: ``podbay get pods`` beside ``kubectl get pods``, each as a whole process, alternately."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.cluster import BenchError, cluster, kubia_archive, run
from bench.figures import Effort
from bench.pod_watch import MANIFEST
from bench.quantiles import median, paired_ratio, quantile
from bench.table import Row, Section, seconds

_WHY = (
    "The interpreter's own start and the imports are what is left: see the floor's line. Fewer modules on the way of a"
    " plain `get` would close it."
)


def measure(effort: Effort) -> Section:
    """Measure the figure."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise BenchError("kubectl is not installed: put it on the path")
    script = Path(sys.executable).with_name("podbay")
    with cluster("cli") as made:
        made.up()
        made.import_image(kubia_archive())
        made.podbay("create", "-f", str(MANIFEST))
        made.podbay("wait", "--for=condition=Ready", "pod/kubia", "--timeout=30s")
        commands: dict[str, list[str]] = {
            "podbay": [str(script), "get", "pods"],
            "kubectl": [kubectl, "get", "pods"],
            "python": [sys.executable, "-c", "import ssl, http.client"],
        }
        outputs = {name: run(command, made.environment) for name, command in commands.items()}
        if outputs["podbay"].split()[:5] != outputs["kubectl"].split()[:5]:
            raise BenchError(f"the two do not say the same: {outputs}")
        walls: dict[str, list[float]] = {name: [] for name in commands}
        cpus: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(effort.commands):
            for name, command in commands.items():
                wall, cpu = _timed(command, made.environment)
                walls[name].append(wall)
                cpus[name].append(cpu)
    ratio = paired_ratio(walls["podbay"], walls["kubectl"])
    rows = [
        Row(
            what="`get pods`, p50",
            ours=seconds(median(walls["podbay"])),
            beside=f"{seconds(median(walls['kubectl']))} (kubectl)",
            ratio=ratio,
            goal="1.0",
            met=ratio <= 1.0,
            why=_WHY,
        ),
        Row(
            what="`get pods`, p90",
            ours=seconds(quantile(walls["podbay"], 0.9)),
            beside=f"{seconds(quantile(walls['kubectl'], 0.9))} (kubectl)",
        ),
        Row(
            what="`get pods`, CPU time, p50",
            ours=seconds(median(cpus["podbay"])),
            beside=f"{seconds(median(cpus['kubectl']))} (kubectl)",
            ratio=paired_ratio(cpus["podbay"], cpus["kubectl"]),
        ),
        Row(
            what="`get pods` beside Python's start with `ssl` and `http.client`, p50",
            ours=seconds(median(walls["podbay"])),
            beside=f"{seconds(median(walls['python']))} (floor)",
            ratio=paired_ratio(walls["podbay"], walls["python"]),
        ),
    ]
    how = (
        f"Whole processes, {effort.commands} of each in turn, against one cluster with one pod; kubectl's discovery"
        " cache is warm. The ratio is the median of the pairs'."
    )
    return Section(name="cli", title="5. Command line", how=how, rows=rows)


def _timed(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Run a command; return its wall and CPU seconds."""
    began = time.monotonic()
    with subprocess.Popen(list(command), env=dict(environment), stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        took = time.monotonic() - began
        process.returncode = status
    if status:
        raise BenchError(f"{' '.join(command)} failed")
    return took, used.ru_utime + used.ru_stime
