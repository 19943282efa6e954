"""Figure 4: the API server under load: requests, fan-out, and how it stays answering while much goes on.

One cluster for all of it. Every number has the same measure of a bare server in another process beside it: the same
HTTP library, TLS and bytes, and nothing else.
"""

import asyncio
import json
from collections.abc import Sequence

from bench.cluster import BenchCluster, BenchError, cluster, kubia_archive
from bench.connection import open_connection, request
from bench.figures import Effort
from bench.figures.api_crowd import crowd_rows
from bench.figures.api_fanout import fanout_rows
from bench.figures.api_requests import request_rows
from bench.table import Row, Section


def measure(effort: Effort) -> Section:
    """Measure the figure."""
    with cluster("api") as made:
        made.up()
        made.import_image(kubia_archive())
        rows, size = asyncio.run(_rows(made, effort))
    how = (
        "Load generators and bare servers are processes of their own on the same machine, in turn with podbay"
        " where they load it alike. A ratio is that of the p50s. `CREATE` is answered when the object is on"
        " the disk; the bare server appends to a file and syncs it, many appends in one sync. A delivery's"
        " time begins when the change is sent and ends when a watcher has it. The list of"
        f" {effort.stored_pods} pods has {size / 1e6:.1f} MB."
    )
    return Section(name="api", title="4. The API server", how=how, rows=rows)


async def _rows(made: BenchCluster, effort: Effort) -> tuple[Sequence[Row], int]:
    await _make_namespace(made)
    rows, size = await request_rows(made, effort)
    rows += await fanout_rows(made, effort)
    rows += await crowd_rows(made, effort)
    return rows, size


async def _make_namespace(made: BenchCluster) -> None:
    connection = await open_connection(made.port, made.tls())
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "stored"}}
    status, answer = await connection.ask(request("POST", "/api/v1/namespaces", json.dumps(body).encode()))
    connection.close()
    if status != 201:
        raise BenchError(f"create namespace: {status} {answer.decode()}")
